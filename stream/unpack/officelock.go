package unpack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"hash"
	"strings"
)

// Excel opens a workbook that is encrypted with one certain password without
// asking for any, so what such a file holds is not hidden from anyone but a
// scanner ([MS-OFFCRYPTO] section 2.3.4, [MS-XLS] section 2.2.10).

const (
	officePassword = "VelvetSweatshop"
	// maxSpin is how many rounds of hashing are made of a password: 100,000,
	// what Office asks for, 50 ms. Files that ask for more stay shut.
	maxSpin = 100_000
	// maxLocks is on how many documents of a message it is tried: 4.
	maxLocks = 4
	// lockInfo is the longest description of an encryption that is read:
	// 64 KiB; that of Office is of 2.
	lockInfo = 64 << 10
	// lockSegment is what is encrypted as one piece (section 2.3.4.15).
	lockSegment = 4096
)

// unlock tells what is in an encrypted package if Excel's password opens it.
func (o *office) unlock(pack *cfbNode) bool {
	if !strings.EqualFold(pack.name, "EncryptedPackage") {
		return false
	}
	for i := range o.c.entries {
		n := &o.c.entries[i]
		if n.kind != cfbStream || n.parent != pack.parent || !strings.EqualFold(n.name, "EncryptionInfo") {
			continue
		}
		if o.b.locks++; o.b.locks > maxLocks {
			return false
		}
		var open func(b []byte)
		o.read(n, lockInfo, func(info []byte) { open = officeKey(info) })
		return open != nil && o.unpackage(pack, open)
	}
	return false
}

// unpackage tells the package that open decrypts in place.
func (o *office) unpackage(pack *cfbNode, open func([]byte)) bool {
	runs := o.c.runs(pack)
	size := int64(total(runs))
	if size < 8 || !o.grow(size) {
		return false
	}
	defer o.b.shrink(size)
	b := bytes.Join(runs, nil)
	plain := b[8:]
	plain = plain[:len(plain)/aes.BlockSize*aes.BlockSize]
	open(plain)
	plain = plain[:min(le64(b, 0), uint64(len(plain)))]
	o.whole(Member{Names: []string{"package"}, Size: int64(len(plain))}, plain)
	return true
}

// officeKey returns what decrypts a package, nil if the password is another.
func officeKey(info []byte) func([]byte) {
	if len(info) < 12 {
		return nil
	}
	switch major, minor := le16(info, 0), le16(info, 2); {
	case major == 4 && minor == 4:
		return agileKey(info[8:])
	case major >= 2 && major <= 4 && minor == 2:
		return standardKey(info[8:])
	}
	return nil
}

// spun is the hash of salt and password, hashed again with each round's number.
func spun(h hash.Hash, salt []byte, rounds int) []byte {
	h.Reset()
	h.Write(salt)
	for _, c := range []byte(officePassword) {
		h.Write([]byte{c, 0})
	}
	sum := make([]byte, 4, 4+h.Size())
	sum = h.Sum(sum)
	for i := range rounds {
		binary.LittleEndian.PutUint32(sum, uint32(i))
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:4])
	}
	return sum[4:]
}

// standardKey is of AES-128 to 256 in single blocks (sections 2.3.4.5 to
// 2.3.4.9).
func standardKey(b []byte) func([]byte) {
	size := int(le32(b, 0))
	if len(b) < 4 || size < 32 || size > len(b)-4 {
		return nil
	}
	bits := int(le32(b, 4+16))
	v := b[4+size:]
	if len(v) < 4+16+16+4+32 || bits != 128 && bits != 192 && bits != 256 {
		return nil
	}
	h := sha1.New()
	key := sha1.Sum(append(spun(h, v[4:20], 50_000), 0, 0, 0, 0))
	var derived []byte
	for _, fill := range []byte{0x36, 0x5C} {
		pad := bytes.Repeat([]byte{fill}, 64)
		for i, c := range key {
			pad[i] ^= c
		}
		sum := sha1.Sum(pad)
		derived = append(derived, sum[:]...)
	}
	block, err := aes.NewCipher(derived[:bits/8])
	if err != nil {
		return nil
	}
	open := func(b []byte) {
		for ; len(b) >= aes.BlockSize; b = b[aes.BlockSize:] {
			block.Decrypt(b, b)
		}
	}
	input, want := bytes.Clone(v[20:36]), bytes.Clone(v[40:72])
	open(input)
	open(want)
	if sum := sha1.Sum(input); !bytes.Equal(sum[:], want[:sha1.Size]) {
		return nil
	}
	return open
}

