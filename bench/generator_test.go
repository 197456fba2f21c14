package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// startTestSink serves s until the test ends.
func startTestSink(t *testing.T, s *sink) string {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // the last clean-up
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		s.close()
	})
	return l.Addr().String()
}

// sendAll runs count messages of a generator against a sink with the book.
func sendAll(t *testing.T, g *generator, book *ledgerBook, count int) {
	t.Helper()
	g.book = book
	g.drive(t.Context(), arrival{}, func(n int) (mail, bool) {
		m := makeMail(5, n, 200+n*1500, kindOrdinary, 1+n%3)
		if n < count {
			book.send(m.sentMail)
		}
		return m, n < count
	})
}

// The generator's and the sink's ideas of a message agree, in every manner.
func TestGeneratorAgainstSink(t *testing.T) {
	c, err := makeCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, pipelining := range []bool{false, true} {
		for _, bdat := range []bool{false, true} {
			for _, secure := range []string{"none", "starttls", "implicit"} {
				t.Run(fmt.Sprintf("pipelining=%t,bdat=%t,tls=%s", pipelining, bdat, secure), func(t *testing.T) {
					book := &ledgerBook{}
					s := &sink{book: book}
					if secure != "none" {
						s.tls, s.implicit = strictTLS(&tls.Config{Certificates: []tls.Certificate{pair}}), secure == "implicit"
					}
					d, err := dialerFor(startTestSink(t, s), secure)
					if err != nil {
						t.Fatal(err)
					}
					g := &generator{dialer: d, workers: 3, perConnection: 4, how: func(int) manner { return manner{pipelining, bdat} }}
					sendAll(t, g, book, 60)
					a := check(book.close(), prefixOf)
					if !a.clean() || a.Commits != 60 || g.tally.Codes[250] != 60 {
						t.Errorf("%d commits, replies %v, faults %+v", a.Commits, g.tally.Codes, a.Faults)
					}
					if secure != "none" && g.tally.Resumed == 0 {
						t.Error("no TLS session was resumed")
					}
				})
			}
		}
	}
}

// A sink that fails in every way, and a sender that retries: the books still
// agree, and every kind of failure has been met.
func TestGeneratorAgainstFailingSink(t *testing.T) {
	p, err := parsePlan("all:4", 3, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	book := &ledgerBook{}
	s := &sink{book: book, plan: p}
	g := &generator{dialer: dialer{address: startTestSink(t, s)}, workers: 8, perConnection: 5, retry: true, how: manners}
	sendAll(t, g, book, 150)
	b := book.close()
	a := check(b, prefixOf)
	if !a.clean() {
		t.Errorf("faults %+v", a.Faults)
	}
	if a.Explained == 0 {
		t.Error("no lost reply made a duplicate: the run proved nothing")
	}
	for _, code := range []int{0, 250, 421, 450, 451, 550, 552, 554} {
		if g.tally.Codes[code] == 0 {
			t.Errorf("no reply %d among %v", code, g.tally.Codes)
		}
	}
}

// Without a server nothing is settled, and that is a fault.
func TestGeneratorWithoutServer(t *testing.T) {
	defer goleak.VerifyNone(t)
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	book := &ledgerBook{}
	g := &generator{dialer: dialer{address: address}, workers: 2, perConnection: 1, how: manners}
	sendAll(t, g, book, 3)
	a := check(book.close(), prefixOf)
	if a.Counts[unfinished] == 0 || g.tally.NoConnect != 3 {
		t.Errorf("counts %v, %d refused connections, want unfinished ones and 3", a.Counts, g.tally.NoConnect)
	}
}

func TestMakeMail(t *testing.T) {
	for _, kind := range []mailKind{kindOrdinary, kindGTUBE, kindBareLF, kindStranger} {
		m, again := makeMail(3, 4, 60e3, kind, 2), makeMail(3, 4, 60e3, kind, 2)
		if !bytes.Equal(m.content, again.content) {
			t.Fatal("the same arguments gave two messages")
		}
		if !bytes.HasPrefix(m.content, []byte(ledgerField)) || !bytes.HasSuffix(m.content, []byte("\r\n")) {
			t.Errorf("%s: begins %q, ends %q", kind, m.content[:20], m.content[len(m.content)-4:])
		}
		for line := range strings.SplitSeq(string(m.content), "\r\n") {
			if len(line) > 998 {
				t.Errorf("%s: a line of %d octets", kind, len(line))
			}
			if bare := strings.ContainsAny(line, "\r\n"); bare && kind != kindBareLF {
				t.Errorf("%s: a bare CR or LF", kind)
			}
		}
		if n := len(m.content); n < 60e3 || n > 60e3+1000 {
			t.Errorf("%s: %d octets for 60000", kind, n)
		}
		if !bytes.Contains(m.content, []byte("\r\n.\r\n")) && !bytes.Contains(m.content, []byte("\r\n..")) {
			t.Errorf("%s: no line begins with a dot: stuffing is not tried", kind)
		}
		if bytes.Count(m.data, []byte("\r\n.\r\n")) != 1 || !bytes.HasSuffix(m.data, []byte("\r\n.\r\n")) {
			t.Errorf("%s: the terminator must stand once, at the end", kind)
		}
		for _, to := range m.Recipients {
			if idIn(to) != m.ID || idIn(m.from) != m.ID {
				t.Errorf("the id of %s is not in its addresses", m.ID)
			}
		}
	}
}

func TestStuff(t *testing.T) {
	for in, want := range map[string]string{"": ".\r\n", ".\r\n": "..\r\n.\r\n", "a\r\n.b\r\n..\r\n": "a\r\n..b\r\n...\r\n.\r\n", "a.\r\n": "a.\r\n.\r\n"} {
		if got := string(stuff([]byte(in))); got != want {
			t.Errorf("stuff(%q) = %q, want %q", in, got, want)
		}
	}
}

// The digest finds the ledger field in any pieces, behind any header.
func TestDigest(t *testing.T) {
	m := makeMail(1, 2, 5000, kindOrdinary, 1)
	whole := append([]byte("Received: from a\r\n\tby b\r\n"), m.content...)
	for _, size := range []int{1, 7, 64, 1000, len(whole)} {
		var d digest
		for p := whole; len(p) > 0; p = p[min(size, len(p)):] {
			d.write(p[:min(size, len(p))])
		}
		if d.id != m.ID || d.hex() != m.Sum || d.length != m.Length {
			t.Errorf("pieces of %d: id %q, %d octets", size, d.id, d.length)
		}
	}
	var none digest
	none.write([]byte("Subject: x\r\n\r\nbody\r\n"))
	if none.id != "" || none.hex() != "" {
		t.Errorf("a message without the field has id %q", none.id)
	}
}

func TestBooksSurviveTheFile(t *testing.T) {
	f := forge(kindGTUBE).try(0, 10, stageEnd, 550).commit(5, true).kill(3).refuse(550)
	var b bytes.Buffer
	name := t.TempDir() + "/books"
	if err := writeBooks(name, f.b); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&b, `{"sent": [], "unknown": 1}`)
	if _, err := readBooks(&b); err == nil {
		t.Error("books with an unknown entry were taken")
	}
}

func TestDispatch(t *testing.T) {
	var b strings.Builder
	if err := dispatch(context.Background(), nil, &b); err == nil || !strings.Contains(b.String(), "sidebyside") {
		t.Errorf("no usage: %v, %q", err, b.String())
	}
	if err := dispatch(context.Background(), []string{"nonsense"}, &b); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("an unknown command: %v", err)
	}
}
