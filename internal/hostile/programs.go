package hostile

import (
	"fmt"
	"slices"
	"strings"
)

// viewCases are rows 31 and 32.
func viewCases() []Case {
	var nine strings.Builder
	nine.WriteString("Content-Type: multipart/mixed; boundary=b0")
	for i := range 12 {
		fmt.Fprintf(&nine, "; boundary=b%d", i)
	}
	nine.WriteString("\n\n")
	for i := range 12 {
		fmt.Fprintf(&nine, "--b%d\n%s", i, eicarPart())
	}
	large := "Content-Type: text/plain\n" + mixed("boundary=b") + "\n" +
		between("b", "\n"+strings.Repeat("The quick brown canary jumps over the lazy fox.\n", 8000), eicarPart())
	last := mail(strings.Replace(nine.String(), eicarPart(), text, 11)) // only the last has it
	return []Case{
		{31, "second view is larger", mail(large), found()},
		{31, "nine views", mail(nine.String()), found("mime.views")},
		{31, "nine views, payload in the last", last, noted("mime.views")},
		{32, "one engine knows it", attached("e.dat", EICAR()), found()},
	}
}

// programCases are what single mail programs read, beyond the table: 33.
func programCases() []Case {
	e := EICAR()
	b := mixed("boundary=b") + "\n"
	inner := string(inside(mixed("boundary=c"), "c"))
	part := func(fields, body string) []byte { return mail(b + between("b", text, fields+"\n"+body)) }
	const script = "var a = 1\n"
	ics := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nATTACH;FMTTYPE=application/octet-stream;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=e.dat:\n " +
		strings.Join(strings.Split(strings.TrimSpace(lines64(e)), "\n"), "\n ") + "\nEND:VEVENT\nEND:VCALENDAR\n"
	return []Case{
		// Thunderbird decodes BinHex in text, and takes the name of a file from
		// Content-Name.
		{33, "BinHex", mail("\n(This file must be converted with BinHex 4.0)\n\n" + binHex("e.dat", e)), found()},
		{33, "BinHex as type", part("Content-Type: application/mac-binhex40; name=e.hqx\n", "(This file must be converted with BinHex 4.0)\n\n"+binHex("e.dat", e)), found()},
		{33, "BinHex by name", part("Content-Type: application/octet-stream; name=e.hqx\n", binHex("e.dat", e)), found()},
		{33, "BinHex in one line", mail("\n(This file must be converted with BinHex 4.0)\n\n" + strings.ReplaceAll(binHex("e.dat", e+strings.Repeat(" ", 60)), "\n", "") + "\n"), found()},
		{33, "Content-Name", part("Content-Type: application/octet-stream\nContent-Name: run.js\n", script), refused("attachment.banned")},
		{33, "X-Sun-Data-Name", part("Content-Type: application/octet-stream\nX-Sun-Data-Name: run.js\n", script), refused("attachment.banned")},
		{33, "script by type, without a name", part("Content-Type: application/javascript\n", script), refused("attachment.banned")},
		{33, "message/rfc822 with another type's name", part("Content-Type: message/rfc822; name=a.txt\n"+is64, lines64(inner)), found()},
		{33, "multipart without subtype", inside("Content-Type: multipart; boundary=b\n", "b"), found()},
		{33, "multipart, empty subtype", inside("Content-Type: multipart/; boundary=b\n", "b"), found()},
		{33, "multipart, blanks around the slash", inside("Content-Type: multipart / mixed; boundary=b\n", "b"), found()},
		{33, "multipart, unknown subtype", inside("Content-Type: multipart/x-canary; boundary=b\n", "b"), found()},
		{33, "multipart, comment in the type", inside("Content-Type: multipart(x)/mixed; boundary=b\n", "b"), found()},
		{33, "type as encoded word", inside("Content-Type: =?us-ascii?Q?multipart/mixed?=; boundary=b\n", "b"), foundOr("mime.type")},
		{33, "type in quotes", inside("Content-Type: \"multipart/mixed\"; boundary=b\n", "b"), foundOr("mime.type")},
		{33, "no MIME-Version", raw("Subject: x\n" + mixed("boundary=b") + "\n" + between("b", text, eicarPart())), found()},
		{33, "MIME-Version 2", raw("MIME-Version: 2.0\n" + mixed("boundary=b") + "\n" + between("b", text, eicarPart())), found()},
		{33, "alternative: first", mail("Content-Type: multipart/alternative; boundary=b\n\n" + between("b", eicarPart(), text)), found()},
		{33, "external in the epilogue of an inner multipart", mail(b + "--b\n" + mixed("boundary=c") + "\n" + between("c", text) + "--c\n" + eicarPart() + "--b--\n"), found()},
		// Apple Mail opens AppleSingle, Outlook and the phone's calendars what
		// an invitation carries.
		{33, "AppleDouble", mail(b + between("b", text, "Content-Type: multipart/appledouble; boundary=c\n\n"+between("c", "Content-Type: application/applefile\n"+is64+"\nAAUWBwACAAA=\n", eicarPart()))), found()},
		{33, "AppleSingle", part("Content-Type: application/applefile; name=e.dat\n"+is64, lines64(string(appleSingle(1, e)))), found()},
		{33, "AppleSingle, resource fork", part("Content-Type: application/applefile; name=e.dat\n"+is64, lines64(string(appleSingle(2, e)))), found()},
		{33, "AppleSingle in zip", attached("a.zip", string(zipOf(zipEntry{name: "e.dat", data: appleSingle(1, e), method: deflated}))), found()},
		// Safari opens its archives of pages, in both forms of property lists.
		{33, "web archive", attached("a.webarchive", string(plistOf([]byte("<html>harmless</html>"), []byte(e)))), found()},
		{33, "web archive, file of a page", attached("a.webarchive", string(plistOf([]byte(`<html><a href="data:application/octet-stream;base64,`+b64(e)+`">x</a></html>`)))), found()},
		{33, "web archive in XML", attached("a.webarchive", `<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict><key>WebMainResource</key><dict><key>WebResourceData</key><data>`+lines64(e)+`</data></dict></dict></plist>`), found()},
		{33, "MacBinary", part("Content-Type: application/macbinary; name=e.bin\n"+is64, lines64(string(macBinary("e.dat", e)))), found()},
		{33, "file in an invitation", part("Content-Type: text/calendar; method=REQUEST\n", ics), found()},
		{33, "photo of a contact", part("Content-Type: text/vcard\n", "BEGIN:VCARD\nVERSION:3.0\nPHOTO;ENCODING=b;TYPE=JPEG:"+b64(e)+"\nEND:VCARD\n"), foundOr("mime.uu")},
		{33, "file in a calendar by name", attached("a.ics", "\xef\xbb\xbfX-A:b\n"+ics), found()},
		{33, "program in an invitation", part("Content-Type: text/calendar\n", strings.Replace(ics, "e.dat", "run.js", 1)), refused("attachment.banned")},
		{33, "file in an invitation as data: address", part("Content-Type: text/calendar\n", "BEGIN:VCALENDAR\nATTACH;X-FILENAME=e.dat:data:application/octet-stream;base64,\n "+b64(e)+"\nEND:VCALENDAR\n"), found()},
		{33, "sound of a contact, quoted-printable", part("Content-Type: text/x-vcard\n", "BEGIN:VCARD\nVERSION:2.1\nSOUND;QUOTED-PRINTABLE:"+escaped(e, "=%02X")+"\nEND:VCARD\n"), found()},
		{33, "photo of a contact, not folded", attached("a.vcf", "BEGIN:VCARD\nPHOTO;BASE64:\n"+chunked(b64(e), 30)+"\nEND:VCARD\n"), found()},
		{33, "link in an invitation, folded", attached("a.ics", "BEGIN:VCALENDAR\r\nDESCRIPTION:see http://can\r\n ary.example/x\r\nEND:VCALENDAR\r\n"), linked("http://canary.example/x")},
		// Old Macintoshes ended lines so; Apple's address book has written UTF-16.
		{33, "file in a calendar, lines end in CR", attached("a.ics", strings.ReplaceAll(ics, "\n", "\r")), found()},
		{33, "photo of a contact, lines end in CR", attached("a.vcf", "BEGIN:VCARD\rVERSION:3.0\rPHOTO;ENCODING=b;TYPE=JPEG:"+b64(e)+"\rEND:VCARD\r"), found()},
		{33, "file in a calendar, CR in its parameters", attached("a.ics", strings.Replace(ics, "VALUE=BINARY", "X=\ry;VALUE=BINARY", 1)), found()},
		{33, "file in a calendar in UTF-16", attached("a.ics", "\xff\xfe"+utf16le(ics)), found()},
		{33, "photo of a contact in UTF-16 without mark", attached("a.vcf", utf16be("BEGIN:VCARD\nPHOTO;ENCODING=b:"+b64(e)+"\nEND:VCARD\n")), found()},
		// Outlook takes a part that lacks an encoding for base64 if it looks so?
		// It does not; but it opens these by their name.
		{33, "winmail.dat by Content-Disposition", part("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=winmail.dat\n"+is64, lines64(string(tnefFile("e.dat", []byte(e))))), found()},
		{33, "second half behind 2 MiB of text", mail(b + between("b", "\n"+strings.Repeat(strings.Repeat("x", 76)+"\n", 30000), eicarPart())), found()},
		{33, "2,001 fields", mail(strings.Repeat("X-A: b\n", 2001) + b + between("b", text, eicarPart())), Want{Refused: true, Or: []string{"limit.header"}}},
		{33, "header of 1 MiB", mail(strings.Repeat("X-A: "+strings.Repeat("b", 900)+"\n", 1200) + b + between("b", text, eicarPart())), Want{Refused: true, Or: []string{"limit.header"}}},
		{33, "part's header of 64 KiB", mail(b + between("b", text, strings.Repeat("X-A: "+strings.Repeat("b", 900)+"\n", 80)+eicarPart())), Want{Refused: true, Or: []string{"limit.header"}}},
		{33, "field of 100 KiB", mail("X-A: " + strings.Repeat(strings.Repeat("b", 900)+"\n ", 130) + "c\n" + b + between("b", text, eicarPart())), found()},
		{33, "boundary behind 100 parameters", mail("Content-Type: multipart/mixed; " + strings.Repeat("a=b; ", 101) + "boundary=b\n\n" + between("b", text, eicarPart())), found()},
		{33, "1,001 parts", mail(b + between("b", append(slices.Repeat([]string{"\nx\n"}, 1001), eicarPart())...)), Want{Refused: true, Or: []string{"limit.parts"}}},
	}
}

