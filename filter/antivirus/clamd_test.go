package antivirus

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/internal/smtptest"
)

// soon is the deadline of engines that will not answer: 50 ms.
const soon = 50 * time.Millisecond

// moduleFor makes a module for one clamd, which may have to wait for nothing.
func moduleFor(t testing.TB, address string, hangs bool) *Module {
	if !hangs {
		return patient(t, address)
	}
	return newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: []string{address}, Deadline: soon}}})
}

// patient gives the engine all the time it needs.
func patient(t testing.TB, addresses ...string) *Module {
	return newModule(t, Settings{Engines: []EngineSettings{{Name: "clamav", Addresses: addresses}}})
}

// answers is a clamd that reads everything and says one thing.
func answers(text string) func(net.Conn) {
	return asClamd(func(s *clamdSide) bool {
		s.content()
		s.say(text)
		return true
	})
}

const (
	small = "Subject: x\r\n\r\nhello\r\n"
	none  = "antivirus.quorum "
)

var large = "Subject: x\r\n\r\n" + strings.Repeat("0123456789abcde\n", 1<<19) // 8 MiB

// F15: every fault of a clamd, with a message that is there whole and with one
// that flows. None is ever clean.
func TestClamdFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		script func(net.Conn)
		want   string // with a small message
		flows  string // with a large one that flows; empty: as want
		hangs  bool
	}{
		{name: "clean", script: answers("stream: OK"), want: ""},
		{name: "found", script: answers("stream: Win.Test.X-1 FOUND"), want: "antivirus.infected Win.Test.X-1 (clamav)"},
		{name: "name with spaces and controls", script: answers("stream: a b\x01c@d FOUND"), want: "antivirus.infected a_b_c_d (clamav)"},
		{name: "limits exceeded", script: answers("stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND"), want: "antivirus.unscannable limit (clamav)"},
		{name: "closes at once", script: func(net.Conn) {}, want: none + "cut (clamav)"},
		{name: "closes after the command", script: asClamd(func(*clamdSide) bool { return false }), want: none + "cut (clamav)"},
		{name: "closes in the middle", script: asClamd(func(s *clamdSide) bool { s.frame(); return false }), want: none + "cut (clamav)"},
		{name: "closes without an answer", script: asClamd(func(s *clamdSide) bool { s.content(); return false }), want: none + "cut (clamav)"},
		{name: "half an answer", script: asClamd(func(s *clamdSide) bool { s.content(); s.raw("1: stream: O"); return false }), want: none + "cut (clamav)"},
		{name: "an answer without end", script: asClamd(func(s *clamdSide) bool { s.content(); s.raw(strings.Repeat("x", 1<<16)); return false }), want: none + "garbled (clamav)"},
		{name: "garbage", script: answers("what?"), want: none + "garbled (clamav)"},
		{name: "OK and more", script: answers("stream: OK FOUN"), want: none + "garbled (clamav)"},
		{name: "another's number", script: asClamd(func(s *clamdSide) bool { s.content(); s.raw("7: stream: OK\x00"); return true }), want: none + "garbled (clamav)"},
		{name: "no number", script: asClamd(func(s *clamdSide) bool { s.content(); s.raw("stream: OK\x00"); return true }), want: none + "garbled (clamav)"},
		{name: "an error", script: answers("Can't create temporary file ERROR"), want: none + "refused (clamav)"},
		{name: "an error without number", script: asClamd(func(s *clamdSide) bool { s.content(); s.raw("COMMAND READ TIMED OUT ERROR\x00"); return false }), want: none + "refused (clamav)"},
		{name: "too large", script: answers("INSTREAM size limit exceeded. ERROR"), want: "antivirus.unscannable size (clamav)"},
		{name: "too large, in the middle", script: asClamd(func(s *clamdSide) bool {
			s.frame()
			s.raw("1: INSTREAM size limit exceeded. ERROR\x00")
			return false
		}), want: "antivirus.unscannable size (clamav)"},
		{name: "clean, in the middle", script: asClamd(func(s *clamdSide) bool {
			s.frame()
			s.say("stream: OK")
			return false
		}), want: "", flows: none + "cut (clamav)"},
		{name: "hangs", script: asClamd(func(s *clamdSide) bool { s.content(); _, _ = io.Copy(io.Discard, s); return false }), want: none + "deadline (clamav)", hangs: true},
		{name: "hangs after the start", script: deaf, want: none + "deadline (clamav)", flows: none + "behind (clamav)", hangs: true},
		{name: "half an answer, then hangs", script: asClamd(func(s *clamdSide) bool {
			s.content()
			s.raw("1: stream: O")
			_, _ = io.Copy(io.Discard, s)
			return false
		}), want: none + "deadline (clamav)", hangs: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Run("whole", func(t *testing.T) {
				m := moduleFor(t, serve(t, c.script), c.hangs)
				if got := said(send(t, m, testMail{raw: small})); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
			t.Run("flowing", func(t *testing.T) {
				want := c.want
				if c.flows != "" {
					want = c.flows
				}
				m := moduleFor(t, serve(t, c.script), c.hangs)
				got := said(send(t, m, testMail{raw: large, flows: true}))
				if c.hangs { // a busy machine may find it behind before
					got, want = strings.ReplaceAll(got, "behind", "deadline"), strings.ReplaceAll(want, "behind", "deadline")
				}
				if got != want {
					t.Errorf("%q, want %q", got, want)
				}
			})
		})
	}
}

