package hostile

import "strings"

// base64Cases are row 8.
func base64Cases() []Case {
	e, line := EICAR(), b64(EICAR())
	of := func(body string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, "Content-Type: application/octet-stream\n"+is64+"\n"+body))
	}
	return []Case{
		{8, "junk", of(strings.ReplaceAll(lines64(e), "R", "!R.") + "\n"), found("mime.base64")},
		{8, "8-bit junk", of(strings.ReplaceAll(lines64(e), "R", "\xffR\x80") + "\n"), found("mime.base64")},
		{8, "NUL junk", of(strings.ReplaceAll(lines64(e), "R", "R\x00") + "\n"), found()},
		{8, "blanks", of(strings.Join(strings.Split(line, ""), " ") + "\n"), found()},
		{8, "line of junk first", of("...!!!\n" + lines64(e)), found("mime.base64")},
		{8, "padding inside", of(b64(e[:20]) + "\n" + b64(e[20:]) + "\n"), found("mime.base64")},
		{8, "padding inside a group", of(line[:20] + "=" + line[20:] + "\n"), foundOr("mime.base64")},
		{8, "padding first", of("====\n" + lines64(e)), found()},
		{8, "data behind the padding", of(lines64(e) + "AAAA\n"), found("mime.base64")},
		{8, "one-character lines", of(strings.Join(strings.Split(line, ""), "\n") + "\n"), found()},
		{8, "10,000-character lines", of(line[:40] + strings.Repeat(" ", 9900) + line[40:] + "\n"), found()},
		{8, "URL alphabet", of(b64url(e) + "\n"), found()},
		{8, "no padding", of(strings.TrimRight(line, "=") + "\n"), found()},
		{8, "one character left over", of(line + "\nA\n"), found()},
		{8, "line that looks like a boundary", of(line[:40] + "\n--x\n" + line[40:] + "\n"), foundOr("mime.base64")},
		{8, "upper-case encoding", mail("Content-Transfer-Encoding: BASE64\n" + coded()), found()},
	}
}

// b64url is base64 in the alphabet of URLs (RFC 4648 section 5).
func b64url(s string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(b64(s)) }

// printableCases are row 9.
func printableCases() []Case {
	e := EICAR()
	of := func(body string) []byte {
		return mail(mixed("boundary=b") + "\n" + between("b", text, "Content-Type: application/octet-stream\nContent-Transfer-Encoding: quoted-printable\n\n"+body))
	}
	soft := func(end string) string { return e[:30] + end + "\n" + e[30:] + "\n" }
	return []Case{
		{9, "everything escaped", of(escaped(e, "=%02X") + "\n"), found()},
		{9, "lower case", of(escaped(e, "=%02x") + "\n"), found()},
		{9, "bad escapes in parts", mail(mixed("boundary=b") + "\n" + between("b", "Content-Transfer-Encoding: quoted-printable\n\n=ZZ\n", "Content-Transfer-Encoding: quoted-printable\n\n"+escaped(e, "=%02x")+"\n")), found("mime.qp")},
		{9, "soft break", of(soft("=")), found()},
		{9, "soft break with blanks", of(soft("= \t ")), found()},
		{9, "soft break at the end", of(e + "=\n"), found()},
		{9, "soft breaks everywhere", of(strings.Join(strings.Split(e, ""), "=\n") + "\n"), found()},
		{9, "blanks behind", of(escaped(e, "=%02X") + "   \t\n"), found()},
		{9, "boundary escaped", mail(mixed(`boundary="=_b"`) + "\n--=_b\n" + eicarPart() + "--=_b--\n"), found()},
	}
}

