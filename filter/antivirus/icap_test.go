package antivirus

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"sluice/internal/smtptest"
)

// An icapSide is one connection as a scripted ICAP service sees it.
type icapSide struct {
	net.Conn
	in      *bufio.Reader
	head    string // of the request
	preview int    // -1: none
	content []byte // so far
	ended   bool   // content is all there
}

const goodOptions = "Methods: RESPMOD\r\nISTag: \"tag-1\"\r\nPreview: 64\r\nAllow: 204\r\nOptions-TTL: 3600\r\nMax-Connections: 7\r\n"

// asICAP makes a script of what one does for each RESPMOD once its header and
// preview are there. When do returns false, the connection ends.
func asICAP(options string, do func(s *icapSide) bool) func(net.Conn) {
	return func(c net.Conn) {
		s := &icapSide{Conn: c, in: bufio.NewReader(c)}
		for s.request() {
			if strings.HasPrefix(s.head, "OPTIONS ") {
				s.say("ICAP/1.0 200 OK\r\n" + options + "Encapsulated: null-body=0\r\n\r\n")
				continue
			}
			s.startContent()
			if !do(s) {
				return
			}
		}
	}
}

// request reads a header.
func (s *icapSide) request() bool {
	s.head = s.lines()
	return s.head != ""
}

// lines reads up to an empty line.
func (s *icapSide) lines() string {
	var all strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return ""
		}
		all.WriteString(line)
		if line == "\r\n" {
			return all.String()
		}
	}
}

// startContent reads the HTTP headers, which must be where Encapsulated says,
// and the preview.
func (s *icapSide) startContent() {
	request, response := s.lines(), s.lines()
	want := fmt.Sprintf("Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n", len(request), len(request)+len(response))
	if !strings.Contains(s.head, want) {
		panic("headers are not where they are said to be")
	}
	s.content, s.ended, s.preview = nil, false, -1
	if _, after, ok := strings.Cut(s.head, "Preview: "); ok {
		n, _, _ := strings.Cut(after, "\r\n")
		s.preview, _ = strconv.Atoi(n)
		s.chunks()
		if len(s.content) > s.preview || !s.ended && len(s.content) < s.preview {
			panic("a preview of another length")
		}
	}
}

// chunks reads up to the end of the preview, or of all. It tells whether there
// was one.
func (s *icapSide) chunks() bool {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return false
		}
		size, extension, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil {
			panic("no chunk")
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(s.in, b); err != nil {
			return false
		}
		if n == 0 {
			s.ended = strings.TrimSpace(extension) == "ieof" || s.preview < 0
			return true
		}
		s.content = append(s.content, b[:n]...)
	}
}

// all reads the rest of the content.
func (s *icapSide) all() []byte {
	if s.ended {
		return s.content
	}
	if s.preview >= 0 {
		s.say("ICAP/1.0 100 Continue\r\n\r\n")
		s.preview = -1
	}
	s.chunks()
	return s.content
}

func (s *icapSide) say(text string) {
	_, _ = io.WriteString(s.Conn, text) // who is not there to read it fails its test
}

// then makes a script that reads everything and says one thing.
func then(text string) func(net.Conn) {
	return asICAP(goodOptions, func(s *icapSide) bool {
		s.all()
		s.say(text)
		return true
	})
}

const (
	noContent = "ICAP/1.0 204 Unmodified\r\nISTag: \"tag-1\"\r\n\r\n"
	page      = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n"
	sameAgain = "HTTP/1.1 200 OK\r\n\r\n"
)

// ok is a 200 with more header fields, an HTTP header and a body.
func ok(fields, http string) string {
	return "ICAP/1.0 200 OK\r\nISTag: \"tag-1\"\r\n" + fields +
		fmt.Sprintf("Encapsulated: res-hdr=0, res-body=%d\r\n\r\n", len(http)) + http + "4\r\npage\r\n0\r\n\r\n"
}

func icapModule(t testing.TB, address string, hangs bool) *Module {
	e := EngineSettings{Name: "icap", Type: TypeICAP, URL: "icap://" + address + "/scan"}
	if hangs {
		e.Deadline = soon
	}
	return newModule(t, Settings{Engines: []EngineSettings{e}})
}

