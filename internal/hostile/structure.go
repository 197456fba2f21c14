package hostile

import "strings"

// inside is fields that make the payload part of a multipart with this
// boundary, and the multipart.
func inside(fields, boundary string) []byte {
	return mail(fields + "\n" + between(boundary, text, eicarPart()))
}

// coded is what follows the field Content-Transfer-Encoding: base64.
func coded() string { return "\n" + lines64(EICAR()) }

const is64 = "Content-Transfer-Encoding: base64\n"

// fieldCases are row 1: fields that say twice what content is.
func fieldCases() []Case {
	const plain = "Content-Type: text/plain\n"
	duplicate := found("mime.duplicate")
	return []Case{
		{1, "type, first", inside(mixed("boundary=b")+plain, "b"), duplicate},
		{1, "type, last", inside(plain+mixed("boundary=b"), "b"), duplicate},
		{1, "type, second of three", inside(plain+mixed("boundary=b")+plain, "b"), duplicate},
		{1, "type, apart", inside(mixed("boundary=b")+"X-A: b\nX-C: d\n"+plain, "b"), duplicate},
		{1, "boundary, first", inside(mixed("boundary=b")+mixed("boundary=c"), "b"), duplicate},
		{1, "boundary, last", inside(mixed("boundary=b")+mixed("boundary=c"), "c"), duplicate},
		{1, "encoding, first", mail(is64 + "Content-Transfer-Encoding: 7bit\n" + coded()), duplicate},
		{1, "encoding, last", mail("Content-Transfer-Encoding: 8bit\n" + is64 + coded()), duplicate},
		{1, "encoding, both decode", mail("Content-Transfer-Encoding: quoted-printable\n" + is64 + coded()), duplicate},
		{1, "encoding of a part", mail(mixed("boundary=b") + "\n" + between("b", is64+"Content-Transfer-Encoding: 7bit\n"+coded())), duplicate},
		{1, "disposition, first", dispositions("run.js", "run.txt"), refused("attachment.banned", "mime.duplicate")},
		{1, "disposition, last", dispositions("run.txt", "run.js"), refused("attachment.banned", "mime.duplicate")},
	}
}

// dispositions is a part with two names in two fields.
func dispositions(one, two string) []byte {
	return mail(mixed("boundary=b") + "\n" + between("b", "Content-Type: application/octet-stream\n"+
		"Content-Disposition: attachment; filename="+one+"\nContent-Disposition: attachment; filename="+two+"\n\nvar a = 1\n"))
}

