package hostile

import (
	"fmt"
	"net/url"
	"strings"
)

// htmlCases are row 28: files that a page carries.
func htmlCases() []Case {
	e := EICAR()
	page := func(body string) []byte {
		return mail("Content-Type: text/html\n" + is64 + "\n" + lines64("<html><body>"+body+"</body></html>"))
	}
	file := func(name, content string) []byte { return attached(name, content) }
	// What is less than 1 KiB in base64 is no file to a scanner of scripts.
	padded := string(zipOf(zipEntry{name: "e.dat", data: []byte(e)}, zipEntry{name: "n", data: noise(1000)}))
	script := `<script>var d="` + b64(padded) + `";var b=new Blob([atob(d)]);location=URL.createObjectURL(b)</script>`
	smuggled := found("html.smuggling")
	return []Case{
		{28, "script", page(script), smuggled},
		{28, "script in a file", file("a.html", "<html>"+script+"</html>"), smuggled},
		{28, "script in pieces", page(`<script>var d="` + strings.Join(strings.Fields(chunked(b64(padded), 500)), `"+"`) + `";atob(d)</script>`), smuggled},
		{28, "program in a script", page(`<script>var d="` + b64(string(program())) + `";</script>`), noted("html.smuggling")},
		{28, "data: link", page(`<a download="e.dat" href="data:application/octet-stream;base64,` + b64(e) + `">x</a>`), found()},
		{28, "data: link, percent", page(`<a href="data:application/octet-stream,` + url.PathEscape(e) + `">x</a>`), found()},
		{28, "data: link, blanks and case", page("<a href=\" D&#65;TA:application/octet-stream ; base64 ,\n" + b64(e) + `">x</a>`), found()},
		{28, "data: frame", page(`<iframe src="data:text/html;base64,` + b64(`<a href="http://canary.example/x">x</a>`) + `"></iframe>`), linked("http://canary.example/x")},
		{28, "data: object", page(`<object data="data:application/zip;base64,` + b64(padded) + `"></object>`), smuggled},
		{28, "data: in data:", page(`<iframe src="data:text/html;base64,` + b64(`<a href="data:application/octet-stream;base64,`+b64(e)+`">x</a>`) + `"></iframe>`), found()},
		{28, "SVG", file("a.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script>`+`var d="`+b64(padded)+`";atob(d)</script></svg>`), smuggled},
		{28, "SVG with data: link", mail("Content-Type: image/svg+xml\n" + is64 + "\n" + lines64(`<svg><a xlink:href="data:application/octet-stream;base64,`+b64(e)+`"/></svg>`)), found()},
		{28, "page in UTF-16", mail("Content-Type: text/html; charset=utf-16le\n" + is64 + "\n" + lines64(utf16le("<html>"+script+"</html>"))), smuggled},
		{28, "page as .xhtml", file("a.xhtml", "<html>"+script+"</html>"), smuggled},
		{28, "text of a file", file("a.html", "<pre hidden>"+lines64(padded)+"</pre><script>atob(x)</script>"), smuggled},
		{28, "comment in a file", file("a.html", "<!--"+b64(padded)+"--><script>atob(x)</script>"), smuggled},
		{28, "attribute in a file", file("a.html", `<p data-f="`+b64(padded)+`"><script>atob(x)</script>`), smuggled},
		{28, "numbers in a file", file("a.html", "<script>new Uint8Array(["+numbers(padded)+"])</script>"), smuggled},
		{28, "hexadecimal in a file", file("a.html", fmt.Sprintf("<p>%x</p><script>x(y)</script>", padded)), smuggled},
		{28, "hexadecimal escapes", page(`<script>var d="` + each(padded, `\x%02x`) + `";save(d)</script>`), smuggled},
		{28, "Unicode escapes", page(`<script>var d='` + each(padded, `\u%04X`) + `';save(d)</script>`), smuggled},
		{28, "Unicode escapes in braces", page(`<script>var d='` + each(padded, `\u{%x}`) + `';save(d)</script>`), smuggled},
		{28, "octal escapes", page(`<script>var d='` + each(padded, `\%03o`) + `';save(d)</script>`), smuggled},
		{28, "percent escapes", page(`<script>var d=unescape("` + each(padded, `%%%02X`) + `");save(d)</script>`), smuggled},
		{28, "percent escapes of what needs them", page(`<script>save(unescape("` + strings.ReplaceAll(url.QueryEscape(padded), "+", "%20") + `"))</script>`), smuggled},
		{28, "percent escapes of code units", page(`<script>var d=unescape("` + each(padded, `%%u%04x`) + `");save(d)</script>`), smuggled},
		{28, "base64 in escapes", page(`<script>var d="` + each(b64(padded), `\x%02x`) + `";save(atob(d))</script>`), smuggled},
		{28, "escapes in pieces", page(`<script>var d="` + strings.Join(strings.Fields(chunked(each(padded, `\x%02x`), 400)), `" +`+"\n"+`'' + "`) + `";save(d)</script>`), smuggled},
		{28, "escapes behind an apostrophe", page(`<script>/* don't: \x41 */ var d="` + each(padded, `\x%02x`) + `";save(d) // don't</script>`), smuggled},
		{28, "numbers in quotes, in a file", file("a.html", `<script>new Uint8Array(["`+strings.ReplaceAll(strings.TrimSuffix(numbers(padded), ", "), ", ", `","`)+`"])</script>`), smuggled},
		{28, "numbers in text, in a file", file("a.html", "<p>"+strings.ReplaceAll(numbers(padded), ",", "")+"</p><script>x(y)</script>"), smuggled},
		{28, "page in zip", file("a.zip", string(zipOf(zipEntry{name: "a.html", data: []byte("<html>" + script + "</html>"), method: deflated}))), smuggled},
	}
}

// numbers is octets as a list.
func numbers(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%d, ", s[i])
	}
	return b.String()
}

// each writes every octet of s in a format.
func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

// noise is octets that do not pack, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// der is an element of definite length (X.690).
func der(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	return string([]byte{tag, 0x84}) + string(be32(len(body))) + body
}

// ber is an element of indefinite length.
func ber(tag byte, parts ...string) string {
	return string([]byte{tag, 0x80}) + strings.Join(parts, "") + "\x00\x00"
}

// Object identifiers of RFC 5652 and RFC 3274, whole.
const (
	oidData       = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidSigned     = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidEnveloped  = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
	oidCompressed = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"
	oidZlib       = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08"
	derOne        = "\x02\x01\x01"
)

type element func(tag byte, parts ...string) string

// signed is signed data around octets, signed by nobody (RFC 5652 section 5).
func signed(of element, octets string) string {
	return of(0x30, oidSigned, of(0xA0, of(0x30, derOne, der(0x31), of(0x30, oidData, of(0xA0, octets)), der(0x31))))
}

// cryptoCases are row 29.
func cryptoCases() []Case {
	inner := string(raw(eicarPart()))
	smime := func(fields, content string) []byte { return mail(fields + is64 + "\n" + lines64(content)) }
	const p7m = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n"
	pieces := ber(0x24, der(0x04, inner[:100]), der(0x04, inner[100:]))
	return []Case{
		{29, "opaque signed", smime(p7m, signed(der, der(0x04, inner))), found()},
		{29, "indefinite lengths", smime(p7m, signed(ber, pieces)), found()},
		{29, "x-pkcs7-mime", smime("Content-Type: application/x-pkcs7-mime\n", signed(der, der(0x04, inner))), found()},
		{29, "by name", smime("Content-Type: application/octet-stream; name=smime.p7m\n", signed(der, der(0x04, inner))), found()},
		{29, "type lies", smime("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n", signed(der, der(0x04, inner))), found()},
		{29, "signed twice", smime(p7m, signed(der, der(0x04, string(raw(p7m+is64+"\n"+lines64(signed(der, der(0x04, inner)))))))), found()},
		{29, "compressed", smime("Content-Type: application/pkcs7-mime; smime-type=compressed-data\n",
			der(0x30, oidCompressed, der(0xA0, der(0x30, "\x02\x01\x00", der(0x30, oidZlib), der(0x30, oidData, der(0xA0, der(0x04, zlibOf(inner)))))))), foundOr("mime.smime")},
		{29, "multipart/signed", mail("Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n" +
			between("b", eicarPart(), "Content-Type: application/pkcs7-signature\n"+is64+"\nMAA=\n")), found()},
		{29, "in a signature beside the text", mail("Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\n\n" +
			between("b", text, "Content-Type: application/pkcs7-signature; name=smime.p7s\n"+is64+"\n"+lines64(signed(der, der(0x04, inner))))), found()},
		{29, "in a signature by name", attached("a.p7s", signed(der, der(0x04, inner))), found()},
		{29, "in a signature in zip", attached("a.zip", string(zipOf(zipEntry{name: "a.p7s", data: []byte(signed(der, der(0x04, inner)))}))), found()},
		{29, "enveloped", smime("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n",
			der(0x30, oidEnveloped, der(0xA0, der(0x30, "\x02\x01\x00", der(0x31), der(0x30, oidData))))), noted("encrypted.mail")},
		{29, "PGP/MIME", mail("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n" +
			between("b", "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n")), noted("encrypted.mail")},
		{29, "PGP in the text", mail("\n-----BEGIN PGP MESSAGE-----\n\nhQEMA0AAAA\n-----END PGP MESSAGE-----\n"), noted("encrypted.mail")},
		{29, "PGP, not encrypted", mail("\n" + pgpOf(EICAR())), found()},
		{29, "PGP behind text", mail("\nhello\n\n" + pgpOf(EICAR())), found()},
		{29, "PGP behind what is encrypted", mail("\n-----BEGIN PGP MESSAGE-----\n\nhQEMA0AAAA\n-----END PGP MESSAGE-----\n" + pgpOf(EICAR())), found()},
		{29, "PGP behind text, quoted-printable", mail("Content-Transfer-Encoding: quoted-printable\n\n" + escaped("hello\r\n"+crlf(pgpOf(EICAR())), "=%02X") + "\n"), found()},
		{29, "PGP as a file, without armour", attached("e.gpg", pgpPackets(EICAR())), found()},
		{29, "PGP as a file, packed", attached("e.dat.pgp", "\xA3\x02"+zlibOf(pgpPackets(EICAR()))), found()},
		{29, "PGP as a file in zip", attached("a.zip", string(zipOf(zipEntry{name: "e.gpg", data: []byte(pgpPackets(EICAR()))}))), found()},
		{29, "PGP as a file, by type", mail("Content-Type: application/pgp-encrypted\n" + is64 + "\n" + lines64(pgpPackets(EICAR()))), found()},
		{29, "PGP as a file, armour behind text", attached("e.asc", "hello\n"+pgpOf(EICAR())), found()},
		{29, "PGP as a file, other armour", attached("e.asc", strings.ReplaceAll(pgpOf(EICAR()), "MESSAGE", "ARMORED FILE")), found()},
		{29, "PGP as a file, encrypted", attached("e.pgp", "\x85\x01\x0C\x03"+strings.Repeat("x", 267)), noted("encrypted.mail")},
		{29, "PGP/MIME, not encrypted", mail("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n" +
			between("b", "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", "Content-Type: application/octet-stream\n\n"+pgpOf(string(raw(eicarPart()))))), found()},
		{29, "PGP/MIME, armour behind text", mail("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n" +
			between("b", "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", "Content-Type: application/octet-stream\n\nhello\n"+pgpOf(EICAR()))), found()},
		{29, "PGP/MIME, payload beside", mail("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n" +
			between("b", "Content-Type: application/pgp-encrypted\n\nVersion: 1\n", eicarPart())), found("encrypted.mail")},
	}
}

// pgpPackets is a message that is neither encrypted nor signed: one literal
// packet (RFC 9580 section 5.9).
func pgpPackets(content string) string {
	body := "b\x00\x00\x00\x00\x00" + content
	return "\xCB\xFF" + string(be32(len(body))) + body
}

// pgpOf is the same in armour.
func pgpOf(content string) string {
	return "-----BEGIN PGP MESSAGE-----\n\n" + chunked(b64(pgpPackets(content)), 64) + "-----END PGP MESSAGE-----\n"
}

// linkCases are row 30.
func linkCases() []Case {
	page := func(href string) []byte {
		return mail("Content-Type: text/html; charset=utf-8\n" + is64 + "\n" + lines64(`<html><body><a href="`+href+`">here</a></body></html>`))
	}
	plain := func(text string) []byte {
		return mail("Content-Type: text/plain; charset=utf-8\n\nsee " + text + " now\n")
	}
	layered := "http://canary.example/x"
	for i := range 50 {
		layered = fmt.Sprintf("http://r%d.example/?u=%s", i, url.QueryEscape(layered))
		if len(layered) > 24<<10 {
			break
		}
	}
	const address = "http://canary.example/x"
	const number = "http://192.0.2.1/x"
	return []Case{
		{30, "plain text", plain(address), linked(address)},
		{30, "userinfo", page("http://www.good.example@canary.example/x"), linked(address, "links.userinfo")},
		{30, "userinfo, escaped", page("http://www.good.example%2F@canary.example/x"), linked(address, "links.userinfo")},
		{30, "octal host", page("http://0300.0.02.01/x"), linked(number, "links.address")},
		{30, "host is one number", page("http://3221225985/x"), linked(number, "links.address")},
		{30, "hexadecimal host", page("http://0xC0.0x0.0x2.0x1/x"), linked(number, "links.address")},
		{30, "IPv6 with IPv4", page("http://[::ffff:192.0.2.1]/x"), noted("links.address")},
		{30, "backslashes", page(`http:\\canary.example\x`), linked(address)},
		{30, "backslash before the at sign", page(`http://canary.example\@www.good.example/`), linked("http://canary.example/@www.good.example/")},
		{30, "tab and line end inside", page("ht\ttp://can\nary.example/x"), linked(address)},
		{30, "entities", page("&#104;ttp&colon;&sol;&#x2F;canary&period;example/x"), linked(address)},
		{30, "percent in the host", page("http://can%61ry.example/x"), linked(address)},
		{30, "full-width host", page("http://ｃanary．example/x"), linked(address)},
		{30, "ideographic stop", page("http://canary。example/x"), linked(address)},
		{30, "trailing dot and port", page("http://CANARY.example.:80/x"), linked(address)},
		{30, "soft hyphen", page("http://can\u00adary.example/x"), linked(address)},
		{30, "three slashes", page("http:///canary.example/x"), linked(address)},
		{30, "no scheme", page("//canary.example/x"), linked(address)},
		{30, "homograph", page("http://ca\u043dary.example/x"), noted("links.mixed")},
		{30, "homograph as A-label", page("http://xn--caary-w5e.example/x"), noted("links.mixed")},
		{30, "base", page(`x"></a><base href="http://canary.example/"><a href="x`), linked(address)},
		{30, "form", page(`x"></a><form action="http://canary.example/x"><a href="`), linked(address)},
		{30, "meta refresh", page(`x"></a><meta http-equiv=refresh content="0; url='http://canary.example/x'"><a href="`), linked(address)},
		{30, "style", page(`x"></a><div style="background:url(http://canary.example/\78)"></div><a href="`), linked(address)},
		{30, "comment that is none", page(`x"></a><!--><a href="http://canary.example/x"><!-- --><a href="`), linked(address)},
		{30, "slash for a blank", page(`x"></a><a/href="http://canary.example/x`), linked(address)},
		{30, "no quotes", page(`x"></a><a href=http://canary.example/x>here</a><a href="`), linked(address)},
		{30, "attribute twice", page(`http://canary.example/x" href="http://www.good.example/`), linked(address)},
		{30, "conditional comment", page(`x"></a><!--[if mso]><a href="http://canary.example/x">x</a><![endif]--><a href="`), linked(address)},
		{30, "srcset", page(`x"></a><img srcset="http://canary.example/x 2x"><a href="`), linked(address)},
		{30, "redirect layers", page(layered), noted("links.layers")},
		{30, "two redirects", page("http://r.example/?u=" + url.QueryEscape("http://s.example/?u="+url.QueryEscape(address))), linked(address)},
		{30, "redirect in base64", page("http://r.example/?u=" + b64(address)), linked(address)},
		{30, "shortcut", attached("a.txt", "[InternetShortcut]\r\nURL=http://canary.example/x\r\n"), linked(address)},
		{30, "script link", page("java\nscript:location='http://canary.example/x'"), noted("links.script")},
		{30, "in UTF-16", mail("Content-Type: text/plain; charset=utf-16\n" + is64 + "\n" + lines64("\xff\xfe"+utf16le("see "+address+" now"))), linked(address)},
	}
}
