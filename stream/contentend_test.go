package stream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/filter/literal"
)

// closing tells when its scanner is closed, and how often it was told of an
// overflow.
type closing struct {
	closed   chan struct{}
	overflow chan struct{} // room for more than one may come
}

func newClosing() *closing {
	return &closing{make(chan struct{}), make(chan struct{}, 8)}
}

func (*closing) Name() string { return "closing" }
func (m *closing) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	return closingScanner{m}
}

type closingScanner struct{ *closing }

func (closingScanner) Write([]byte)                 {}
func (s closingScanner) Overflow()                  { s.overflow <- struct{}{} }
func (closingScanner) Finish(context.Context) error { return nil }
func (s closingScanner) Close()                     { close(s.closed) }

// What modules hold of a message that is refused goes at once: its sender may
// take an hour to end it.
func TestRefusedMessageHoldsNoModule(t *testing.T) {
	up := startServer(t, nil)
	m := newClosing()
	s := startSluice(t, up, withModules(t, filter.Entry{Module: literal.Module{}}, filter.Entry{Module: m}), lookahead(16<<10))
	c := s.dial()
	c.Envelope("a@x.test", "b@y.test")
	c.Send("DATA")
	c.Want("354 *")
	c.Write("Subject: " + literal.GTUBE() + "\r\n\r\n" + strings.Repeat("x\r\n", 100_000))
	select {
	case <-m.closed:
	case <-time.After(promiseGuard):
		t.Fatal("the scanner is still open")
	}
	if len(m.overflow) > 0 {
		t.Error("the scanner was told of an overflow, though nothing flows")
	}
	c.Write(".\r\n")
	c.Want("550 5.7.1 [literal.gtube]*")
	c.Quit()
}

// A message that flows tells its scanners so once.
func TestOverflowIsToldOnce(t *testing.T) {
	for _, window := range []int64{-1, 16 << 10} {
		up := startServer(t, nil)
		m := newClosing()
		s := startSluice(t, up, withModules(t, filter.Entry{Module: m}), lookahead(window))
		c := s.dial()
		c.Envelope("a@x.test", "b@y.test")
		if got := c.Data("Subject: x\r\n\r\n" + strings.Repeat("x\r\n", 200_000)); !strings.HasPrefix(got, "250 ") {
			t.Fatalf("got %q", got)
		}
		c.Quit()
		if n := len(m.overflow); n != 1 {
			t.Errorf("lookahead %d: told %d times", window, n)
		}
		<-m.closed
	}
}
