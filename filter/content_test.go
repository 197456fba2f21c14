package filter

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sluice/policy"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// A listener notes all that it is told of parts, and panics where it is asked
// to.
type listener struct {
	name  string
	panic string // the call that panics, with secret
	heard []string
	files map[string]string // content by path
	text  *strings.Builder  // nil: not kept
}

func (l *listener) Name() string                               { return l.name }
func (l *listener) Open(*Session, *Envelope, *Channel) Scanner { return &listening{listener: l} }

type listening struct{ *listener }

func (l *listening) hear(call string, p *Part) {
	if call != "data" && call != "text" {
		l.heard = append(l.heard, call+" "+p.Path)
	}
	if l.panic == call {
		panic(secret)
	}
}

func (l *listening) Write([]byte)      {}
func (l *listening) FinishNow() error  { return nil }
func (l *listening) Close()            {}
func (l *listening) OpenPart(p *Part)  { l.hear("open", p) }
func (l *listening) ClosePart(p *Part) { l.hear("close", p) }
func (l *listening) PartData(p *Part, b []byte) {
	if l.files == nil {
		l.files = map[string]string{}
	}
	l.files[p.Path] += string(b)
	l.hear("data", p)
}
func (l *listening) Text(p *Part, b []byte) {
	if l.text != nil {
		l.text.Write(b)
	}
	l.hear("text", p)
}
func (l *listening) Field(p *Part, _ mime.Field) { l.hear("field", p) }
func (l *listening) Link(p *Part, _ []byte)      { l.hear("link", p) }

func (l *listening) Finish(context.Context) error { return nil }

// taken runs a message through Content and listeners, in pieces of a size, and
// returns the findings. The run is closed.
func taken(t *testing.T, c Content, message string, size int, modules ...*listener) []policy.Finding {
	t.Helper()
	r := contentRun(t, c, modules...)
	defer r.Close()
	for len(message) > 0 {
		n := min(size, len(message))
		r.Write([]byte(message[:n]))
		message = message[n:]
	}
	return r.Finish(t.Context())
}

func contentRun(t *testing.T, c Content, modules ...*listener) *Run {
	t.Helper()
	entries := []Entry{{Module: c}}
	for _, m := range modules {
		entries = append(entries, Entry{Module: m})
	}
	chain, err := New(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, chain)
}

// attached is a message with files: name and content in turn.
func attached(files ...string) string {
	var b strings.Builder
	b.WriteString("From: a@x.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n")
	for i := 0; i < len(files); i += 2 {
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/octet-stream; name=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n", files[i])
		text := base64.StdEncoding.EncodeToString([]byte(files[i+1]))
		for len(text) > 0 {
			n := min(76, len(text))
			b.WriteString(text[:n] + "\r\n")
			text = text[n:]
		}
	}
	return b.String() + "--b--\r\n"
}

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return b.String()
}

func zipped(name, content string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create(name)
	_, _ = f.Write([]byte(content))
	_ = w.Close()
	return b.String()
}

// noise is text that does not compress to nothing.
func noise(n int) string {
	var b strings.Builder
	for x := uint32(1); b.Len() < n; x = x*1664525 + 1013904223 {
		fmt.Fprintf(&b, "%08x\r\n", x)
	}
	return b.String()[:n]
}

// A module that panics anywhere fails by itself: the message is still taken
// apart for the others.
func TestPartScannerPanics(t *testing.T) {
	message := attached("a.zip", zipped("inner.txt", "canary http://x.test/"))
	whole := &listener{name: "whole"}
	taken(t, Content{}, message, 1<<20, whole)
	if len(whole.heard) == 0 || !slices.ContainsFunc(whole.heard, func(s string) bool { return strings.HasSuffix(s, "/1") }) {
		t.Fatalf("heard %q", whole.heard)
	}
	for _, call := range []string{"open", "data", "text", "field", "close"} {
		bad, good := &listener{name: "bad", panic: call}, &listener{name: "good"}
		found := taken(t, Content{}, message, 1000, bad, good)
		if got := rules(found); !slices.Contains(got, "bad.failed") || slices.Contains(got, "content.failed") || slices.Contains(got, "good.failed") {
			t.Errorf("%s: findings %q", call, got)
		}
		if !slices.Equal(good.heard, whole.heard) {
			t.Errorf("%s: the other module heard %q, want %q", call, good.heard, whole.heard)
		}
	}
}