// boundaryCases are rows 2 to 4: boundaries that programs read differently.
func boundaryCases() []Case {
	param, boundary := found("mime.param"), found("mime.boundary")
	row4 := mixed("boundary=b") + "\n"
	return []Case{
		{2, "twice, first", inside(mixed("boundary=b; boundary=c"), "b"), param},
		{2, "twice, last", inside(mixed("boundary=b; boundary=c"), "c"), param},
		{2, "twice, quoted", inside(mixed(`boundary="b"; Boundary="c"`), "c"), param},
		{2, "plain and extended, plain", inside(mixed("boundary=b; boundary*=us-ascii''c"), "b"), param},
		{2, "plain and extended, extended", inside(mixed("boundary=b; boundary*=us-ascii''c"), "c"), param},
		{2, "sections", inside(mixed("boundary*1=d; boundary*0=c; boundary=b"), "cd"), param},
		{2, "sections, escaped", inside(mixed("boundary*0*=us-ascii''%63; boundary*1=d"), "cd"), found()},

		{3, "comment", inside(mixed("boundary=b(c)"), "b"), boundary},
		{3, "comment is none", inside(mixed("boundary=b(c)"), "b(c)"), boundary},
		{3, "comment before", inside(mixed("(x) boundary (y) = (z) b"), "b"), found()},
		{3, "single quotes", inside(mixed("boundary='b'"), "b"), boundary},
		{3, "single quotes stay", inside(mixed("boundary='b'"), "'b'"), boundary},
		{3, "escape", inside(mixed(`boundary="a\b"`), "ab"), boundary},
		{3, "escape stays", inside(mixed(`boundary="a\b"`), `a\b`), boundary},
		{3, "blank at the end", inside(mixed(`boundary="b "`), "b"), boundary},
		{3, "blank in front", inside(mixed(`boundary=" b"`), "b"), found()},
		{3, "quote left open", inside(mixed(`boundary="b`), "b"), found()},
		{3, "octets behind the quote", inside(mixed(`boundary="b"x`), "b"), found()},
		{3, "octets behind the quote belong to it", inside(mixed(`boundary="b"x`), "bx"), found()},
		{3, "blanks around the equals sign", inside(mixed("boundary = b"), "b"), found()},
		{3, "percent", inside(mixed("boundary=a%62"), "ab"), boundary},
		{3, "encoded word", inside(mixed(`boundary="=?us-ascii?Q?b=63?="`), "bc"), boundary},
		{3, "folded inside the quotes", inside(mixed("boundary=\"b\n c\""), "b c"), found()},
		{3, "folded inside the quotes, blanks off", inside(mixed("boundary=\"b\n c\""), "bc"), found()},
		{3, "no semicolon", inside("Content-Type: multipart/mixed boundary=b\n", "b"), found()},
		{3, "comma", inside("Content-Type: multipart/mixed, boundary=b\n", "b"), found()},
		{3, "two semicolons", inside("Content-Type: multipart/mixed;; boundary=b;\n", "b"), found()},
		{3, "70 characters and more", inside(mixed("boundary="+strings.Repeat("q", 300)), strings.Repeat("q", 300)), found()},
		{3, "cut at 70 characters", inside(mixed("boundary="+strings.Repeat("q", 71)), strings.Repeat("q", 70)), found()},
		{3, "8-bit", inside(mixed("boundary=\"\xe4\""), "\xe4"), found()},
		{3, "case differs", inside(mixed("boundary=abc"), "ABC"), found()},
		{3, "semicolon unquoted", inside(mixed("boundary=b;c"), "b;c"), foundOr("mime.no_boundary", "mime.boundary", "mime.param")},

		{4, "prefix of another", mail(row4 + between("b", mixed("boundary=bc")+"\n"+between("bc", text, eicarPart()))), found()},
		{4, "behind a longer line", mail(row4 + "--b\n\nx\n--bc\n" + eicarPart() + "--b--\n"), found("mime.boundary")},
		{4, "nested equal ones", mail(row4 + "--b\n" + row4 + between("b", eicarPart()) + "--b\n\nx\n--b--\n"), found()},
		{4, "blanks behind", mail(row4 + "--b \t \n" + eicarPart() + "--b--  \n"), found()},
		{4, "blank in front", mail(row4 + " --b\n" + eicarPart() + " --b--\n"), foundOr("mime.no_boundary")},
		{4, "NUL behind", mail(row4 + "--b\x00\n" + eicarPart() + "--b--\n"), found()},
		{4, "outer one inside the inner", mail(row4 + "--b\n" + mixed("boundary=c") + "\n--c\n\nx\n--b\n" + eicarPart() + "--b--\n"), found()},
		{4, "close of the outer opens", mail(row4 + "--b\n" + mixed("boundary=b--") + "\n--b--\n" + eicarPart() + "--b----\n--b--\n"), found()},
	}
}

// outsideCases are row 5: content where no part is.
func outsideCases() []Case {
	b := mixed("boundary=b") + "\n"
	return []Case{
		{5, "no close", mail(b + "--b\n" + text + "--b\n" + eicarPart()), found()},
		{5, "part after the close", mail(b + between("b", text) + "--b\n" + eicarPart() + "--b--\n"), found("mime.outside")},
		{5, "text after the close", mail(b + between("b", text) + EICAR() + "\n"), found()},
		{5, "text in the preamble", mail(b + EICAR() + "\n" + between("b", text)), found()},
		{5, "part in the preamble", mail(b + eicarPart() + between("b", text)), found("mime.outside")},
		{5, "part in the epilogue", mail(b + between("b", text) + eicarPart()), found("mime.outside")},
		{5, "uuencode in the epilogue", mail(b + between("b", text) + "\nbegin 644 e.dat\n" + uuLines(EICAR()) + "`\nend\n"), found()},
		{5, "boundary never seen", inside(mixed("boundary=b"), "other"), found("mime.no_boundary")},
		{5, "no boundary", inside("Content-Type: multipart/mixed\n", "other"), found("mime.no_boundary")},
		{5, "empty boundary", inside(mixed(`boundary=""`), "other"), found("mime.no_boundary")},
		{5, "empty boundary, used", inside(mixed(`boundary=""`), ""), found("mime.no_boundary")},
		{5, "cut inside base64", []byte(strings.TrimSuffix(string(mail(b+"--b\n"+eicarPart())), "=\r\n") + "\r\n"), found()},
	}
}

