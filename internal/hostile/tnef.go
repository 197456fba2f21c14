package hostile

import (
	"encoding/binary"
	"slices"
)

func le16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func le32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func be32(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// Attributes and properties ([MS-OXTNEF] section 2.1.3, [MS-OXPROPS]).
const (
	tnefTitle      = 0x00018010
	tnefData       = 0x0006800F
	tnefRendering  = 0x00069002
	tnefAttachment = 0x00069005
	mapiData       = 0x3701
	mapiLongName   = 0x3707
	mapiObject     = 0x000D
	mapiBinary     = 0x0102
	mapiString8    = 0x001E
)

// tnefAttribute is one attribute of an attachment.
func tnefAttribute(id int, value []byte) []byte {
	sum := 0
	for _, c := range value {
		sum += int(c)
	}
	return slices.Concat([]byte{2}, le32(id), le32(len(value)), value, le16(sum))
}

// tnefStream is a stream of attributes.
func tnefStream(attributes ...[]byte) []byte {
	return slices.Concat([]byte{0x78, 0x9F, 0x3E, 0x22, 1, 0}, slices.Concat(attributes...))
}

// mapiProperty is a property of variable length.
func mapiProperty(id, typ int, value []byte) []byte {
	return slices.Concat(le16(typ), le16(id), le32(1), le32(len(value)), value, make([]byte, -len(value)&3))
}

// tnefFile is an attached file.
func tnefFile(name string, content []byte) []byte {
	return tnefStream(
		tnefAttribute(tnefRendering, make([]byte, 14)),
		tnefAttribute(tnefTitle, append([]byte(name), 0)),
		tnefAttribute(tnefData, content),
	)
}

// tnefCases are row 12.
func tnefCases() []Case {
	e := []byte(EICAR())
	plain := tnefFile("e.dat", e)
	bad := slices.Clone(plain)
	bad[len(bad)-1] ^= 0x55
	huge := slices.Clone(plain)
	binary.LittleEndian.PutUint32(huge[len(huge)-2-len(e)-4:], 1<<32-1)
	property := tnefStream(tnefAttribute(tnefRendering, make([]byte, 14)),
		tnefAttribute(tnefAttachment, slices.Concat(le32(1), mapiProperty(mapiData, mapiBinary, e))))
	message := []byte{7, 3, 2, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46} // IID_IMessage
	nested := tnefStream(tnefAttribute(tnefRendering, make([]byte, 14)),
		tnefAttribute(tnefAttachment, slices.Concat(le32(1), mapiProperty(mapiData, mapiObject, slices.Concat(message, plain)))))
	as := func(typ string, stream []byte) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, "Content-Type: "+typ+"\n"+is64+"\n"+lines64(string(stream))))
	}
	const declared = "application/ms-tnef; name=winmail.dat"
	return []Case{
		{12, "valid", as(declared, plain), found()},
		{12, "by name", as("application/octet-stream; name=WinMail.DAT", plain), found()},
		{12, "by octets", as("application/octet-stream; name=e.bin", plain), found()},
		{12, "vnd", as("application/vnd.ms-tnef", plain), found()},
		{12, "as text", as("text/plain", plain), found()},
		{12, "checksum", as(declared, bad), found("mime.tnef")},
		{12, "cut in the checksum", as(declared, plain[:len(plain)-1]), found("mime.tnef")},
		{12, "cut in the data", as(declared, plain[:len(plain)-20]), noted("mime.tnef")},
		{12, "length of 2³²−1", as(declared, huge), noted("mime.tnef")},
		{12, "property", as(declared, property), found()},
		{12, "nested", as(declared, nested), found()},
		{12, "in a message", mail("Content-Type: message/rfc822\n\n" + string(as(declared, plain))), found()},
		{12, "alone", mail("Content-Type: " + declared + "\n" + is64 + "\n" + lines64(string(plain))), found()},
		{12, "name refused", as(declared, tnefFile("run.js", []byte("var a"))), refused("attachment.banned")},
	}
}