// part makes a message whose only part is content.
func part(content string, flows bool) testMail {
	return testMail{raw: "Subject: x\r\n\r\n" + content, flows: flows, parts: []testPart{{path: "1", content: content}}}
}

func TestICAPAnswers(t *testing.T) {
	const found = "antivirus.infected X.Test-1 (icap) at 1"
	for _, c := range []struct {
		name   string
		script func(net.Conn)
		want   string // with a small part
		flows  string // with a large one that flows; empty: as want
		hangs  bool
	}{
		{name: "clean", script: then(noContent), want: ""},
		{name: "clean after the preview", script: asICAP(goodOptions, func(s *icapSide) bool { s.say(noContent); return true }), want: ""},
		{name: "X-Infection-Found", script: then(ok("X-Infection-Found: Type=0; Resolution=2; Threat=X.Test-1;\r\n", page)), want: found},
		{name: "X-Virus-ID", script: then(ok("X-Virus-ID: X.Test-1\r\n", page)), want: found},
		{name: "X-Violations-Found", script: then(ok("X-Violations-Found: 1\r\n\tfile\r\n\tX.Test-1\r\n\t0\r\n\t0\r\n", page)), want: found},
		{name: "in the HTTP header", script: then(ok("", "HTTP/1.1 403 Forbidden\r\nx-virus-id: X.Test-1\r\n\r\n")), want: found},
		{name: "a page without a name", script: then(ok("", page)), want: "antivirus.infected unnamed (icap) at 1"},
		{name: "sent back", script: then(ok("", sameAgain)), want: "antivirus.unscannable modified (icap) at 1"},
		{name: "200 without Encapsulated", script: then("ICAP/1.0 200 OK\r\n\r\n"), want: "antivirus.unscannable modified (icap) at 1"},
		{name: "500", script: then("ICAP/1.0 500 Server error\r\n\r\n"), want: none + "refused (icap) at 1"},
		{name: "404", script: then("ICAP/1.0 404 Not found\r\n\r\n"), want: none + "refused (icap) at 1"},
		{name: "302", script: then("ICAP/1.0 302 Elsewhere\r\n\r\n"), want: none + "garbled (icap) at 1"},
		{name: "100 twice", script: then("ICAP/1.0 100 Continue\r\n\r\n"), want: none + "garbled (icap) at 1"},
		{name: "no ICAP", script: then("HTTP/1.1 204 No content\r\n\r\n"), want: none + "garbled (icap) at 1"},
		{name: "garbage", script: then("\x00\x01\x02\r\n\r\n"), want: none + "garbled (icap) at 1"},
		{name: "an endless line", script: then(strings.Repeat("x", 1<<17)), want: none + "garbled (icap) at 1"},
		{name: "endless fields", script: then("ICAP/1.0 204 x\r\n" + strings.Repeat("a: b\r\n", 1000)), want: none + "garbled (icap) at 1"},
		{name: "half an answer", script: asICAP(goodOptions, func(s *icapSide) bool { s.all(); s.say("ICAP/1.0 204 Unmod"); return false }), want: none + "cut (icap) at 1"},
		{name: "half a header", script: asICAP(goodOptions, func(s *icapSide) bool { s.all(); s.say("ICAP/1.0 204 x\r\nISTag: a\r\n"); return false }), want: none + "cut (icap) at 1"},
		{name: "closes", script: asICAP(goodOptions, func(*icapSide) bool { return false }), want: none + "cut (icap) at 1"},
		{name: "closes after the content", script: asICAP(goodOptions, func(s *icapSide) bool { s.all(); return false }), want: none + "cut (icap) at 1"},
		{name: "closes at once", script: func(net.Conn) {}, want: none + "cut (icap) at 1"},
		{name: "found before the end", script: asICAP(goodOptions, func(s *icapSide) bool {
			s.say("ICAP/1.0 100 Continue\r\n\r\n" + ok("X-Virus-ID: X.Test-1\r\n", page))
			return false
		}), want: none + "garbled (icap) at 1", flows: found},
		{name: "hangs", script: asICAP(goodOptions, func(s *icapSide) bool { s.all(); <-s.Conn.(*served).over; return false }), want: none + "deadline (icap) at 1", hangs: true},
		{name: "hangs at the preview", script: asICAP(goodOptions, func(s *icapSide) bool { <-s.Conn.(*served).over; return false }), want: none + "deadline (icap) at 1", flows: none + "behind (icap) at 1", hangs: true},
		{name: "no RESPMOD", script: asICAP("Methods: REQMOD\r\n", func(s *icapSide) bool { s.all(); s.say(noContent); return true }), want: none + "refused (icap) at 1"},
		{name: "no preview", script: asICAP("Methods: RESPMOD\r\n", func(s *icapSide) bool { s.all(); s.say(noContent); return true }), want: ""},
		{name: "empty preview", script: asICAP("Methods: RESPMOD\r\nPreview: 0\r\n", func(s *icapSide) bool { s.all(); s.say(noContent); return true }), want: ""},
		{name: "huge preview", script: asICAP("Methods: RESPMOD\r\nPreview: 99999999\r\n", func(s *icapSide) bool { s.all(); s.say(noContent); return true }), want: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, flows := range []bool{false, true} {
				content, want := "hello\r\n", c.want
				if flows {
					content = large
					if c.flows != "" {
						want = c.flows
					}
				}
				m := icapModule(t, serve(t, c.script), c.hangs)
				got := said(send(t, m, part(content, flows)))
				if c.hangs { // a busy machine may find it behind before
					got, want = strings.ReplaceAll(got, "behind", "deadline"), strings.ReplaceAll(want, "behind", "deadline")
				}
				if got != want {
					t.Errorf("flows %v: %q, want %q", flows, got, want)
				}
			}
		})
	}
}

