package stream_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"sluice/filter"
	"sluice/filter/attachment"
	"sluice/filter/literal"
	"sluice/policy"
	"sluice/stream/unpack"
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
		if got := c.Data("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 8000)); !strings.HasPrefix(got, "250 ") {
			t.Fatalf("got %q", got)
		}
		c.Quit()
		if n := len(m.overflow); n != 1 {
			t.Errorf("lookahead %d: told %d times", window, n)
		}
		<-m.closed
	}
}

// Shadow mode delays nobody: the greeting comes at once.
func TestShadowGreetsAtOnce(t *testing.T) {
	s := startSluice(t, startServer(t, nil), func(c *config) {
		c.Setup.BannerDelay = time.Hour
		c.Setup.Policy = newPolicy(t, policy.Settings{Routes: []policy.Route{c.Route}, Level: policy.Level{Shadow: true}})
	})
	s.delivers("Subject: x\r\n\r\nx\r\n")
}

// over_limit decides about a message that exhausts a budget; it would exhaust
// it again, so its sender is told for good.
func TestOverLimit(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write([]byte("x"))
	}
	_ = w.Close()
	message := "Subject: x\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(archive.Bytes()) + "\r\n"
	for over, want := range map[policy.OverLimitPolicy]string{
		"": "550 5.7.1 [limit.entries]", policy.RejectOver: "550 5.7.1 [limit.entries]", policy.TagOver: "250 ", policy.AcceptOver: "250 ",
	} {
		up := startServer(t, nil)
		s := startSluice(t, up, withModules(t, filter.Entry{Module: filter.Content{Unpack: unpack.Limits{Entries: 2}}}), func(c *config) {
			c.Setup.Policy = newPolicy(t, policy.Settings{Routes: []policy.Route{c.Route}, Level: policy.Level{OverLimit: over}})
		})
		c := s.dial()
		c.Envelope("a@x.test", "b@y.test")
		if got := c.Data(message); !strings.HasPrefix(got, want) {
			t.Errorf("over_limit %q: got %q", over, got)
		}
		c.Quit()
		for _, m := range up.Messages() {
			if tagged := strings.Contains(string(m.Content), "X-Spam-Flag: YES"); tagged != (over == policy.TagOver) {
				t.Errorf("over_limit %q: tagged %t", over, tagged)
			}
		}
		if rec := s.records(1)[0]; rec.Tagged != (over == policy.TagOver) {
			t.Errorf("over_limit %q: the record says tagged %t", over, rec.Tagged)
		}
	}
}

// What stands at the end of a message that flows is refused as well; its
// server never sees the end.
func TestI2LateContentRefusal(t *testing.T) {
	for _, window := range []int64{-1, 16 << 10} {
		up := startServer(t, nil)
		s := startSluice(t, up, withModules(t, filter.Entry{Module: filter.Content{}}, filter.Entry{Module: attachment.Module{}}), lookahead(window))
		c := s.dial()
		c.Envelope("a@x.test", "b@y.test")
		got := c.Data("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 76)+"\r\n", 16_000) +
			"--b\r\nContent-Type: application/octet-stream; name=a.exe\r\n\r\nMZ\r\n--b--\r\n")
		if !strings.HasPrefix(got, "550 5.7.1 [attachment.banned]") {
			t.Errorf("got %q", got)
		}
		c.Quit()
		if n := len(up.Messages()); n != 0 {
			t.Errorf("%d messages at the server", n)
		}
	}
}