// encodingCases are row 10: encodings that are none, or not allowed.
func encodingCases() []Case {
	ambiguous := found("mime.encoding")
	named := func(value string) []byte { return mail("Content-Transfer-Encoding: " + value + "\n" + coded()) }
	b := mixed("boundary=b")
	inner := between("b", text, eicarPart())
	return []Case{
		{10, "unknown", mail("Content-Transfer-Encoding: rot13\n\n" + EICAR() + "\n"), ambiguous},
		{10, "unknown, names one", named("x-base64-x"), ambiguous},
		{10, "two in one", named("quoted-printable, base64"), ambiguous},
		{10, "two in one, base64 first", named("base64, 8bit"), ambiguous},
		{10, "comment", named("(x) base64"), found()},
		{10, "comment behind", named("base64 (7bit)"), found()},
		{10, "comment names another", named("base64 (quoted-printable)"), found()},
		{10, "quotes", named(`"base64"`), found()},
		{10, "semicolon", named("base64;"), found()},
		{10, "parameter", named("base64; x=y"), found()},
		{10, "dot", named("base64."), found()},
		{10, "colon", named(": base64"), found()},
		{10, "split", named("base 64"), noted("mime.encoding")},
		{10, "encoded word", named("=?us-ascii?Q?base64?="), found()},
		{10, "empty", mail("Content-Transfer-Encoding:\n\n" + EICAR() + "\n"), found()},
		{10, "multipart in base64", mail(b + is64 + "\n" + lines64(crlf(inner))), ambiguous},
		{10, "multipart in quoted-printable", mail(b + "Content-Transfer-Encoding: quoted-printable\n\n" + escaped(crlf(inner), "=%02X") + "\n"), ambiguous},
		{10, "multipart says base64 and is not", mail(b + is64 + "\n" + inner), ambiguous},
		{10, "type with an encoding's name", mail("Content-Type: text/plain; encoding=base64\nContent-Encoding: base64\n" + is64 + coded()), found()},
	}
}

// embeddedCases are row 11: files inside text.
func embeddedCases() []Case {
	e := EICAR()
	uu := uuLines(e)
	end := "`\nend\n"
	return []Case{
		{11, "uuencode", mail("\nhello\n\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "uuencode, no end", mail("\nbegin 644 e.dat\n" + uu), found()},
		{11, "uuencode, text behind", mail("\nbegin 644 e.dat\n" + uu + "and so on\n"), found()},
		{11, "uuencode in HTML", mail("Content-Type: text/html\n\n<p>hello</p>\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "uuencode in the preamble", mail(mixed("boundary=b") + "\nbegin 644 e.dat\n" + uu + end + between("b", text)), found()},
		{11, "uuencode, name with blanks", mail("\nbegin 644 my e.dat\n" + uu + end), found()},
		{11, "uuencode, odd mode", mail("\nbegin 0644  e.dat\n" + uu + end), found()},
		{11, "uuencode, blanks stand for zero", mail("\nbegin 644 e.dat\n" + strings.ReplaceAll(uu, "`", " ") + " \nend\n"), found()},
		{11, "uuencode, a character more a line", mail("\nbegin 644 e.dat\n" + strings.ReplaceAll(uu, "\n", "A\n") + end), found()},
		{11, "uuencode in quoted-printable", mail("Content-Transfer-Encoding: quoted-printable\n\n" + escaped("begin 644 e.dat\r\n"+crlf(uu+end), "=%02X") + "\n"), found()},
		{11, "uuencode, second file", mail("\nbegin 644 a\n" + uuLines("x") + end + "\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "begin-base64", mail("\nbegin-base64 644 e.dat\n" + lines64(e) + "====\n"), found()},
		{11, "as encoding", mail("Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "as encoding uue", mail("Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-uue\n\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "as encoding uuencode", mail("Content-Type: application/octet-stream\nContent-Transfer-Encoding: uuencode\n\nbegin 644 e.dat\n" + uu + end), found()},
		{11, "yEnc", mail("\nhello\n" + yEnc(e, "e.dat")), found()},
		{11, "yEnc, no end", mail("\n" + strings.Split(yEnc(e, "e.dat"), "=yend")[0]), found()},
		{11, "yEnc, wrong size", mail("\n" + strings.ReplaceAll(yEnc(e, "e.dat"), "size=68", "size=5")), found()},
		{11, "yEnc as encoding", mail("Content-Type: application/octet-stream\nContent-Transfer-Encoding: yencode\n\n" + yEnc(e, "e.dat")), foundOr("mime.encoding")},
	}
}
