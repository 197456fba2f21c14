package antivirus

import (
	"bytes"
	"strconv"
	"strings"
)

// Bounds on an answer.
const (
	maxFields = 100      // header fields; beyond them it is garbled
	maxValue  = 1 << 10  // octets of one value that are kept
	maxDrain  = 64 << 10 // octets of a page that are read for the sake of the connection
)

// An answer is an ICAP answer up to its body.
type answer struct {
	code   int
	fields map[string]string // names in lower case; lines of folded values joined by LF
	http   map[string]string // likewise, of the HTTP answer in it
	page   int               // that answer's code; 0: none
	body   bool              // a body follows
	known  bool              // what follows is understood
}

// field returns a value without quotes.
func (a *answer) field(name string) string { return strings.Trim(a.fields[name], `"`) }

// readAnswer reads an answer up to its body.
func (c *conn) readAnswer() (*answer, error) {
	line, err := c.until('\n')
	if err != nil {
		return nil, err
	}
	a := &answer{}
	rest, ok := bytes.CutPrefix(line, []byte("ICAP/1."))
	if a.code = statusCode(rest); !ok || a.code == 0 {
		return nil, errGarbled
	}
	if a.fields, err = c.readFields(); err != nil {
		return nil, err
	}
	return a, c.readEncapsulated(a)
}

// statusCode reads the code in "0 200 OK", or returns 0.
func statusCode(b []byte) int {
	_, b, _ = bytes.Cut(bytes.TrimSuffix(b, []byte("\r")), []byte(" "))
	code, _, _ := bytes.Cut(bytes.TrimLeft(b, " "), []byte(" "))
	n, err := strconv.Atoi(string(code))
	if err != nil || len(code) != 3 || n < 100 {
		return 0
	}
	return n
}

// readFields reads header fields and the empty line.
func (c *conn) readFields() (map[string]string, error) {
	fields, last := map[string]string{}, ""
	for range maxFields {
		line, err := c.until('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return fields, nil
		}
		if last = addField(fields, last, line); last == "" {
			return nil, errGarbled
		}
	}
	return nil, errGarbled
}

// addField adds one line and returns the field it belongs to; "" if it is no
// header field. Of two of one name the first counts.
func addField(fields map[string]string, last string, line []byte) string {
	if line[0] == ' ' || line[0] == '\t' {
		if last != "" {
			fields[last] = cut(fields[last] + "\n" + string(bytes.TrimSpace(line)))
		}
		return last
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 {
		return ""
	}
	key := strings.ToLower(string(bytes.TrimSpace(name)))
	if _, twice := fields[key]; !twice {
		fields[key] = cut(string(bytes.TrimSpace(value)))
	}
	return key
}

func cut(s string) string { return s[:min(len(s), maxValue)] }

// readEncapsulated reads the HTTP header that an answer holds (RFC 3507
// section 4.4.1).
func (c *conn) readEncapsulated(a *answer) error {
	list := a.fields["encapsulated"]
	if list == "" {
		a.known = a.code == 100 || a.code == 204
		return nil
	}
	body, header := -1, false
	for item := range strings.SplitSeq(list, ",") {
		name, offset, _ := strings.Cut(strings.TrimSpace(item), "=")
		n, err := strconv.Atoi(offset)
		if err != nil || n < 0 {
			return errGarbled
		}
		switch {
		case name == "res-hdr" && n == 0:
			header = true
		case strings.HasSuffix(name, "-body"):
			body, a.body = n, name != "null-body"
		}
	}
	if body < 0 || body > 0 && !header || body > len(c.room) {
		return nil // not understood: the connection is not used again
	}
	a.known = true
	return c.readHTTP(a, body)
}

// readHTTP reads the n octets of an HTTP header.
func (c *conn) readHTTP(a *answer, n int) error {
	for len(c.buf) < n {
		if err := c.fill(); err != nil {
			return err
		}
	}
	header := c.buf[:n]
	c.buf = c.buf[n:]
	first, rest, _ := bytes.Cut(header, crlf)
	if bytes.HasPrefix(first, []byte("HTTP/")) {
		a.page = statusCode(first)
	}
	a.http = map[string]string{}
	last := ""
	for line := range bytes.SplitSeq(rest, crlf) {
		if len(line) > 0 && len(a.http) < maxFields {
			last = addField(a.http, last, line)
		}
	}
	return nil
}

// drain reads the body away, and tells whether the connection can be used
// again.
func (c *conn) drain(a *answer) bool {
	if !a.known || strings.EqualFold(a.field("connection"), "close") {
		return false
	}
	if !a.body {
		return len(c.buf) == 0 // more than an answer is no good sign
	}
	for total := 0; total < maxDrain; {
		line, err := c.until('\n')
		if err != nil {
			return false
		}
		size, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil {
			return false
		}
		if n == 0 {
			line, err := c.until('\n')
			return err == nil && len(bytes.TrimSpace(line)) == 0 && len(c.buf) == 0
		}
		if total += int(n); total > maxDrain || !c.skip(int(n)+len(crlf)) {
			return false
		}
	}
	return false
}

// skip reads n octets away.
func (c *conn) skip(n int) bool {
	for {
		k := min(n, len(c.buf))
		c.buf, n = c.buf[k:], n-k
		if n == 0 {
			return true
		}
		if c.fill() != nil {
			return false
		}
	}
}