// A broken reader stands for a fault in stream/unpack or stream/mime.
type brokenReader struct{ close bool }

func (r brokenReader) Write([]byte) { panic(secret) }
func (r brokenReader) Close(bool) {
	if r.close {
		panic(secret)
	}
}

// A panic while a message is taken apart defers it, gives all memory back, and
// leaves nothing to the next message.
func TestContentPanics(t *testing.T) {
	for _, close := range []bool{false, true} {
		memory := unpack.NewMemory(1 << 30)
		c := Content{Memory: memory}
		message := attached("a.gz", gzipped(noise(1<<20)), "b.txt", "canary")
		r := contentRun(t, c, &listener{name: "good"})
		r.Write([]byte(message[:len(message)/2]))
		b := r.channels[0].scanner.(*body)
		if memory.Held() == 0 || len(b.pieces) == 0 {
			t.Fatal("nothing is open: the test shows nothing")
		}
		last := b.pieces[len(b.pieces)-1]
		last.readers = append(last.readers, brokenReader{close})
		r.Write([]byte(message[len(message)/2:]))
		found := r.Finish(t.Context())
		i := slices.IndexFunc(found, func(f policy.Finding) bool { return f.Rule == "content.failed" })
		if i < 0 || found[i].Force != policy.Defer || strings.Contains(fmt.Sprint(found), secret) {
			t.Errorf("findings %v", found)
		}
		r.Close()
		if n := memory.Held(); n != 0 {
			t.Errorf("close panics %t: %d octets are still held", close, n)
		}
		for range 4 {
			if next := bodies.Get().(*body); next == b {
				t.Error("what a panic left is used again")
			}
		}
	}
}

// A decoder of ours that panics is a module that failed: nobody has seen what
// is in the container.
func TestPanicOfADecoder(t *testing.T) {
	r := contentRun(t, Content{})
	defer r.Close()
	b := r.channels[0].scanner.(*body)
	b.noted(unpack.Note{Rule: unpack.RuleBroken, Class: unpack.Failed, Detail: "panic"}, "1")
	if found := r.Finish(t.Context()); len(found) != 1 || found[0].Rule != "content.failed" || found[0].Force != policy.Defer {
		t.Errorf("findings %v", found)
	}
}

