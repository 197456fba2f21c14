package mime

import (
	"bytes"
	stdbase64 "encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// eicar is the anti-malware test file (eicar.org), put together here so that
// no file of ours trips a scanner.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}` + "$EICAR" + "-STANDARD" + "-ANTI" + "VIRUS-TEST" + "-FILE!$H+H*"

func b64(s string) string { return stdbase64.StdEncoding.EncodeToString([]byte(s)) }

// lines64 is base64 in lines of 76.
func lines64(s string) string {
	var b strings.Builder
	for e := b64(s); e != ""; {
		n := min(76, len(e))
		b.WriteString(e[:n] + "\n")
		e = e[n:]
	}
	return b.String()
}

// uuOf is s, uuencoded.
func uuOf(s string) string {
	var b strings.Builder
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	c := func(v byte) {
		if v &= 63; v == 0 {
			v = 64
		}
		b.WriteByte(v + 32)
	}
	for len(s) > 0 {
		n := min(45, len(s))
		c(byte(n))
		for i := 0; i < n; i += 3 {
			c(at(i) >> 2)
			c(at(i)<<4 | at(i+1)>>4)
			c(at(i+1)<<2 | at(i+2)>>6)
			c(at(i + 2))
		}
		b.WriteByte('\n')
		s = s[n:]
	}
	return b.String()
}

// qp is every octet as an escape.
func allQP(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "=%02x", s[i])
		if i%20 == 19 {
			b.WriteString("=\n")
		}
	}
	return b.String()
}

// finds tells whether a leaf holds s. Encoded it must be gone.
func (s *told) finds(text string) bool {
	return slices.ContainsFunc(s.parts, func(p *toldPart) bool { return bytes.Contains(p.data, []byte(text)) })
}

// eicar64 is a part with the payload in base64, without the boundary line.
func eicar64() string {
	return "Content-Type: application/octet-stream; name=x.exe\nContent-Transfer-Encoding: base64\n\n" + lines64(eicar)
}

// inMixed is a message with fields that must make one part of it the payload,
// between lines with that boundary.
func inMixed(contentType, boundary string) string {
	return contentType + "\n\n--" + boundary + "\n\nsee attachment\n--" + boundary + "\n" + eicar64() + "--" + boundary + "--\n"
}