// headerEndCases are row 6: headers that end where programs disagree.
func headerEndCases() []Case {
	b := mixed("boundary=b")
	body := between("b", text, eicarPart())
	return []Case{
		{6, "no blank line", mail(b + body), found()},
		{6, "line of blanks", mail(b + " \t\n" + body), found()},
		{6, "goes on behind blanks", mail("X-A: b\n \n" + is64 + coded()), found("mime.header_end")},
		{6, "goes on behind no field", mail("no field\n" + is64 + coded()), found("mime.field")},
		{6, "ends at no field", mail("Content-Type: application/octet-stream\n" + is64 + lines64(EICAR())), found("mime.field")},
		{6, "empty line first", raw("\n" + envelope + is64 + coded()), found()},
		{6, "blank in the first line", raw(" X: y\n" + envelope + is64 + coded()), found("mime.field")},
		{6, "From line", raw("From canary Thu Jan  1 12:00:00 2026\n" + envelope + is64 + coded()), found()},
		{6, "quoted From line", raw(">From canary Thu Jan  1 12:00:00 2026\n" + envelope + is64 + coded()), found()},
		{6, "byte order mark", raw("\xef\xbb\xbf" + is64 + envelope + coded()), found()},
		{6, "second header in the body", mail("\n" + b + "\n" + body), found("mime.header_end")},
		{6, "of a part, no blank line", mail(b + "\n--b\nContent-Type: application/octet-stream\n" + is64 + lines64(EICAR()) + "--b--\n"), found("mime.field")},
		{6, "of a part, line of blanks", mail(b + "\n--b\nX-A: b\n \n" + is64 + coded() + "--b--\n"), found()},
		{6, "of a part, goes on behind no field", mail(b + "\n--b\nno field\n" + is64 + coded() + "--b--\n"), found("mime.field")},
		{6, "of a part, absent", mail(b + "\n--b\n\n" + EICAR() + "\n--b--\n"), found()},
		{6, "continued over a blank line", mail("Content-Transfer-Encoding:\n \n base64\n" + coded()), found()},
		{6, "value on the next line", mail("Content-Transfer-Encoding:\n base64\n" + coded()), found()},
		{6, "boundary on the next line", mail("Content-Type:\n\tmultipart/mixed;\n\tboundary=\n\tb\n\n" + body), found()},
	}
}

// octetCases are row 7: octets that fields must not have.
func octetCases() []Case {
	long := strings.Repeat("x", 5000)
	return []Case{
		{7, "blank before the colon", mail("Content-Transfer-Encoding : base64\n" + coded()), found("mime.field")},
		{7, "NUL in a name", mail("Content-\x00Transfer-Encoding: base64\n" + coded()), found("mime.field")},
		{7, "NUL in a value", mail("Content-Transfer-Encoding: ba\x00se64\n" + coded()), found()},
		{7, "NUL ends a value", mail("Content-Transfer-Encoding: base64\x00x\n" + coded()), found()},
		{7, "NUL in a type", inside("Content-Type: multipart\x00/mixed; boundary=b\n", "b"), found()},
		{7, "NUL in a boundary", inside(mixed("boundary=\"b\x00c\""), "b"), found()},
		{7, "VT for a blank", mail("Content-Transfer-Encoding:\vbase64\n" + coded()), found()},
		{7, "FF for a blank", mail("Content-Transfer-Encoding:\fbase64\n" + coded()), found()},
		{7, "no-break space", mail("Content-Transfer-Encoding:\xa0base64\n" + coded()), found()},
		{7, "no-break space in UTF-8", mail("Content-Transfer-Encoding:\xc2\xa0base64\n" + coded()), found()},
		{7, "bare CR ends a line", mail("X-A: b\rContent-Transfer-Encoding: base64\n" + coded()), found()},
		{7, "bare CR in a value", mail("Content-Transfer-Encoding: base64\rx\n" + coded()), found()},
		{7, "CR CR LF", []byte(strings.ReplaceAll(string(mail(is64+coded())), "\r\n", "\r\r\n")), found()},
		{7, "8-bit in a name", mail("X-\xe9: b\n" + is64 + coded()), found()},
		{7, "8-bit in a value", mail("X-A: \xe9\xff\n" + is64 + coded()), found()},
		{7, "field without a name", mail(": b\n" + is64 + coded()), found()},
		{7, "long name", mail(long + ": b\n" + is64 + coded()), found()},
		{7, "long line", mail("X-A: " + long + "\n" + is64 + coded()), found()},
	}
}
