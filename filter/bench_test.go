package filter_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"sluice/filter"
	"sluice/filter/attachment"
	"sluice/filter/headers"
	"sluice/filter/links"
	"sluice/filter/literal"
)

// chunk is how content comes from package stream: 64 KiB.
const chunk = 64 << 10

// A sample is one message and what it holds.
type sample struct {
	name    string
	message []byte
	decoded int // octets of all leaves, those in containers included
}

// BenchmarkContent is the message taken apart and each leaf hashed, and nobody
// looking: octets are decoded ones.
func BenchmarkContent(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			pass(b, s, filter.Entry{Module: filter.Content{}}, filter.Entry{Module: hashes{}})
		})
	}
}

// hashes wants the hash of every leaf, and nothing else.
type hashes struct{}

func (hashes) Name() string { return "hashes" }

func (hashes) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	return hashes{}
}

func (hashes) Write([]byte)                  {}
func (hashes) OpenPart(*filter.Part)         {}
func (hashes) PartData(*filter.Part, []byte) {}
func (hashes) ClosePart(*filter.Part)        {}
func (hashes) WantsHash()                    {}
func (hashes) FinishNow() error              { return nil }
func (hashes) Finish(context.Context) error  { return nil }
func (hashes) Close()                        {}

var _ filter.HashScanner = hashes{}

// BenchmarkChain is every module that is built in, as cmd/proxy has them.
func BenchmarkChain(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			pass(b, s,
				filter.Entry{Module: filter.Content{}},
				filter.Entry{Module: literal.Module{}},
				filter.Entry{Module: attachment.Module{}},
				filter.Entry{Module: headers.Module{Hostname: "mx.example"}},
				filter.Entry{Module: links.Module{}},
			)
		})
	}
}

// pass sends one message again and again through a chain.
func pass(b *testing.B, s sample, entries ...filter.Entry) {
	chain, err := filter.New(entries...)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	visit := chain.Visit(&filter.Session{Helo: "out.sender.example"})
	b.SetBytes(int64(s.decoded))
	b.ReportAllocs()
	for b.Loop() {
		run, _ := visit.Begin(ctx, &filter.Envelope{ID: "x", Size: -1})
		run.Open()
		for rest := s.message; len(rest) > 0; {
			n := min(chunk, len(rest))
			run.Write(rest[:n])
			rest = rest[n:]
		}
		run.Finish(ctx)
		run.Close()
	}
}

const sampleHead = "Received: from out.sender.example (out.sender.example [192.0.2.7])\r\n" +
	"\tby mx.sender.example with ESMTPS id 4Fx2; Thu, 1 Jan 2026 10:00:00 +0000\r\n" +
	"From: Alice Example <a@sender.example>\r\nTo: Bob <b@example.org>\r\n" +
	"Subject: Minutes of the meeting\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n" +
	"Message-ID: <1@sender.example>\r\nMIME-Version: 1.0\r\n"

// samples are good mail of each kind, made once.
var samples = sync.OnceValue(func() []sample {
	archive, unpacked := zipOf(1 << 20)
	zipped := attached("zip 1 MB", "zip", archive)
	zipped.decoded += unpacked
	return []sample{typical(), text(50e3), html(50e3),
		attached("base64 1 MB", "bin", opaque(1e6)), attached("base64 10 MB", "bin", opaque(10e6)), zipped}
})

// typical is a mail of 5 kB as people send most: short text, and the same as
// HTML with a few links.
func typical() sample {
	plain, markup := prose(1200, "\r\n"), markup(2600)
	return sample{"typical 5 kB", []byte(sampleHead + "Content-Type: multipart/alternative; boundary=\"alt-1\"\r\n\r\n" +
		"--alt-1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + plain +
		"\r\n--alt-1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup + "\r\n--alt-1--\r\n"), len(plain) + len(markup)}
}

func text(n int) sample {
	plain := prose(n, "\r\n")
	return sample{"text 50 kB", []byte(sampleHead + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + plain), len(plain)}
}

func html(n int) sample {
	m := markup(n)
	return sample{"html 50 kB", []byte(sampleHead + "Content-Type: text/html; charset=utf-8\r\n\r\n" + m), len(m)}
}

// attached is a mail with content in base64, lines of 76.
func attached(name, ext string, content []byte) sample {
	var m bytes.Buffer
	note := prose(500, "\r\n")
	s := sample{name: name, decoded: len(note) + len(content)}
	fmt.Fprintf(&m, "%sContent-Type: multipart/mixed; boundary=\"mix-1\"\r\n\r\n--mix-1\r\nContent-Type: text/plain\r\n\r\n%s", sampleHead, note)
	fmt.Fprintf(&m, "\r\n--mix-1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment; filename=\"minutes.%s\"\r\n\r\n", ext)
	for line := make([]byte, 76); len(content) > 0; {
		n := min(57, len(content))
		base64.StdEncoding.Encode(line, content[:n])
		m.Write(line[:base64.StdEncoding.EncodedLen(n)])
		m.WriteString("\r\n")
		content = content[n:]
	}
	m.WriteString("--mix-1--\r\n")
	s.message = m.Bytes()
	return s
}

// opaque is content of no known type, as a picture's.
func opaque(n int) []byte {
	p := make([]byte, n)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(p) //nolint:errcheck // never fails
	return p
}

func prose(n int, end string) string {
	line := "the committee met on time and went through all points of last week" + end
	return strings.Repeat(line, n/len(line)+1)
}

func markup(n int) string {
	var m strings.Builder
	m.WriteString("<html><body>\r\n")
	for i := 0; m.Len() < n; i++ {
		fmt.Fprintf(&m, "<p style=\"margin:0 0 1em\">%s</p>\r\n", prose(300, "\r\n"))
		if i%4 == 0 {
			fmt.Fprintf(&m, "<a href=\"https://www.sender.example/minutes/%d\">Minutes %d</a>\r\n", i, i)
		}
	}
	m.WriteString("</body></html>\r\n")
	return m.String()
}

// zipOf is an archive of about n octets that holds one text, and the length of
// that: about twice as much, as documents have it.
func zipOf(n int) (archive []byte, unpacked int) {
	var content, out bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	for content.Len() < 2*n {
		fmt.Fprintf(&content, "%s%x\n", prose(130, "\n"), random.Perm(60))
	}
	w := zip.NewWriter(&out)
	f, err := w.Create("minutes.txt")
	if err == nil {
		_, err = f.Write(content.Bytes())
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // of a buffer, none
	}
	return out.Bytes(), content.Len()
}