// appleSingle has one entry: 1 is the data, 2 the resources (RFC 1740 appendix A).
func appleSingle(entry int, data string) []byte {
	return slices.Concat([]byte{0, 5, 0x16, 0, 0, 2, 0, 0}, make([]byte, 16), []byte{0, 1}, be32(entry), be32(38), be32(len(data)), []byte(data))
}

// macBinary is MacBinary III, its checksum wrong.
func macBinary(name, data string) []byte {
	h := make([]byte, 128)
	h[1] = byte(copy(h[2:65], name))
	copy(h[65:], "????????")
	copy(h[83:], be32(len(data)))
	copy(h[102:], "mBIN\x00\x00")
	h[122], h[123] = 130, 129
	return pad(append(h, data...), 256)
}

// binHex is BinHex 4.0 of a data fork (RFC 1741 appendix A), its checksums 0.
func binHex(name, data string) string {
	const alphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
	plain := string([]byte{byte(len(name))}) + name + "\x00????????\x00\x00" + string(be32(len(data))) + string(be32(0)) + "\x00\x00" + data + "\x00\x00\x00\x00"
	plain = strings.ReplaceAll(plain, "\x90", "\x90\x00")
	var out strings.Builder
	for len(plain)%3 != 0 {
		plain += "\x00"
	}
	for i := 0; i < len(plain); i += 3 {
		v := int(plain[i])<<16 | int(plain[i+1])<<8 | int(plain[i+2])
		for shift := 18; shift >= 0; shift -= 6 {
			out.WriteByte(alphabet[v>>shift&63])
		}
	}
	return chunked(":"+out.String()+":", 64)
}

