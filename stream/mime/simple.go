package mime

import (
	"bytes"
	"strings"
)

// A simpleParam is a parameter that everybody reads alike.
type simpleParam struct{ name, value []byte }

// splitSimple splits a field's value as parseParams does, without a copy, if
// there is nothing in it that programs read differently. Else ok is false.
func splitSimple(b []byte) (head []byte, list [4]simpleParam, ok bool) {
	const blanks = " \t\r\n"
	head, b, more := bytes.Cut(b, []byte(";"))
	head = bytes.Trim(head, blanks)
	for _, c := range head {
		if c != '/' && !tokenOctets[c] {
			return nil, list, false
		}
	}
	for n := 0; more; n++ {
		if b = bytes.TrimLeft(b, blanks); len(b) == 0 {
			return head, list, n > 0
		}
		eq := bytes.IndexByte(b, '=')
		if eq <= 0 || n == len(list) {
			return nil, list, false
		}
		name, value := b[:eq], []byte(nil)
		b = b[eq+1:]
		if value, b, more, ok = simpleValue(b); !ok || !isSimple(name) {
			return nil, list, false
		}
		for i := range n {
			if bytes.EqualFold(list[i].name, name) {
				return nil, list, false
			}
		}
		list[n] = simpleParam{name, value}
	}
	return head, list, true
}

// simpleValue takes a value and the semicolon behind it.
func simpleValue(b []byte) (value, rest []byte, more, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		end := bytes.IndexByte(b[1:], '"') + 1
		if end <= 1 {
			return nil, nil, false, false
		}
		value, b = b[1:end], b[end+1:]
		if value[0] == ' ' || value[len(value)-1] == ' ' {
			return nil, nil, false, false
		}
		for _, c := range value {
			if c != ' ' && !simpleOctets[c] {
				return nil, nil, false, false
			}
		}
		b, rest, more = bytes.Cut(b, []byte(";"))
		return value, rest, more, len(bytes.Trim(b, " \t\r\n")) == 0 && !bytes.Contains(value, []byte("=?"))
	}
	value, rest, more = bytes.Cut(b, []byte(";"))
	value = bytes.Trim(value, " \t\r\n")
	for _, c := range value {
		if !tokenOctets[c] && c != '=' && c != '/' && c != ':' {
			return nil, nil, false, false
		}
	}
	return value, rest, more, len(value) > 0 && len(bytes.TrimLeft(b, " \t\r\n")) == len(b)
}

// isSimple tells whether a parameter's name is one to everybody.
func isSimple(name []byte) bool {
	for _, c := range name {
		if !tokenOctets[c] || c == '*' {
			return false
		}
	}
	return true
}

// tokenOctets are those of a token (RFC 2045 section 5.1) that nobody takes
// for a mark of something else; simpleOctets may stand in quotes besides.
var tokenOctets, simpleOctets = func() (token, simple [256]bool) {
	for c := '!'; c <= '~'; c++ {
		token[c] = !strings.ContainsRune("()<>@,;:\\\"/[]?=%'", c)
		simple[c] = !strings.ContainsRune("\\\"%'();", c)
	}
	return token, simple
}()

// isName compares with a name in lower case.
func isName(b []byte, name string) bool {
	return len(b) == len(name) && bytes.EqualFold(b, []byte(name))
}

// isToken tells whether s is a token of RFC 2045 section 5.1.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !tokenOctets[c] && c != '%' && c != '\'' {
			return false
		}
	}
	return s != ""
}