func TestPayloadIsFound(t *testing.T) {
	mixed := func(params string) string { return "Content-Type: multipart/mixed; " + params }
	part64 := "Content-Transfer-Encoding: base64\n\n" + lines64(eicar)
	stream := func(attributes ...[]byte) string { return string(tnefStream(attributes...)) }
	rendering, data := attribute(2, attRendering, make([]byte, 14)), attribute(2, attData, []byte(eicar))
	damaged := bytes.Clone(data)
	damaged[len(damaged)-1]++
	inner := []byte(stream(rendering, data))
	object := attribute(2, attAttachment, props(prop(propData, mapiObject, slices.Concat(iMessage, inner))))
	coded := func(typ, content string) string {
		return "Content-Type: " + typ + "\nContent-Transfer-Encoding: base64\n\n" + lines64(content)
	}
	deep := "\n" + eicar + "\n"
	for range codedDepth - 1 {
		deep = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + lines64(crlf(deep))
	}
	for _, c := range []struct{ name, message, rules string }{
		// 1: two fields, one of which hides it.
		{"two types, first", inMixed(mixed("boundary=b")+"\nContent-Type: text/plain", "b"), "mime.duplicate H"},
		{"two types, last", inMixed("Content-Type: text/plain\n"+mixed("boundary=b"), "b"), "mime.duplicate H"},
		{"two boundaries in two types, first", inMixed(mixed("boundary=b")+"\n"+mixed("boundary=c"), "b"), "mime.duplicate H, mime.boundary H"},
		{"two boundaries in two types, last", inMixed(mixed("boundary=b")+"\n"+mixed("boundary=c"), "c"), "mime.duplicate H, mime.boundary H"},
		{"two encodings, first", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n" + lines64(eicar), "mime.duplicate H"},
		{"two encodings, last", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + lines64(eicar), "mime.duplicate H"},
		{"two encodings, both decode", "Content-Transfer-Encoding: quoted-printable\n" + part64, "mime.duplicate H"},
		// 2
		{"boundary twice, first", inMixed(mixed("boundary=b; boundary=c"), "b"), "mime.param H, mime.boundary H"},
		{"boundary twice, last", inMixed(mixed("boundary=b; boundary=c"), "c"), "mime.param H, mime.boundary H"},
		{"boundary twice, the first as a decoy", mixed("boundary=b; boundary=c") + "\n\n--b\n\nx\n--c\n" + eicar64() + "--c--\n", "mime.param H, mime.boundary H"},
		{"boundary twice, the last as a decoy", mixed("boundary=b; boundary=c") + "\n\n--c\n\nx\n--b\n" + eicar64() + "--b--\n", "mime.param H, mime.boundary H"},
		{"boundary plain and extended", inMixed(mixed("boundary=b; boundary*=us-ascii''c"), "c"), "mime.param H, mime.boundary H"},
		{"boundary in sections", inMixed(mixed("boundary*1=d; boundary*0=c; boundary=b"), "cd"), "mime.param H, mime.boundary H"},
		// 3
		{"comment", inMixed(mixed("boundary=b(c)"), "b"), "mime.param L, mime.boundary H"},
		{"comment is none", inMixed(mixed("boundary=b(c)"), "b(c)"), "mime.param L, mime.boundary H"},
		{"single quotes", inMixed(mixed("boundary='b'"), "b"), "mime.boundary H"},
		{"single quotes stay", inMixed(mixed("boundary='b'"), "'b'"), "mime.boundary H"},
		{"escapes", inMixed(mixed(`boundary="a\b"`), "ab"), "mime.boundary H"},
		{"escapes stay", inMixed(mixed(`boundary="a\b"`), `a\b`), "mime.boundary H"},
		{"blank at the end", inMixed(mixed(`boundary="b "`), "b"), "mime.boundary H"},
		{"quote does not close", inMixed(mixed(`boundary="b`), "b"), "mime.param M"},
		{"percent", inMixed(mixed("boundary=a%62"), "ab"), "mime.boundary H"},
		{"RFC 2047", inMixed(mixed(`boundary="=?us-ascii?Q?b=63?="`), "bc"), "mime.boundary H"},
		{"NUL in the value", inMixed(mixed("boundary=\"b\x00c\""), "b"), "mime.boundary H"},
		{"longer than is compared", inMixed(mixed("boundary="+strings.Repeat("b", 1100)), strings.Repeat("b", 1100)), "mime.boundary H"},
		{"longer than a line is kept", inMixed(mixed("boundary="+strings.Repeat("b", 7000)), strings.Repeat("b", 7000)), "mime.boundary H"},
		// 4
		{"prefix of another", mixed("boundary=b") + "\n\n--b\n" + inMixed(mixed("boundary=bc"), "bc") + "--b--\n", "mime.boundary M"},
		{"payload behind a longer line", mixed("boundary=b") + "\n\n--b\n\ntext\n--bc\n" + eicar64() + "--b--\n", "mime.boundary M"},
		{"payload around a longer line", mixed("boundary=b") + "\n\n--b\nContent-Type: application/octet-stream\n\n" + eicar[:30] + "\n--bc\n" + "--b\n" + eicar64() + "--b--\n", "mime.boundary M"},
		{"nested equal ones", mixed("boundary=b") + "\n\n--b\n" + inMixed(mixed("boundary=b"), "b") + "--b\n\nx\n--b--\n", "mime.boundary M"},
		{"blanks behind every boundary", inMixed(mixed("boundary=b"), "b \t"), "mime.boundary L"},
		{"NUL behind the boundary", inMixed(mixed("boundary=b"), "b\x00"), "mime.boundary M"},
		{"junk behind every boundary", inMixed(mixed("boundary=b"), "b") + strings.ReplaceAll(inMixed("", "b"), "--b", "--bc"), "mime.boundary M"},
		{"payload in what junk separates", mixed("boundary=b") + "\n\n--b\n\nx\n--bc\n\ny\n--bc\n" + eicar64() + "--b--c\nz\n--b--\n", "mime.boundary M"},
		// 5
		{"no close", mixed("boundary=b") + "\n\n--b\n" + eicar64(), ""},
		{"after the close", mixed("boundary=b") + "\n\n--b\n\nx\n--b--\n--b\n" + eicar64(), "mime.outside M"},
		{"epilogue is text", mixed("boundary=b") + "\n\n--b\n\nx\n--b--\n" + eicar, ""},
		{"preamble is text", mixed("boundary=b") + "\n\n" + eicar + "\n--b\n\nx\n--b--\n", ""},
		{"preamble is a part", mixed("boundary=b") + "\n\n" + eicar64() + "--b\n\nx\n--b--\n", "mime.outside M"},
		{"epilogue is a part", mixed("boundary=b") + "\n\n--b\n\nx\n--b--\n" + eicar64(), "mime.outside M"},
		{"boundary never seen", inMixed(mixed("boundary=b"), "other"), "mime.no_boundary H"},
		{"boundary missing", inMixed("Content-Type: multipart/mixed", "other"), "mime.no_boundary H"},
		{"boundary empty", inMixed(mixed(`boundary=""`), "other"), "mime.no_boundary H"},
		{"boundary empty and used", inMixed(mixed(`boundary=""`), ""), "mime.no_boundary H"},
		// 6
		{"no blank line", mixed("boundary=b") + "\n--b\n" + eicar64() + "--b--\n", "mime.field M"},
		{"blanks are the blank line", "Subject: x\n" + mixed("boundary=b") + "\n \t\n--b\n" + eicar64() + "--b--\n", "mime.header_end L"},
		{"header goes on after blanks", "Subject: x\n \n" + part64, "mime.header_end L, mime.header_end H"},
		{"header goes on after a line without colon", "Subject: x\nno field\n" + part64, "mime.field M, mime.header_end H"},
		{"header ends at a line without colon", part64[:len("Content-Transfer-Encoding: base64\n")] + lines64(eicar), "mime.field M"},
		{"header after an empty line", "\n" + part64, "mime.header_end M"},
		{"blank before the first field", " X: y\n" + part64, "mime.field M, mime.header_end H"},
		{"field hides in an empty line's place", "Subject: x\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + eicar64(), "mime.header_end M"},
		// 7
		{"blank before the colon", "Content-Transfer-Encoding : base64\n\n" + lines64(eicar), "mime.field M, mime.header_end H"},
		{"NUL in a name", "Content-\x00Transfer-Encoding: base64\n\n" + lines64(eicar), "mime.field M, mime.header_end H"},
		{"VT in a value", "Content-Transfer-Encoding:\vbase64\n\n" + lines64(eicar), ""},
		{"NUL in a value", "Content-Transfer-Encoding: ba\x00se64\n\n" + lines64(eicar), "mime.encoding H"},
		{"bare CR ends a line", "Subject: x\rContent-Transfer-Encoding: base64\n\n" + lines64(eicar), ""},
		{"byte order mark", "\xef\xbb\xbfContent-Transfer-Encoding: base64\n\n" + lines64(eicar), "mime.field M"},
		{"byte order mark before a type", "\xef\xbb\xbf" + inMixed(mixed("boundary=b"), "b"), "mime.field M"},
		{"8 bits in a name", "Subj\xe9ct: x\n" + part64, ""},
		{"8 bits in a value", "Subject: \xe9\n" + part64, ""},
		{"NUL in a type", inMixed("Content-Type: multipart\x00/mixed; boundary=b", "b"), "mime.type M"},
		// 8
		{"junk in base64", "Content-Transfer-Encoding: base64\n\n" + strings.ReplaceAll(lines64(eicar), "R", "!R."), "mime.base64 M"},
		{"padding inside base64", "Content-Transfer-Encoding: base64\n\n" + b64(eicar[:20]) + "\n" + b64(eicar[20:]) + "\n", "mime.base64 H"},
		{"data behind the padding", "Content-Transfer-Encoding: base64\n\n" + lines64(eicar) + "AAAA\n", "mime.base64 H"},
		{"URL alphabet, a message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + stdbase64.URLEncoding.EncodeToString([]byte("X: \xff\xfb\r\n"+crlf(part64))), "mime.base64 H"},
		{"hyphens as junk, a message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + strings.ReplaceAll(lines64(crlf(part64)), "V", "-V_"), "mime.base64 H"},
		{"data behind the padding, a message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + lines64("\r\n"+eicar) + "AAAA\n", "mime.base64 H"},
		{"one-character lines", "Content-Transfer-Encoding: base64\n\n" + strings.Join(strings.Split(b64(eicar), ""), "\n"), ""},
		{"long line", "Content-Transfer-Encoding: base64\n\n" + b64(strings.Repeat("x", 10000)+eicar), ""},
		{"no padding", "Content-Transfer-Encoding: base64\n\n" + strings.TrimRight(b64(eicar), "="), "mime.base64 L"},
		{"URL alphabet", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n" + stdbase64.URLEncoding.EncodeToString([]byte("\xff\xfb"+eicar)), "mime.base64 H"},
		{"hyphens as junk", "Content-Transfer-Encoding: base64\n\n" + "-" + strings.ReplaceAll(lines64(eicar), "V", "-V_"), "mime.base64 H"},
		{"hyphens as junk, after a slash", "Content-Transfer-Encoding: base64\n\n" + lines64("???" + eicar)[:12] + "-" + lines64("???" + eicar)[12:], "mime.base64 H"},
		// 9
		{"lower case", "Content-Transfer-Encoding: quoted-printable\n\n" + allQP(eicar), ""},
		{"bad escape", "Content-Transfer-Encoding: quoted-printable\n\n=ZZ= \n" + allQP(eicar), "mime.qp M"},
		// 10
		{"unknown encoding", "Content-Transfer-Encoding: rot13\n\n" + eicar, "mime.encoding H"},
		{"unknown encoding names one", "Content-Transfer-Encoding: x-base64-x\n\n" + lines64(eicar), "mime.encoding H"},
		{"two in one", "Content-Transfer-Encoding: quoted-printable, base64\n\n" + lines64(eicar), "mime.encoding H"},
		{"comment", "Content-Transfer-Encoding: (x) base64\n\n" + lines64(eicar), "mime.encoding H"},
		{"encoded multipart", mixed("boundary=b") + "\nContent-Transfer-Encoding: base64\n\n" + lines64("--b\n"+eicar64()+"--b--\n"), "mime.encoding H"},
		{"multipart with an encoding it has not", inMixed(mixed("boundary=b")+"\nContent-Transfer-Encoding: quoted-printable", "b"), "mime.encoding H"},
		// 11
		{"uuencode", "\nbegin 644 x.exe\n" + uuOf(eicar) + "`\nend\n", ""},
		{"uuencode, no end", "Content-Type: text/html\n\nhello\nbegin 644 x.exe\n" + uuOf(eicar), "mime.uu M"},
		{"uuencode in the preamble", mixed("boundary=b") + "\n\nbegin 644 x\n" + uuOf(eicar) + "`\nend\n--b\n\nx\n--b--\n", ""},
		{"uuencode as encoding", "Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n" + uuOf(eicar) + "`\nend\n", ""},
		{"begin-base64", "\nbegin-base64 644 x\n" + lines64(eicar) + "====\n", ""},
		{"uuencode, a check character a line", "\nbegin 644 x\n" + strings.ReplaceAll(uuOf(eicar), "\n", "x\n") + "`\nend\n", ""},
		{"uuencode in a file by name", "Content-Type: application/octet-stream; name=a.uue\n\nhello\nbegin 644 x\n" + uuOf(eicar) + "`\nend\n", ""},
		{"uuencode in a file by octets", coded("application/octet-stream; name=a.dat", "begin 644 x\n"+uuOf(eicar)+"`\nend\n"), ""},
		{"yEnc", "\n=ybegin line=40 size=68 name=x.exe\n" + strings.ReplaceAll(yEnc(eicar, 40), "\r", "") + "=yend size=68\n", ""},
		{"yEnc, no end", "\n=ybegin line=40 size=68 name=x.exe\n" + strings.ReplaceAll(yEnc(eicar, 40), "\r", ""), "mime.yenc M"},
		// 12
		{"TNEF", coded("application/ms-tnef", stream(rendering, data)), ""},
		{"TNEF, undeclared", coded("application/octet-stream", stream(rendering, data)), ""},
		{"TNEF, by name", coded("text/plain; name=WINMAIL.dat", stream(rendering, data)), ""},
		{"TNEF, bad checksum", coded("application/ms-tnef", stream(rendering, damaged)), "mime.tnef M"},
		{"TNEF, cut", coded("application/ms-tnef", stream(rendering, data[:len(data)-1])), "mime.tnef M"},
		{"TNEF, nested", coded("application/ms-tnef", stream(rendering, object)), ""},
		// 29
		{"PGP beside", "\n" + eicar + "\n-----BEGIN PGP MESSAGE-----\n\nhQEMA0AAAA\n-----END PGP MESSAGE-----\n", "encrypted.mail L"},
		{"PGP beside, encoded", coded("text/plain", eicar+"\n-----BEGIN PGP MESSAGE-----\n\nhQEMA0AAAA"), "encrypted.mail L"},
		{"opaque signature", coded("application/pkcs7-mime; smime-type=signed-data", string(signed(open, oidSigned, tlv(4, []byte(crlf(part64)))))), ""},
		{"opaque signature in PEM", coded("application/pkcs7-mime", "-----BEGIN PKCS7-----\n"+lines64(string(signed(tlv, oidSigned, tlv(4, []byte(crlf(part64))))))+"-----END PKCS7-----\n"), ""},
		{"compressed", coded("application/pkcs7-mime; smime-type=compressed-data", string(signed(tlv, oidCompressed, tlv(4, deflated(crlf(part64)))))), ""},
		{"opaque signature, by name", coded("application/octet-stream; name=smime.P7M", string(signed(tlv, oidSigned, tlv(4, []byte(crlf(inMixed(mixed("boundary=b"), "b"))))))), ""},
		// 13
		{"encoded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + lines64(crlf(part64)), "mime.encoding H"},
		{"encoded messages, deep", deep, "mime.encoding H"},
		{"says encoded and is not, behind base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nabcd\n" + part64, "mime.encoding H"},
		{"multipart says encoded and is not, behind base64", mixed("boundary=b") + "\nContent-Transfer-Encoding: base64\n\nabcd\n\n--b\n" + eicar64() + "--b--\n", "mime.encoding H"},
		{"attached as a file", coded("application/octet-stream; name=mail.EML", crlf(inMixed(mixed("boundary=b"), "b"))), ""},
		// 14: the piece of it that is here is text.
		{"message/partial", "Content-Type: message/partial; number=1; id=x; total=2\n\n" + eicar, "mime.partial M"},
		{"external body", "Content-Type: message/external-body; access-type=url\n\n" + eicar, "mime.external M"},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := []byte(crlf(c.message))
			s := readCuts(t, message)
			if !s.finds(eicar) {
				t.Errorf("not found:\n%s", s.tree())
			}
			got := s.rules()
			if c.rules == "" && strings.Contains(got, " M") {
				t.Errorf("rules %s", got)
			}
			for _, want := range strings.Split(c.rules, ", ") {
				if !strings.Contains(got, want) {
					t.Errorf("rules %s, want %s", got, want)
				}
			}
			if c.rules == "" && strings.Contains(got, " H") {
				t.Errorf("rules %s", got)
			}
		})
	}
}

// Of readings that are too many some are followed, and it is said that there
// were more.
func TestTooManyViews(t *testing.T) {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b0")
	for i := range 12 {
		fmt.Fprintf(&b, "; boundary=b%d", i)
	}
	b.WriteString("\n\n")
	for i := range 12 {
		fmt.Fprintf(&b, "--b%d\n%s", i, eicar64())
	}
	s := readCuts(t, []byte(crlf(b.String())))
	if !strings.Contains(s.rules(), "mime.views X") {
		t.Errorf("rules %s", s.rules())
	}
	if !s.finds(eicar) {
		t.Error("not found")
	}
}

// The reading that most programs share is not the one with the most in it.
func TestSecondViewIsLarger(t *testing.T) {
	m := "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\nx\n--b\n\n" +
		strings.Repeat("filler\n", 10000) + "--b\n" + eicar64()
	if s := readCuts(t, []byte(crlf(m))); !s.finds(eicar) {
		t.Error("not found")
	}
}

func TestDeepMessages(t *testing.T) {
	for _, c := range []struct {
		encoding string
		depth    int
		found    bool
	}{
		{"", 15, true}, {"", 19, true}, {"", 25, true}, // what is not entered is plain text
		{"base64", 15, true}, {"base64", 19, true}, {"base64", 25, false},
		{"quoted-printable", 4, true}, {"quoted-printable", 6, false},
	} {
		m := "\n" + eicar + "\n"
		for range c.depth {
			switch c.encoding {
			case "":
				m = "Content-Type: message/rfc822\n\n" + m
			case "base64":
				m = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + lines64(crlf(m))
			default:
				m = "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + allQP(crlf(m)) + "\n"
			}
		}
		s := readCuts(t, []byte(crlf(m)))
		deep := c.depth > DefaultDepth || !c.found
		if strings.Contains(s.rules(), "limit.depth X") != deep || s.finds(eicar) != c.found {
			t.Errorf("%s %d: found %t, rules %s", c.encoding, c.depth, s.finds(eicar), s.rules())
		}
	}
}

// Programs for which only CRLF ends a line do not see the boundary line that
// cuts the payload in two.
func TestBoundaryAfterBareLF(t *testing.T) {
	e := b64(eicar)
	m := crlf("Content-Type: multipart/mixed; boundary=\"...\"\n\n--...\nContent-Transfer-Encoding: base64\n\n"+e[:40]) +
		"\n--...\r\n\r\n" + e[40:] + "\r\n--...--\r\n"
	s := readCuts(t, []byte(m))
	if !s.finds(eicar) {
		t.Errorf("not found:\n%s", s.tree())
	}
	if !strings.Contains(s.rules(), "mime.boundary M") {
		t.Errorf("rules %s", s.rules())
	}
}