// deaf reads the first octets, and nothing more until the test ends.
func deaf(c net.Conn) {
	_ = c.(*served).Conn.(*net.TCPConn).SetReadBuffer(4096) // the message must not fit
	_, _ = io.CopyN(io.Discard, c, 20)                      // the test looks at what the module makes of it
	<-c.(*served).over
}

// F15: nobody listens.
func TestClamdGone(t *testing.T) {
	m := patient(t, smtptest.FreeAddr(t))
	for _, want := range []string{"connect", "connect", "connect", "down", "down"} {
		if got := said(send(t, m, testMail{raw: small})); got != none+want+" (clamav)" {
			t.Errorf("%q, want %s", got, want)
		}
	}
}

// What the engine gets is the message, whatever its length, behind what tells
// it that it is one.
func TestClamdGetsTheMessage(t *testing.T) {
	for _, size := range []int{1, firstChunk - 1, firstChunk, firstChunk + 1, chunkSize, chunkSize + firstChunk, 3*chunkSize + 7, len(large)} {
		for _, flows := range []bool{false, true} {
			content := []byte(large[:size])
			got := make(chan []byte, 1)
			addr := serve(t, asClamd(func(s *clamdSide) bool {
				got <- bytes.Clone(s.content())
				s.say("stream: OK")
				return true
			}))
			m := patient(t, addr)
			if found := send(t, m, testMail{raw: string(content), flows: flows, piece: 1460}); len(found) > 0 {
				t.Errorf("%d octets, flows %v: %v", size, flows, found)
			}
			if !bytes.Equal(<-got, append([]byte(mailMark), content...)) {
				t.Errorf("%d octets, flows %v: others arrived", size, flows)
			}
		}
	}
}

// A session is used again, and not after an error.
func TestClamdReuse(t *testing.T) {
	say := []string{"stream: OK", "stream: X FOUND", "stream: OK", "bad thing ERROR", "stream: OK"}
	connections := make(chan int, 10)
	var scans atomic.Int32
	addr := serve(t, func(c net.Conn) {
		n := 0
		asClamd(func(s *clamdSide) bool {
			s.content()
			n++
			text := say[scans.Add(1)-1]
			s.say(text)
			return !strings.HasSuffix(text, "ERROR")
		})(c)
		connections <- n
	})
	m := patient(t, addr)
	for i, want := range []string{"", "antivirus.infected X (clamav)", "", none + "refused (clamav)", ""} {
		if got := said(send(t, m, testMail{raw: small})); got != want {
			t.Errorf("scan %d: %q, want %q", i, got, want)
		}
	}
	m.Close()
	if a, b := <-connections, <-connections; a+b != 5 || max(a, b) != 4 {
		t.Errorf("scans a connection: %d and %d; want 4 and 1", a, b)
	}
}

// A session that clamd closed while nobody used it costs no vote.
func TestClamdClosedIdle(t *testing.T) {
	addr := serve(t, asClamd(func(s *clamdSide) bool {
		s.content()
		s.say("stream: OK")
		return false // as after CommandReadTimeout, or a restart
	}))
	m := patient(t, addr)
	for i := range 5 {
		if got := said(send(t, m, testMail{raw: small})); got != "" {
			t.Errorf("scan %d: %q", i, got)
		}
	}
}

// Of several daemons one may be gone.
func TestClamdSeveral(t *testing.T) {
	gone := smtptest.FreeAddr(t)
	m := patient(t, gone, serve(t, answers("stream: OK")))
	for i := range 5 {
		if got := said(send(t, m, testMail{raw: small})); got != "" {
			t.Errorf("scan %d: %q", i, got)
		}
	}
}