// The content arrives whole, whatever the lengths of preview and content.
func TestICAPGetsTheContent(t *testing.T) {
	for _, preview := range []int{-1, 0, 1, 64, 4096, 5000, chunkSize} {
		for _, size := range []int{1, 63, 64, 65, firstChunk, firstChunk + 1, chunkSize, 3*chunkSize + 7} {
			for _, flows := range []bool{false, true} {
				options := "Methods: RESPMOD\r\nAllow: 204\r\n"
				if preview >= 0 {
					options += "Preview: " + strconv.Itoa(preview) + "\r\n"
				}
				got := make(chan []byte, 1)
				addr := serve(t, asICAP(options, func(s *icapSide) bool {
					got <- bytes.Clone(s.all())
					s.say(noContent)
					return true
				}))
				m := icapModule(t, addr, false)
				mail := part(large[:size], flows)
				mail.piece = 1460
				if found := send(t, m, mail); len(found) > 0 {
					t.Errorf("preview %d, %d octets, flows %v: %v", preview, size, flows, found)
				}
				if !bytes.Equal(<-got, []byte(large[:size])) {
					t.Errorf("preview %d, %d octets, flows %v: others arrived", preview, size, flows)
				}
			}
		}
	}
}

// A connection is used again after 204 and after a page.
func TestICAPReuse(t *testing.T) {
	answers := []string{noContent, ok("X-Virus-ID: X\r\n", page), noContent, "ICAP/1.0 204 x\r\nConnection: close\r\n\r\n", noContent}
	var n atomic.Int32
	used := make(chan int, 10)
	addr := serve(t, func(c net.Conn) {
		scans := 0
		asICAP(goodOptions, func(s *icapSide) bool {
			s.all()
			text := answers[n.Add(1)-1]
			s.say(text)
			scans++
			return !strings.Contains(text, "close")
		})(c)
		used <- scans
	})
	m := icapModule(t, addr, false)
	for i := range answers {
		want := ""
		if i == 1 {
			want = "antivirus.infected X (icap) at 1"
		}
		if got := said(send(t, m, part("part "+strconv.Itoa(i), false))); got != want {
			t.Errorf("scan %d: %q, want %q", i, got, want)
		}
	}
	m.Close()
	if a, b, c := <-used, <-used, <-used; a+b+c != 5 || max(a, b, c) != 4 {
		t.Errorf("scans a connection: %d %d %d; want 4, 1 and one for OPTIONS", a, b, c)
	}
	if e := m.engines[0].Engine.(*icap); e.pool.slots.limit != 7 {
		t.Errorf("at most %d connections, want what the service says, 7", e.pool.slots.limit)
	}
}