// fileCases are messages that come as files: 34. Every mail program opens them
// with a click.
func fileCases() []Case {
	inner := string(inside(mixed("boundary=c"), "c"))
	part := func(typ, name, content string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, fmt.Sprintf("Content-Type: %s; name=%q\nContent-Disposition: attachment; filename=%q\n%s\n%s", typ, name, name, is64, lines64(content))))
	}
	mbox := "From canary Thu Jan  1 12:00:00 2026\r\n" + string(mail("\nharmless\n")) + "\r\nFrom canary Thu Jan  1 12:00:00 2026\r\n" + inner
	return []Case{
		{34, "message as octets", part("application/octet-stream", "mail.eml", inner), found()},
		{34, "message as text", part("text/plain", "mail.eml", inner), found()},
		{34, "message in zip", attached("a.zip", string(zipOf(zipEntry{name: "mail.eml", data: []byte(inner), method: deflated}))), found()},
		{34, "message in gzip", attached("mail.eml.gz", string(gzipOf("mail.eml", []byte(inner)))), found()},
		{34, "message in a message's zip", mail("Content-Type: message/rfc822\n\n" + string(attached("a.zip", string(zipOf(zipEntry{name: "mail.eml", data: []byte(inner)}))))), found()},
		{34, "page as MHTML", part("application/octet-stream", "page.mht", inner), found()},
		{34, "page as MHTML, declared", part("multipart/related", "page.mhtml", inner), foundOr("mime.encoding")},
		{34, "message of Apple Mail", part("application/octet-stream", "mail.emlx", fmt.Sprintf("%-10d\n%s<?xml version=\"1.0\"?>", len(inner), inner)), found()},
		{34, "message of Apple Mail in zip", attached("a.zip", string(zipOf(zipEntry{name: "1.emlx", data: []byte(fmt.Sprintf("%d\n%s", len(inner), inner)), method: deflated}))), found()},
		{34, "base64 as a file", attached("e.b64", lines64(EICAR())), found()},
		{34, "base64 in zip", attached("a.zip", string(zipOf(zipEntry{name: "e.b64", data: []byte(lines64(EICAR())), method: deflated}))), found()},
		{34, "mbox", part("application/mbox", "mail.mbox", mbox), found()},
		{34, "message with TNEF's name", part("application/octet-stream", "winmail.dat", inner), found()},
		{34, "TNEF in zip", attached("a.zip", string(zipOf(zipEntry{name: "winmail.dat", data: tnefFile("e.dat", []byte(EICAR()))}))), found()},
		{34, "mbox in zip", attached("a.zip", string(zipOf(zipEntry{name: "mail.mbox", data: []byte(mbox), method: deflated}))), found()},
		{34, "uuencode in zip", attached("a.zip", string(zipOf(zipEntry{name: "a.uue", data: []byte("begin 644 e.dat\n" + uuLines(EICAR()) + "`\nend\n")}))), found()},
		{34, "BinHex in zip", attached("a.zip", string(zipOf(zipEntry{name: "a.hqx", data: []byte(binHex("e.dat", EICAR()))}))), found()},
		{34, "signed message in zip", attached("a.zip", string(zipOf(zipEntry{name: "a.p7m", data: []byte(signed(der, der(0x04, string(raw(eicarPart())))))}))), found()},
		{34, "message with a document's name", part("application/msword", "a.doc", inner), found()},
		{34, "message in a PDF with a document's name", part("application/msword", "a.doc", "%PDF-1.7\n1 0 obj\n<<>>\nendobj\nxref\ntrailer\n"+inner), found()},
		{34, "uuencode as a file", part("application/octet-stream", "a.uue", "begin 644 e.dat\r\n"+crlf(uuLines(EICAR()))+"`\r\nend\r\n"), found()},
		{34, "signed message as a file", part("application/octet-stream", "a.p7m", signed(der, der(0x04, string(raw(eicarPart()))))), found()},
	}
}
