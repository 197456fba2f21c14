package hostile

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// EICAR returns the anti-malware test file, 68 octets (eicar.org).
func EICAR() string {
	return `X5O!P%@AP[4\PZX54(P^)7CC)7}` + "$EICAR" + "-STANDARD" + "-ANTI" + "VIRUS-TEST" + "-FILE!$H+H*"
}

// crlf makes every line end one of mail; those that are stay.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// envelope are the fields that good mail has, so that their absence is no
// trick of the case's.
const envelope = `From: Canary <canary-sender@x.test>
To: canary-rcpt@y.test
Subject: canary
Date: Thu, 01 Jan 2026 12:00:00 +0000
Message-ID: <canary@x.test>
MIME-Version: 1.0
`

// mail is a message of the usual fields and these lines: more fields, a blank
// line, the body. Lines may end in LF.
func mail(lines string) []byte { return []byte(crlf(envelope + lines)) }

// raw is a message of nothing but these lines.
func raw(lines string) []byte { return []byte(crlf(lines)) }

// b64 is base64 in one line.
func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// chunked cuts s into lines of n.
func chunked(s string, n int) string {
	var b strings.Builder
	for s != "" {
		k := min(n, len(s))
		b.WriteString(s[:k] + "\n")
		s = s[k:]
	}
	return b.String()
}

// lines64 is base64 in lines of 76, as mail has it (RFC 2045 section 6.8).
func lines64(s string) string { return chunked(b64(s), 76) }

// escaped is quoted-printable with every octet as an escape.
func escaped(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
		if i%20 == 19 {
			b.WriteString("=\n")
		}
	}
	return b.String()
}

// uuLines is s uuencoded, without begin and end.
func uuLines(s string) string {
	var b strings.Builder
	put := func(v byte) { b.WriteByte((v-1)&63 + 33) } // zero is a grave accent
	for s != "" {
		n := min(45, len(s))
		line := s[:n] + "\x00\x00"
		put(byte(n))
		for i := 0; i < n; i += 3 {
			put(line[i] >> 2)
			put(line[i]<<4&63 | line[i+1]>>4)
			put(line[i+1]<<2&63 | line[i+2]>>6)
			put(line[i+2] & 63)
		}
		b.WriteByte('\n')
		s = s[n:]
	}
	return b.String()
}

// yEnc is s as one part in yEnc (yenc.org, draft 1.3).
func yEnc(s, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "=ybegin line=128 size=%d name=%s\n", len(s), name)
	for i := range len(s) {
		c := s[i] + 42
		if c == 0 || c == '\n' || c == '\r' || c == '=' || c == '.' && i%128 == 0 {
			b.WriteByte('=')
			c += 64
		}
		b.WriteByte(c)
		if i%128 == 127 {
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "\n=yend size=%d crc32=%08x\n", len(s), crc32.ChecksumIEEE([]byte(s)))
	return b.String()
}

// file is a part, fields and body, with an attached file in base64.
func file(name, content string) string {
	return "Content-Type: application/octet-stream; name=\"" + name + "\"\nContent-Transfer-Encoding: base64\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\n\n" + lines64(content)
}

// eicarPart is the payload as a part. The name is nothing a list refuses.
func eicarPart() string { return file("e.dat", EICAR()) }

// text is a part of harmless text.
const text = "Content-Type: text/plain\n\nsee the attachment\n"

// mixed is a Content-Type field with these parameters.
func mixed(parameters string) string { return "Content-Type: multipart/mixed; " + parameters + "\n" }

// between puts parts between boundary lines.
func between(boundary string, parts ...string) string {
	return "--" + boundary + "\n" + strings.Join(parts, "--"+boundary+"\n") + "--" + boundary + "--\n"
}

// attached is a message with text and one file.
func attached(name, content string) []byte {
	return mail(mixed("boundary=b") + "\n" + between("b", text, file(name, content)))
}