// An agileSalt is one set of parameters in the XML of section 2.3.4.10.
type agileSalt struct {
	Salt   string `xml:"saltValue,attr"`
	Bits   int    `xml:"keyBits,attr"`
	Hash   string `xml:"hashAlgorithm,attr"`
	Cipher string `xml:"cipherAlgorithm,attr"`
	Mode   string `xml:"cipherChaining,attr"`
	Spin   int    `xml:"spinCount,attr"`
	Input  string `xml:"encryptedVerifierHashInput,attr"`
	Want   string `xml:"encryptedVerifierHashValue,attr"`
	Key    string `xml:"encryptedKeyValue,attr"`
}

// usable tells whether all of it is as Office writes it.
func (a *agileSalt) usable() bool {
	return a.Cipher == "AES" && a.Mode == "ChainingModeCBC" && agileHash(a.Hash) != nil &&
		(a.Bits == 128 || a.Bits == 192 || a.Bits == 256)
}

func agileHash(name string) hash.Hash {
	switch name {
	case "SHA1", "SHA-1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	case "SHA384":
		return sha512.New384()
	case "SHA512":
		return sha512.New()
	}
	return nil
}

// Block keys of section 2.3.4.13.
const (
	agileInput = "\xFE\xA7\xD2\x76\x3B\x4B\x9E\x79"
	agileWant  = "\xD7\xAA\x0F\x6D\x30\x61\x34\x4E"
	agileValue = "\x14\x6E\x0B\xE7\xAB\xAC\xD0\xD6"
)

// agileKey is of sections 2.3.4.10 to 2.3.4.15.
func agileKey(b []byte) func([]byte) {
	var info struct {
		Data agileSalt   `xml:"keyData"`
		Keys []agileSalt `xml:"keyEncryptors>keyEncryptor>encryptedKey"`
	}
	if xml.Unmarshal(b, &info) != nil || len(info.Keys) == 0 || !info.Data.usable() {
		return nil
	}
	k := &info.Keys[0] // that of a password comes first
	if !k.usable() || k.Spin < 0 || k.Spin > maxSpin {
		return nil
	}
	salt, h := octets64(k.Salt), agileHash(k.Hash)
	sum := spun(h, salt, k.Spin)
	open := func(purpose, packed string) []byte {
		key := append(hashed(h, sum, []byte(purpose)), bytes.Repeat([]byte{0x36}, 32)...)
		plain := octets64(packed)
		if !uncbc(key[:k.Bits/8], salt, plain) {
			return nil
		}
		return plain
	}
	input, want, key := open(agileInput, k.Input), open(agileWant, k.Want), open(agileValue, k.Key)
	if right := hashed(h, input); len(want) < len(right) || !bytes.Equal(right, want[:len(right)]) || len(key) < info.Data.Bits/8 {
		return nil
	}
	key, salt, h = key[:info.Data.Bits/8], octets64(info.Data.Salt), agileHash(info.Data.Hash)
	return func(b []byte) {
		for i := uint32(0); len(b) > 0; i++ {
			n := min(lockSegment, len(b))
			uncbc(key, hashed(h, salt, binary.LittleEndian.AppendUint32(nil, i)), b[:n])
			b = b[n:]
		}
	}
}

func hashed(h hash.Hash, parts ...[]byte) []byte {
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// octets64 undoes base64, nil if it is none.
func octets64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// uncbc decrypts AES-CBC in place. A vector is cut, or filled with 0x36.
func uncbc(key, iv, b []byte) bool {
	block, err := aes.NewCipher(key)
	if err != nil || len(b)%aes.BlockSize != 0 || len(b) == 0 {
		return false
	}
	full := bytes.Repeat([]byte{0x36}, aes.BlockSize)
	copy(full, iv)
	cipher.NewCBCDecrypter(block, full).CryptBlocks(b, b)
	return true
}
