package smtptest

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// clientDeadline bounds every wait of a Client by the wall clock: a test that
// reaches it has failed.
const clientDeadline = 20 * time.Second

// A Client speaks raw SMTP in a test, and ends the test when something else
// comes than what it wants. It is closed when the test ends.
type Client struct {
	t testing.TB
	p *peer
}

// Dial connects to addr, from a local address if one is given.
func Dial(t testing.TB, addr string, from ...string) *Client {
	t.Helper()
	var d net.Dialer
	if len(from) > 0 {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from[0])}
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return NewClient(t, c)
}

// NewClient speaks over c, which may be one end of a net.Pipe.
func NewClient(t testing.TB, c net.Conn) *Client {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(clientDeadline)); err != nil {
		t.Fatal(err)
	}
	return &Client{t: t, p: newPeer(c, false)}
}

// Conn returns the socket.
func (c *Client) Conn() net.Conn { return c.p.raw }

// Bytewise makes the client write one octet at a time.
func (c *Client) Bytewise() { c.p.bytewise = true }

// Write sends octets in one write.
func (c *Client) Write(octets string) {
	c.t.Helper()
	if err := c.p.write([]byte(octets)); err != nil {
		c.t.Fatal(err)
	}
}

// Send sends lines, CRLF added, in one write.
func (c *Client) Send(lines ...string) {
	c.t.Helper()
	c.Write(strings.Join(lines, "\r\n") + "\r\n")
}

// Reply reads one reply: code, space, and all its lines' texts.
func (c *Client) Reply() string {
	c.t.Helper()
	r, err := c.p.reply()
	if err != nil {
		c.t.Fatalf("reply: %v", err)
	}
	return r.String()
}

// Want reads replies that must match the patterns, one each; see the package
// comment for what a pattern may hold.
func (c *Client) Want(patterns ...string) {
	c.t.Helper()
	for _, want := range patterns {
		pat, err := expander{wild: true}.parse(want)
		if err != nil {
			c.t.Fatal(err)
		}
		if got := c.Reply(); !pat.matches([]byte(got)) {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// Do sends one line and returns the reply.
func (c *Client) Do(line string) string {
	c.t.Helper()
	c.Send(line)
	return c.Reply()
}

// Hello reads the greeting and says EHLO.
func (c *Client) Hello() {
	c.t.Helper()
	c.Want("220 *")
	c.Send("EHLO client.test")
	c.Want("250 *")
}

// Offers reports whether the last reply lists the EHLO keyword.
func (c *Client) Offers(keyword string) bool {
	for _, l := range c.p.last.lines {
		if word, _, _ := strings.Cut(l, " "); strings.EqualFold(word, keyword) {
			return true
		}
	}
	return false
}

// Envelope begins a transaction; all must be accepted.
func (c *Client) Envelope(from string, to ...string) {
	c.t.Helper()
	c.Send("MAIL FROM:<" + from + ">")
	c.Want("250 *")
	for _, rcpt := range to {
		c.Send("RCPT TO:<" + rcpt + ">")
		c.Want("250 *")
	}
}

// Data says DATA, gets 354, and returns the reply to content, which is stuffed
// here and must end with CRLF or be empty.
func (c *Client) Data(content string) string {
	c.t.Helper()
	c.Send("DATA")
	c.Want("354 *")
	c.Write(Stuff(content) + ".\r\n")
	return c.Reply()
}

// Stuff doubles the dot that begins a line (RFC 5321 section 4.5.2).
func Stuff(content string) string {
	content = strings.ReplaceAll(content, "\r\n.", "\r\n..")
	if strings.HasPrefix(content, ".") {
		return "." + content
	}
	return content
}

// StartTLS asks for TLS and does the handshake.
func (c *Client) StartTLS(config *tls.Config) {
	c.t.Helper()
	c.Send("STARTTLS")
	c.Want("220 *")
	c.Secure(config)
}

// Secure does a TLS handshake at once.
func (c *Client) Secure(config *tls.Config) {
	c.t.Helper()
	if err := c.p.secure(tls.Client(c.p.raw, config)); err != nil {
		c.t.Fatal(err)
	}
}

// Quit proves that both ends are in step: 221, and the end.
func (c *Client) Quit() {
	c.t.Helper()
	c.Send("QUIT")
	c.Want("221 *")
	c.Closed()
}

// Closed reads the end of the connection, and nothing before it.
func (c *Client) Closed() {
	c.t.Helper()
	if err := c.p.ends(); err != nil {
		c.t.Fatal(err)
	}
}

// Close, Reset and HalfClose end the connection as their names say.
func (c *Client) Close() { c.p.conn.Close() }

// Reset sends a RST.
func (c *Client) Reset() {
	c.t.Helper()
	if err := c.p.reset(); err != nil {
		c.t.Fatal(err)
	}
}

// HalfClose ends the sending direction.
func (c *Client) HalfClose() {
	c.t.Helper()
	if err := c.p.halfClose(); err != nil {
		c.t.Fatal(err)
	}
}
