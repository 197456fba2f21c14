package smtptest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
)

// maxLine bounds what a scripted end reads as one line: more is a runaway.
const maxLine = 4 << 20

// A peer is one scripted end of one connection.
type peer struct {
	raw      net.Conn // the socket
	conn     net.Conn // what is spoken over: the socket, or TLS on it
	bytewise bool

	in      []byte // read and not yet matched
	seen    []byte // all octets read since the start, or since the last 354
	rest    []byte // set aside while in holds the content of chunks
	chunked bool   // in is such content
	last    reply
	trace   string // the last {trace}
}

// A reply is one complete answer.
type reply struct {
	code  string
	lines []string // without CRLF, the code and its separator
}

// String joins the lines, the code once in front.
func (r reply) String() string { return r.code + " " + strings.Join(r.lines, "\n") }

func newPeer(c net.Conn, bytewise bool) *peer { return &peer{raw: c, conn: c, bytewise: bytewise} }

// fill reads more octets.
func (p *peer) fill() error {
	if p.chunked {
		return io.EOF
	}
	if len(p.in) > maxLine {
		return fmt.Errorf("more than %d octets and no end", maxLine)
	}
	buf := make([]byte, 64<<10)
	n, err := p.conn.Read(buf)
	p.in = append(p.in, buf[:n]...)
	p.seen = append(p.seen, buf[:n]...)
	if n > 0 {
		return nil
	}
	return err
}

// peek returns the next line with its CRLF, which stays unread.
func (p *peer) peek() ([]byte, error) { return p.peekFrom(0) }

func (p *peer) peekFrom(at int) ([]byte, error) {
	for {
		if i := bytes.Index(p.in[at:], []byte("\r\n")); i >= 0 {
			return p.in[at : at+i+2], nil
		}
		if err := p.fill(); err != nil {
			return p.in[at:], err
		}
	}
}

// line returns the next line without CRLF.
func (p *peer) line() ([]byte, error) {
	b, err := p.peek()
	if err != nil {
		return nil, fmt.Errorf("%w after %q", ended(err), brief(b))
	}
	p.in = p.in[len(b):]
	return b[:len(b)-2], nil
}

// exact reads the octets of want, and fails at the first other one.
func (p *peer) exact(want []byte) error {
	for len(p.in) < len(want) && bytes.HasPrefix(want, p.in) {
		if err := p.fill(); err != nil {
			return fmt.Errorf("%w after %q, want %q", ended(err), tail(p.in), brief(want[len(p.in):]))
		}
	}
	if !bytes.HasPrefix(p.in, want) {
		i := 0
		for p.in[i] == want[i] {
			i++
		}
		return fmt.Errorf("octet %d differs: got %q, want %q", i, brief(p.in[i:]), brief(want[i:]))
	}
	p.in = p.in[len(want):]
	return nil
}

// reply reads one reply and keeps it in last.
func (p *peer) reply() (reply, error) {
	var r reply
	for {
		b, err := p.line()
		if err != nil {
			return r, err
		}
		if len(b) < 3 || len(b) > 3 && b[3] != ' ' && b[3] != '-' {
			return r, fmt.Errorf("%q is no reply", brief(b))
		}
		if code := string(b[:3]); r.code != "" && code != r.code {
			return r, fmt.Errorf("codes %s and %s in one reply", r.code, code)
		}
		r.code = string(b[:3])
		r.lines = append(r.lines, string(b[min(4, len(b)):]))
		if len(b) == 3 || b[3] == ' ' {
			p.last = r
			return r, nil
		}
	}
}

// ends reads the end of the connection, and nothing before it.
func (p *peer) ends() error {
	if len(p.in) > 0 {
		return fmt.Errorf("unread: %q", brief(p.in))
	}
	for {
		if err := p.fill(); err != nil {
			if isClosed(err) {
				return nil
			}
			return err
		}
		if len(p.in) > 0 {
			return fmt.Errorf("want the end of the connection, got %q", brief(p.in))
		}
	}
}

var lastChunk = regexp.MustCompile(`(?i)^BDAT \d+ LAST\r\n$`)

// endsChunks tells whether one of the lines is the command of a last chunk.
// Only what begins like one is given to the expression, which takes seconds
// for megabytes.
func endsChunks(seen []byte) bool {
	for line := range bytes.Lines(seen) {
		if len(line) > 4 && bytes.EqualFold(line[:4], []byte("BDAT")) && lastChunk.Match(line) {
			return true
		}
	}
	return false
}

// cutShort reads to the end of the connection, which must leave a message open.
func (p *peer) cutShort() error {
	for {
		p.in = nil // seen has it
		err := p.fill()
		if err == nil {
			continue
		}
		if !isClosed(err) {
			return err
		}
		if bytes.HasPrefix(p.seen, []byte(".\r\n")) || bytes.Contains(p.seen, []byte("\r\n.\r\n")) || endsChunks(p.seen) {
			return errors.New("the message was completed")
		}
		return nil
	}
}

// isClosed reports whether err is the other end's closing, in order or not.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// ended words a read error.
func ended(err error) error {
	if isClosed(err) {
		return errors.New("the connection ended")
	}
	return err
}

// write sends octets. That the other end has closed is no error here: what it
// said before is what the script looks at next.
func (p *peer) write(b []byte) error {
	// One octet a write for what can matter: the start and the end of each
	// write. Between them lie the long bodies, and a test must end.
	const edge = 2048
	for len(b) > 0 {
		n := len(b)
		if p.bytewise {
			n = 1
			if len(b) > 2*edge {
				n = len(b) - edge
			}
		}
		if p.bytewise && n > 1 {
			if err := p.writeEdge(b[:edge]); err != nil {
				return ignoreClosed(err)
			}
			b, n = b[edge:], n-edge
		}
		if _, err := p.conn.Write(b[:n]); err != nil {
			return ignoreClosed(err)
		}
		b = b[n:]
	}
	return nil
}

// writeEdge sends octet by octet.
func (p *peer) writeEdge(b []byte) error {
	for i := range b {
		if _, err := p.conn.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

func ignoreClosed(err error) error {
	if isClosed(err) {
		return nil
	}
	return err
}

// halfClose ends our direction, of TLS too.
func (p *peer) halfClose() error {
	if t, ok := p.conn.(*tls.Conn); ok {
		if err := t.CloseWrite(); err != nil {
			return err
		}
	}
	return p.raw.(*net.TCPConn).CloseWrite()
}

// reset closes the socket so that the other end gets a RST.
func (p *peer) reset() error {
	if err := p.raw.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return p.raw.Close()
}

// secure puts TLS on the connection.
func (p *peer) secure(t *tls.Conn) error {
	if len(p.in) > 0 {
		return fmt.Errorf("unread before TLS: %q", brief(p.in))
	}
	if err := t.Handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	p.conn = t
	return nil
}

// brief and tail cut octets for an error text.
func brief(b []byte) []byte { return b[:min(len(b), 200)] }
func tail(b []byte) []byte  { return b[max(0, len(b)-200):] }