// The one with the fewest scans in flight comes first.
func TestClamdOrder(t *testing.T) {
	c := newClamd(&EngineSettings{Name: "x", Addresses: []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}})
	for i, n := range []int{2, 0, 1} {
		for range n {
			if err := c.daemons[i].pool.slots.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := c.order()
	if got[0] != c.daemons[1] || got[1] != c.daemons[2] || got[2] != c.daemons[0] {
		t.Error("not in the order of scans in flight")
	}
}

// A message that ends early leaves no scan behind.
func TestClamdAborted(t *testing.T) {
	closed := make(chan bool, 1)
	addr := serve(t, asClamd(func(s *clamdSide) bool {
		s.content()
		closed <- true
		return false
	}))
	m := patient(t, addr)
	if got := send(t, m, testMail{raw: large, flows: true, aborted: true}); len(got) > 0 {
		t.Errorf("findings %v", got)
	}
	<-closed
	m.Wait()
}

func TestClamdHealth(t *testing.T) {
	addr := serve(t, answers("stream: OK"))
	c := newClamd(&EngineSettings{Name: "health", Addresses: []string{addr}})
	for range breakAfter {
		c.daemons[0].breaker.report(false)
	}
	c.check(t.Context())
	d := c.daemons[0]
	if d.breaker.open() {
		t.Error("the breaker is open though PING was answered")
	}
	if v := d.known(); v.text == "" || v.signatures.Year() != 2026 {
		t.Errorf("version %+v", v)
	}
	c.closeIdle()
	if !exposed(ageMetric("health")) {
		t.Error("the age of the signatures is not told")
	}
	forgetAge("health")
	if exposed(ageMetric("health")) {
		t.Error("the age of the signatures is told for ever")
	}
}

// exposed tells whether there is a series.
func exposed(name string) bool {
	var page strings.Builder
	metrics.WritePrometheus(&page, false)
	return strings.Contains(page.String(), name+" ")
}

// Close does not wait for an engine that hangs.
func TestCloseWhileItHangs(t *testing.T) {
	asked := make(chan bool, 1)
	addr := serve(t, func(c net.Conn) {
		asked <- true
		<-c.(*served).over
	})
	for _, e := range []EngineSettings{
		{Name: "hangs", Addresses: []string{addr}},
		{Name: "hangs", Type: TypeICAP, URL: "icap://" + addr + "/scan"},
	} {
		m := newModule(t, Settings{Engines: []EngineSettings{e}})
		m.Start()
		<-asked
		m.Close()
	}
}

// A clamd that answers PING with anything else is not well.
func TestClamdIll(t *testing.T) {
	for _, script := range []func(net.Conn){
		func(net.Conn) {},
		func(c net.Conn) { _, _ = io.WriteString(c, "1: PANG\x00"); _, _ = io.Copy(io.Discard, c) },
		func(c net.Conn) { _, _ = io.WriteString(c, "1: PONG\x002: Clam\x00"); _, _ = io.Copy(io.Discard, c) },
	} {
		c := newClamd(&EngineSettings{Name: "ill", Addresses: []string{serve(t, script)}})
		for range breakAfter {
			c.check(t.Context())
		}
		if !c.daemons[0].breaker.open() {
			t.Error("the breaker is closed")
		}
	}
}

func TestParseVersion(t *testing.T) {
	for _, c := range []struct {
		line  string
		known bool
		year  int
	}{
		{"ClamAV 1.4.6/27800/Thu Jan  1 10:00:00 2026", true, 2026},
		{"ClamAV 1.4.6", true, 1},
		{"ClamAV 1.4.6/27800/yesterday", true, 1},
		{"", false, 1},
		{"PONG", false, 1},
	} {
		v, ok := parseVersion([]byte(c.line))
		if ok != c.known || v.signatures.Year() != c.year {
			t.Errorf("%q: %v %v", c.line, v, ok)
		}
	}
}

// FuzzClamdReply: whatever clamd says, in whatever pieces, is a vote; and it is
// clean only for the one line that says so.
func FuzzClamdReply(f *testing.F) {
	for _, seed := range []string{
		"1: stream: OK\x00", "1: stream: Eicar FOUND\x00", "1: INSTREAM size limit exceeded. ERROR\x00",
		"stream: OK\x00", "1: stream: OK", "\x00", "1: stream:  FOUND\x00", "2: stream: OK\x001: stream: OK\x00",
	} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, p []byte, size uint8) {
		read := func(size int) (Vote, error) {
			c := &conn{Conn: &pieces{rest: p, size: size}, room: make([]byte, clamdAnswer)}
			line, err := c.until(0)
			if err != nil {
				return Vote{}, err
			}
			return parseClamd(line, 1)
		}
		v, err := read(int(size) + 1)
		whole, wholeErr := read(len(p) + 1)
		if v != whole || (err == nil) != (wholeErr == nil) {
			t.Errorf("in pieces %v %v, whole %v %v", v, err, whole, wholeErr)
		}
		if v.Result == Clean && !bytes.HasPrefix(p, []byte("1: stream: OK\x00")) {
			t.Errorf("%q is clean", p)
		}
		if len(v.Name) > maxName || strings.ContainsFunc(v.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '@' }) {
			t.Errorf("name %q", v.Name)
		}
	})
}

// pieces is a connection that has been sent something.
type pieces struct {
	net.Conn
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