// Votes are remembered under a tag, and a new tag voids them.
func TestICAPRemembers(t *testing.T) {
	var (
		tag   atomic.Value
		scans atomic.Int32
	)
	addr := serve(t, asICAP(goodOptions, func(s *icapSide) bool {
		s.all()
		scans.Add(1)
		s.say("ICAP/1.0 204 x\r\nISTag: " + tag.Load().(string) + "\r\n\r\n")
		return true
	}))
	m := icapModule(t, addr, false)
	m.engines[0].Engine.(*icap).check(t.Context())
	for i, step := range []struct {
		content, tag string
		scans        int32
	}{
		{"one", "tag-1", 1}, {"one", "tag-1", 1}, // remembered
		{"two", "tag-2", 2}, // found out that signatures are new; not remembered itself
		{"one", "tag-1", 3}, // asked again, and OPTIONS says tag-1 again
		{"one", "tag-1", 3}, // what was voted under it holds again
	} {
		tag.Store(step.tag)
		if got := said(send(t, m, part(step.content, false))); got != "" {
			t.Errorf("step %d: %q", i, got)
		}
		if n := scans.Load(); n != step.scans {
			t.Errorf("step %d: %d scans, want %d", i, n, step.scans)
		}
	}
}

func TestICAPGone(t *testing.T) {
	m := icapModule(t, smtptest.FreeAddr(t), false)
	for i, want := range []string{"connect", "connect", "connect", "down"} {
		if got := said(send(t, m, part("x", false))); got != none+want+" (icap) at 1" {
			t.Errorf("scan %d: %q, want %s", i, got, want)
		}
	}
}

func TestICAPHealth(t *testing.T) {
	addr := serve(t, then(noContent))
	e := newICAP(&EngineSettings{URL: "icap://" + addr + "/scan"})
	for range breakAfter {
		e.breaker.report(false)
	}
	e.check(t.Context())
	if e.breaker.open() || e.Tag() != "tag-1" || e.options.preview != 64 || !e.options.allow204 {
		t.Errorf("open %v, options %+v", e.breaker.open(), e.options)
	}
	e.closeIdle()
}

// FuzzIcapReply: whatever a service says, in whatever pieces, is a vote, and
// only a 204 is a clean one.
func FuzzIcapReply(f *testing.F) {
	for _, seed := range []string{
		noContent, ok("X-Infection-Found: Type=0; Resolution=2; Threat=X;\r\n", page), ok("", sameAgain),
		"ICAP/1.0 500 x\r\n\r\n", "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=99999\r\n\r\n",
		"ICAP/1.0 200 OK\r\nEncapsulated: res-body=-1\r\n\r\n", "ICAP/1.0 200 OK\r\n folded\r\n\r\n", "ICAP/1.0 204",
		"ICAP/1.0\v204 Unmodified\r\nISTag: \"tag-1\"\r\n\r\n",
		"ICAP/1.0 200 OK\r\nX-Violations-Found: 1\r\n\ta\r\n\tb\r\nEncapsulated: null-body=0\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(3))
	}
	e := &icap{profile: Profiles["generic"]}
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		read := func(size int) (Vote, bool, error) {
			c := &conn{Conn: &pieces{rest: p, size: size}, room: make([]byte, icapAnswer)}
			a, err := c.readAnswer()
			if err != nil {
				return Vote{}, false, err
			}
			v, err := e.judge(a)
			return v, c.drain(a), err
		}
		v, _, err := read(int(size) + 1)
		whole, _, wholeErr := read(len(p) + 1)
		if v != whole || (err == nil) != (wholeErr == nil) {
			t.Errorf("in pieces %v %v, whole %v %v", v, err, whole, wholeErr)
		}
		if v.Result == Clean && !bytes.Contains(p, []byte(" 204")) {
			t.Errorf("%q is clean", p)
		}
		if len(v.Name) > maxName || strings.ContainsFunc(v.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' }) {
			t.Errorf("name %q", v.Name)
		}
	})
}
