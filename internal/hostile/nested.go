package hostile

import (
	"fmt"
	"strings"
)

// nestedCases are row 13: messages in messages.
func nestedCases() []Case {
	const whole = "Content-Type: message/rfc822\n"
	inner := string(inside(mixed("boundary=c"), "c"))
	deep := func(n int, encoded bool) []byte {
		m := inner
		for range n {
			if encoded {
				m = string(mail(whole + is64 + "\n" + lines64(m)))
			} else {
				m = string(mail(whole + "\n" + m))
			}
		}
		return []byte(m)
	}
	inPart := func(fields, body string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, fields+"\n"+body))
	}
	forwarded := mixed("boundary=b0") + "\n--b0\n"
	for i := range 9 {
		forwarded += fmt.Sprintf("%s\nX: y\n%s\n--b%d\n", whole, mixed(fmt.Sprintf("boundary=b%d", i+1)), i+1)
	}
	return []Case{
		{13, "plain", inPart(whole, inner), found()},
		{13, "base64", inPart(whole+is64, lines64(inner)), found()},
		{13, "quoted-printable", inPart(whole+"Content-Transfer-Encoding: quoted-printable\n", escaped(inner, "=%02X")+"\n"), found()},
		{13, "message/global in base64", inPart("Content-Type: message/global\n"+is64, lines64(inner)), found()},
		{13, "message/news", inPart("Content-Type: message/news\n", inner), found()},
		{13, "digest", mail("Content-Type: multipart/digest; boundary=b\n\n" + between("b", "\n"+inner)), found()},
		{13, "blank line first", inPart(whole, "\n"+inner), found()},
		{13, "From line first", inPart(whole, "From canary Thu Jan  1 12:00:00 2026\n"+inner), found()},
		{13, "as attachment", inPart(whole+"Content-Disposition: attachment; filename=mail.eml\n", inner), found()},
		{13, "8 deep, encoded", deep(8, true), found()},
		{13, "15 deep, encoded", deep(15, true), Want{Found: true, Refused: true, Or: []string{"limit.depth"}}},
		{13, "15 deep", deep(15, false), found()},
		{13, "25 deep, encoded", deep(25, true), refused("limit.depth")},
		{13, "25 deep", deep(25, false), refused("limit.depth")},
		{13, "multiparts and messages, 18 deep", mail(forwarded + eicarPart()), found()},
	}
}

// elsewhereCases are row 14: content that is not in the message.
func elsewhereCases() []Case {
	body := "\n" + EICAR() + "\n"
	in := func(part string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, part))
	}
	return []Case{
		{14, "partial", mail("Content-Type: message/partial; number=1; total=2; id=x\n" + body), refused("mime.partial")},
		{14, "partial, of one", mail("Content-Type: message/partial; number=1; total=1; id=x\n" + body), refused("mime.partial")},
		{14, "partial, in a part", in("Content-Type: message/partial; number=2; total=2; id=x\n" + body), refused("mime.partial")},
		{14, "partial, upper case", in("Content-Type: MESSAGE/PARTIAL\n" + body), refused("mime.partial")},
		{14, "external body", in("Content-Type: message/external-body; access-type=URL; URL=\"http://canary.example/x.exe\"\n\nContent-Type: application/octet-stream\n\n"),
			linked("http://canary.example/x.exe", "mime.external")},
		{14, "external body, in pieces", in("Content-Type: message/external-body; access-type=URL; URL*0=\"http://canary.exa\"; URL*1=\"mple/x.exe\"\n\nContent-Type: application/octet-stream\n\n"),
			linked("http://canary.example/x.exe", "mime.external")},
	}
}

// charsetCases are row 15: text that is read in another charset.
func charsetCases() []Case {
	const page = `<html><body><a href="http://canary.example/x">here</a></body></html>`
	const address = "http://canary.example/x"
	of := func(typ, content string) []byte {
		return mail("Content-Type: " + typ + "\n" + is64 + "\n" + lines64(content))
	}
	utf7 := strings.NewReplacer("<", "+ADw-", ">", "+AD4-", "\"", "+ACI-", "=", "+AD0-").Replace(page)
	meta := `<html><head><meta charset="utf-7"></head>`
	return []Case{
		{15, "UTF-7", of("text/html; charset=utf-7", utf7), linked(address)},
		{15, "UTF-7 by meta", of("text/html", meta+utf7), linked(address)},
		{15, "UTF-7 of everything", of("text/html; charset=unicode-1-1-utf-7", utf7All(page)), linked(address)},
		{15, "UTF-16 with mark", of("text/html; charset=utf-16", "\xff\xfe"+utf16le(page)), linked(address)},
		{15, "UTF-16 without mark", of("text/html; charset=utf-16", utf16le(page)), linked(address)},
		{15, "UTF-16 big-endian", of("text/html; charset=utf-16be", utf16be(page)), linked(address)},
		{15, "UTF-16 that says UTF-8", of("text/html; charset=utf-8", utf16le(page)), linked(address)},
		{15, "UTF-16 with mark that says ASCII", of("text/html; charset=us-ascii", "\xfe\xff"+utf16be(page)), linked(address)},
		{15, "UTF-8 that says UTF-16", of("text/html; charset=utf-16", page), linked(address)},
		{15, "ASCII that says UTF-7", of("text/html; charset=utf-7", page), linked(address)},
		{15, "unknown charset", of("text/html; charset=x-canary", page), linked(address, "mime.charset")},
		{15, "two charsets", of("text/html; charset=x-canary; charset=utf-7", utf7), linked(address)},
		{15, "EBCDIC", of("text/html; charset=cp037", ebcdic(page)), linked(address)},
		{15, "HTML as plain text", of("text/plain", page), linked(address)},
		{15, "HTML as a file", attached("page.html", page), linked(address)},
		{15, "HTML by octets", of("application/octet-stream", page), linked(address)},
		{15, "ISO-2022-JP escapes", of("text/html; charset=iso-2022-jp", strings.ReplaceAll(page, "canary", "can\x1b(Bary")), linked(address)},
	}
}

func utf16le(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

func utf16be(s string) string { return "\x00" + strings.TrimSuffix(utf16le(s), "\x00") }

// utf7All is ASCII text with every character shifted (RFC 2152).
func utf7All(s string) string { return "+" + strings.TrimRight(b64(utf16be(s)), "=") + "-" }

// ebcdic is ASCII letters and a few marks in IBM code page 37.
func ebcdic(s string) string {
	const ascii = "abcdefghijklmnopqrstuvwxyz<>/=\":. "
	const code = "\x81\x82\x83\x84\x85\x86\x87\x88\x89\x91\x92\x93\x94\x95\x96\x97\x98\x99\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\x4c\x6e\x61\x7e\x7f\x7a\x4b\x40"
	return translate(s, ascii, code)
}

// translate replaces each octet of s that is in from by that at its place in to.
func translate(s, from, to string) string {
	out := []byte(s)
	for i, c := range out {
		if at := strings.IndexByte(from, c); at >= 0 {
			out[i] = to[at]
		}
	}
	return string(out)
}