// Wherever a message is broken off, nothing stays behind.
func TestContentAborted(t *testing.T) {
	inner := noise(200 << 10)
	archives := []string{
		"a.gz", gzipped(inner), "b.zip", zipped("a.txt", inner), "c.zip", zipped("d.gz", gzipped(zipped("e.txt", inner))),
	}
	message := attached(archives...)
	memory := unpack.NewMemory(1 << 30)
	before := runtime.NumGoroutine()
	for cut := 0; cut < len(message); cut += 9973 {
		r := contentRun(t, Content{Memory: memory}, &listener{name: "good"})
		r.Write([]byte(message[:cut]))
		r.Close()
		if n := memory.Held(); n != 0 {
			t.Fatalf("cut at %d: %d octets held", cut, n)
		}
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

// What one message was leaves no trace in what is told of the next.
func TestContentIsReused(t *testing.T) {
	clean := attached("a.zip", zipped("inner.txt", "canary"), "b.txt", "text")
	hostile := "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/html; charset=utf-7\r\n\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?x?\r\n" +
		strings.Repeat("Content-Transfer-Encoding: base64\r\n", 5) + "\r\n!!!\r\n" + gzipped(noise(1000))
	fresh := &listener{name: "fresh"}
	want := taken(t, Content{}, clean, 777, fresh)
	for cut := range 20 {
		r := contentRun(t, Content{}, &listener{name: "other"})
		r.Write([]byte(hostile[:len(hostile)*cut/19]))
		if cut%2 == 0 {
			r.Finish(t.Context())
		}
		r.Close()
		again := &listener{name: "fresh"}
		got := taken(t, Content{}, clean, 777, again)
		if !slices.Equal(rules(got), rules(want)) || !slices.Equal(again.heard, fresh.heard) || fmt.Sprint(again.files) != fmt.Sprint(fresh.files) {
			t.Fatalf("after a hostile message: %v %q, want %v %q", got, again.heard, want, fresh.heard)
		}
	}
}

// What stream/mime holds counts as well: where all messages together have no
// memory left, the message is deferred, and what was told stays true.
func TestHeldContentIsCounted(t *testing.T) {
	page := "<meta charset=windows-1251>" + strings.Repeat("\xc3\xa9", 1<<20)
	message := "Content-Type: text/html; charset=utf-8\r\n\r\n" + page
	for _, limit := range []int64{1 << 30, 100 << 10} {
		memory := unpack.NewMemory(limit)
		l := &listener{name: "good", text: new(strings.Builder)}
		found := taken(t, Content{Memory: memory}, message, 100_000, l)
		i := slices.IndexFunc(found, func(f policy.Finding) bool { return f.Rule == unpack.RuleMemory })
		if limit == 1<<30 {
			if i >= 0 || l.text.Len() < 2*TextSize-8 {
				t.Errorf("findings %v, %d octets of text", found, l.text.Len())
			}
		} else if i < 0 || found[i].Force != policy.Defer {
			t.Errorf("findings %v", found)
		}
		if n := memory.Held(); n != 0 {
			t.Errorf("%d octets are still held", n)
		}
	}
}

// Containers in containers are entered so far and no further, which is told.
func TestContentDepth(t *testing.T) {
	file := "canary"
	for range 12 {
		file = zipped("a.zip", file)
	}
	l := &listener{name: "good"}
	found := taken(t, Content{}, attached("a.zip", file), 5000, l)
	i := slices.IndexFunc(found, func(f policy.Finding) bool { return f.Rule == unpack.RuleDepth })
	if i < 0 || found[i].Class != policy.OverLimit {
		t.Errorf("findings %v", found)
	}
	if n := strings.Count(l.heard[len(l.heard)-1], "/"); n > 8 {
		t.Errorf("%d containers deep", n)
	}
	shallow := taken(t, Content{Unpack: unpack.Limits{Depth: 13}}, attached("a.zip", file), 5000)
	if slices.Contains(rules(shallow), unpack.RuleDepth) {
		t.Errorf("findings %v", shallow)
	}
}

// No message makes Content say so much that it fails: it would be deferred for
// ever, and its sender never told why.
func TestContentIsNotFlooded(t *testing.T) {
	r := contentRun(t, Content{})
	defer r.Close()
	b := r.channels[0].scanner.(*body)
	for range 100 {
		for i := range contentRules {
			b.note(contentRules[i].Name, "", "1", false, policy.Plain)
		}
	}
	found := r.Finish(t.Context())
	if slices.Contains(rules(found), "content.failed") {
		t.Error("the module failed")
	}
	for i := range contentRules {
		if !slices.Contains(rules(found), contentRules[i].Name) {
			t.Errorf("%s was not told", contentRules[i].Name)
		}
	}
}

// Text is told in whole characters, also where it is cut off.
func TestTextIsCutBetweenCharacters(t *testing.T) {
	var text strings.Builder
	m := &listener{name: "text", text: &text}
	chain, err := New(Entry{Module: Content{}}, Entry{Module: m})
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, chain)
	defer r.Close()
	r.Write([]byte("Content-Type: text/plain; charset=utf-8\r\n\r\nx" + strings.Repeat("é", TextSize)))
	r.Finish(t.Context())
	if n := text.Len(); n < TextSize-4 || n > TextSize || !utf8.ValidString(text.String()) {
		t.Errorf("%d octets of text", n)
	}
}
