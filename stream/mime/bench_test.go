package mime

import (
	"crypto/sha256"
	"hash"
	"strings"
	"testing"
)

// A hashing Sink does what every caller does: it hashes each leaf.
type hashing struct{ h hash.Hash }

func (s *hashing) Open(*Part)             { s.h.Reset() }
func (s *hashing) Field(*Part, Field)     {}
func (s *hashing) Data(_ *Part, b []byte) { s.h.Write(b) }
func (s *hashing) Close(*Part)            {}
func (s *hashing) Defect(*Part, Defect)   {}

// A silent Sink does nothing.
type silent struct{}

func (silent) Open(*Part)           {}
func (silent) Field(*Part, Field)   {}
func (silent) Data(*Part, []byte)   {}
func (silent) Close(*Part)          {}
func (silent) Defect(*Part, Defect) {}

const mailHeader = `Received: from a.example (a.example [192.0.2.1])
	by b.example with ESMTPS id 1234567890
	for <c@b.example>; Thu, 1 Jan 2026 00:00:00 +0000
Message-ID: <1234567890@a.example>
Date: Thu, 1 Jan 2026 00:00:00 +0000
From: "A. Sender" <sender@a.example>
To: c@b.example
Subject: something of no interest
MIME-Version: 1.0
`

const prose = "The quick brown fox jumps over the lazy dog - and on, and on; it never stops.\n"

// mails are what good mail looks like.
var mails = func() map[string]string {
	html := "<p style=\"margin-left: 3px\"><a href=\"http://a.example/x-y--z\">text</a></p>\n"
	return map[string]string{
		"text": mailHeader + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n" + strings.Repeat(prose, 600),
		"html": mailHeader + "Content-Type: multipart/alternative; boundary=\"----=_NextPart_000_0001\"\n\nThis is a multi-part message in MIME format.\n" +
			"\n------=_NextPart_000_0001\nContent-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Replace(prose, "fox", "f=C3=B6x", 1), 200) +
			"\n------=_NextPart_000_0001\nContent-Type: text/html; charset=\"utf-8\"\n\n" + strings.Repeat(html, 500) +
			"\n------=_NextPart_000_0001--\n",
		"attachment": mailHeader + "Content-Type: multipart/mixed; boundary=\"b1_0123456789\"\n\n" +
			"--b1_0123456789\nContent-Type: text/plain; charset=us-ascii\n\n" + strings.Repeat(prose, 20) +
			"\n--b1_0123456789\nContent-Type: application/pdf; name=\"report.pdf\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"report.pdf\"\n\n" +
			lines64(strings.Repeat("\x01\x02some content\xff", 1<<16)) + "\n--b1_0123456789--\n",
	}
}()

// chunk is how the message comes from stream: 64 KiB.
const chunk = 64 << 10

func parse(p *Parser, s Sink, message []byte) {
	p.Reset(s)
	for len(message) > 0 {
		n := min(chunk, len(message))
		p.Write(message[:n])
		message = message[n:]
	}
	p.Close()
}

func BenchmarkParser(b *testing.B) {
	for name, m := range mails {
		message := []byte(crlf(m))
		for _, s := range []struct {
			name string
			Sink
		}{{"alone", silent{}}, {"sha256", &hashing{sha256.New()}}} {
			b.Run(name+"/"+s.name, func(b *testing.B) {
				p := new(Parser)
				b.SetBytes(int64(len(message)))
				b.ReportAllocs()
				for b.Loop() {
					parse(p, s.Sink, message)
				}
			})
		}
	}
}

// Clean mail costs the Parts, their paths' and names' strings, and no more.
func TestCleanMailAllocatesLittle(t *testing.T) {
	for name, m := range mails {
		message := []byte(crlf(m))
		p := new(Parser)
		parse(p, silent{}, message)
		if n := testing.AllocsPerRun(20, func() { parse(p, silent{}, message) }); n > 6 {
			t.Errorf("%s: %v allocations a message", name, n)
		}
		if s := read(p, message); len(s.defects) > 0 {
			t.Errorf("%s: %v", name, s.defects)
		}
	}
}
