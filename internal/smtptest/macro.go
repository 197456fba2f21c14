package smtptest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxTrace bounds the fields the proxy puts in front of a message.
const maxTrace = 8 << 10

// readMacro matches what stands alone on an "U>" line.
func (p *peer) readMacro(name string) error {
	switch name {
	case "trace":
		return p.readTrace()
	case "message":
		return p.readMessage()
	case "chunks":
		return p.readChunks()
	}
	return p.readPart()
}

// readMessage reads lines up to and with the end of data, or of the chunks.
func (p *peer) readMessage() error {
	for {
		if p.chunked && len(p.in) == 0 {
			return nil
		}
		b, err := p.line()
		if err != nil {
			return err
		}
		if !p.chunked && string(b) == "." {
			return nil
		}
	}
}

// readPart reads some octets of a message.
func (p *peer) readPart() error {
	if len(p.in) == 0 {
		if err := p.fill(); err != nil {
			return ended(err)
		}
	}
	p.in = nil
	return nil
}

// readTrace reads the fields the proxy put in front.
func (p *peer) readTrace() error {
	var fields []byte
	received := false
	for {
		f, err := p.peekField()
		if err != nil {
			return err
		}
		if !isTrace(f) {
			break
		}
		received = received || bytes.HasPrefix(f, []byte("Received:"))
		fields = append(fields, f...)
		p.in = p.in[len(f):]
	}
	p.trace = string(fields)
	if !received {
		return fmt.Errorf("no Received field of the proxy in front of %q", brief(p.in))
	}
	return checkTrace(fields)
}

// peekField returns the header field at the start, with its continuation lines.
func (p *peer) peekField() ([]byte, error) {
	n := 0
	for {
		b, err := p.peekFrom(n)
		if err != nil && !(errors.Is(err, io.EOF) && p.chunked) {
			return nil, fmt.Errorf("%w after %q", ended(err), brief(b))
		}
		if len(b) == 0 || n > 0 && b[0] != ' ' && b[0] != '\t' {
			return p.in[:n], nil
		}
		n += len(b)
		if string(b) == "\r\n" || string(b) == ".\r\n" {
			return p.in[:n], nil
		}
	}
}

// isTrace reports whether the proxy wrote this field.
func isTrace(f []byte) bool {
	switch {
	case bytes.HasPrefix(f, []byte("Received:")):
		return bytes.Contains(f, []byte("(Sluice)"))
	case bytes.HasPrefix(f, []byte("Authentication-Results:")):
		return bytes.Contains(f, []byte("mx.test"))
	}
	return bytes.HasPrefix(f, []byte("X-Sluice-")) || bytes.HasPrefix(f, []byte("X-Spam-Flag:"))
}

// checkTrace holds the fields against what may be put in front of mail.
func checkTrace(fields []byte) error {
	if len(fields) > maxTrace {
		return fmt.Errorf("%d octets of trace fields, want at most %d", len(fields), maxTrace)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(fields), "\r\n"), "\r\n") {
		if len(line) > 78 && strings.Contains(strings.TrimSpace(line), " ") {
			return fmt.Errorf("trace line longer than 78 octets: %q", line)
		}
		for _, c := range []byte(line) {
			if c != '\t' && (c < ' ' || c > '~') {
				return fmt.Errorf("octet %#x in trace line %q", c, line)
			}
		}
	}
	return nil
}

// readChunks reads BDAT commands to the last and lays their content out for matching.
func (p *peer) readChunks() error {
	var content []byte
	for last := false; !last; {
		var chunk []byte
		var err error
		if chunk, last, err = p.readChunk(); err != nil {
			return err
		}
		content = append(content, chunk...)
	}
	p.in, p.rest, p.chunked = content, p.in, true
	return nil
}

// readChunk reads one BDAT command and its chunk; one that is not the last is
// answered.
func (p *peer) readChunk() (chunk []byte, last bool, err error) {
	b, err := p.line()
	if err != nil {
		return nil, false, err
	}
	f := strings.Fields(string(b))
	last = len(f) == 3 && strings.EqualFold(f[2], "LAST")
	if len(f) < 2 || len(f) > 3 || len(f) == 3 && !last || !strings.EqualFold(f[0], "BDAT") {
		return nil, false, fmt.Errorf("got %q, want BDAT", brief(b))
	}
	n, err := strconv.Atoi(f[1])
	if err != nil {
		return nil, false, fmt.Errorf("size of %q", brief(b))
	}
	for len(p.in) < n {
		if err := p.fill(); err != nil {
			return nil, false, fmt.Errorf("%w inside a chunk", ended(err))
		}
	}
	chunk = append([]byte(nil), p.in[:n]...)
	p.in = p.in[n:]
	if !last {
		err = p.write([]byte("250 2.0.0 chunk\r\n"))
	}
	return chunk, last, err
}

// cutBetweenChunks answers chunks until the connection ends, which it must do
// before the last.
func (p *peer) cutBetweenChunks() error {
	for n := 0; ; n++ {
		if _, err := p.peek(); err != nil && isClosed(err) && len(p.in) == 0 && n > 0 {
			return nil
		}
		_, last, err := p.readChunk()
		if err != nil {
			return err
		}
		if last {
			return errors.New("the message was completed")
		}
	}
}

// endChunks goes back from the content of chunks to the connection.
func (p *peer) endChunks() error {
	if !p.chunked {
		return nil
	}
	if len(p.in) > 0 {
		return fmt.Errorf("unmatched content: %q", brief(p.in))
	}
	p.in, p.rest, p.chunked = p.rest, nil, false
	return nil
}
