package smtptest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// GTUBE and EICAR are the test signatures of spam and virus filters. EICAR is
// put together at run time so that no scanner takes this package for a sample.
const GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// EICAR returns the antivirus test file's 68 octets.
func EICAR() string {
	return `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + "EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*"
}

// A token is one piece of a pattern.
type token struct {
	kind tokenKind
	text []byte // of a literal
}

type tokenKind uint8

const (
	literal tokenKind = iota
	star              // any octets
	messageID
	sessionID
)

// A pattern is a dialog line's text, ready to be sent or matched.
type pattern struct {
	tokens []token
	macro  string // trace, message, part, chunks: alone on its line
	bare   bool   // no CRLF is added
}

// exact returns the octets of a pattern without wild cards, CRLF added.
func (p pattern) exact() ([]byte, bool) {
	if p.macro != "" {
		return nil, false
	}
	var b []byte
	for _, t := range p.tokens {
		if t.kind != literal {
			return nil, false
		}
		b = append(b, t.text...)
	}
	if !p.bare {
		b = append(b, "\r\n"...)
	}
	return b, true
}

// matches reports whether the pattern covers all of b, which has no final CRLF.
func (p pattern) matches(b []byte) bool { return matchTokens(p.tokens, b) }

func matchTokens(ts []token, b []byte) bool {
	if len(ts) == 0 {
		return len(b) == 0
	}
	switch ts[0].kind {
	case star:
		for i := 0; i <= len(b); i++ {
			if matchTokens(ts[1:], b[i:]) {
				return true
			}
		}
		return false
	case messageID:
		n := messageIDLen(b)
		return n > 0 && matchTokens(ts[1:], b[n:])
	case sessionID:
		return isSessionID(b) && matchTokens(ts[1:], b[sessionIDLen:])
	default:
		rest, ok := bytes.CutPrefix(b, ts[0].text)
		return ok && matchTokens(ts[1:], rest)
	}
}

// sessionIDLen is 64 bits in base32.
const sessionIDLen = 13

// isSessionID reports whether b starts with 13 characters of Crockford's
// base32, which has no I, L, O and U.
func isSessionID(b []byte) bool {
	if len(b) < sessionIDLen {
		return false
	}
	for _, c := range b[:sessionIDLen] {
		if !strings.ContainsRune("0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz", rune(c)) {
			return false
		}
	}
	return true
}

// messageIDLen returns the length of "(id=SESSION.NUMBER)" at the start of b, or 0.
func messageIDLen(b []byte) int {
	rest, ok := bytes.CutPrefix(b, []byte("(id="))
	if !ok || !isSessionID(rest) {
		return 0
	}
	rest, ok = bytes.CutPrefix(rest[sessionIDLen:], []byte("."))
	if !ok {
		return 0
	}
	i := 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
		i++
	}
	if i == 0 || i == len(rest) || rest[i] != ')' {
		return 0
	}
	return len("(id=") + sessionIDLen + 1 + i + 1
}

// An expander turns script text into patterns. files is the folder of {file}.
type expander struct {
	files string
	wild  bool // * and {id} are patterns; in text that is sent they are not
}

var errBrace = errors.New("{ without }")

// parse reads one line's text.
func (e expander) parse(s string) (pattern, error) {
	switch s {
	case "{trace}", "{message}", "{part}", "{chunks}":
		if !e.wild {
			return pattern{}, fmt.Errorf("%s can only be expected", s)
		}
		return pattern{macro: strings.Trim(s, "{}")}, nil
	}
	var p pattern
	s, p.bare = strings.CutSuffix(s, `\c`)
	if strings.HasPrefix(s, "{chunk ") || strings.HasPrefix(s, "{last ") || s == "{last}" {
		p.bare = true
	}
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			p.tokens = append(p.tokens, token{text: lit})
			lit = nil
		}
	}
	for len(s) > 0 {
		switch {
		case s[0] == '\\':
			c, n, err := escape(s)
			if err != nil {
				return pattern{}, err
			}
			lit = append(lit, c)
			s = s[n:]
		case s[0] == '{':
			arg, n := braced(s)
			if n == 0 {
				return pattern{}, errBrace
			}
			s = s[n:]
			if kind, ok := wildName[arg]; ok && e.wild {
				flush()
				p.tokens = append(p.tokens, token{kind: kind})
				continue
			}
			b, err := e.macro(arg)
			if err != nil {
				return pattern{}, err
			}
			lit = append(lit, b...)
		case s[0] == '*' && e.wild:
			flush()
			p.tokens = append(p.tokens, token{kind: star})
			s = s[1:]
		default:
			lit = append(lit, s[0])
			s = s[1:]
		}
	}
	flush()
	return p, nil
}

var wildName = map[string]tokenKind{"id": messageID, "session": sessionID}

// escape reads the backslash sequence at the start of s.
func escape(s string) (c byte, n int, err error) {
	if len(s) < 2 {
		return 0, 0, errors.New(`lone \ at the end of a line`)
	}
	switch s[1] {
	case 'r':
		return '\r', 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case '0':
		return 0, 2, nil
	case '\\', '*', '{', '}':
		return s[1], 2, nil
	case 'x':
		if len(s) >= 4 {
			if v, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
				return byte(v), 4, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("unknown escape %.4q", s)
}

// braced returns what stands between the brace at the start of s and its
// partner, and the length with both; n is 0 if there is none.
func braced(s string) (arg string, n int) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[1:i], i + 1
			}
		}
	}
	return "", 0
}

// macro returns the octets that {arg} stands for.
func (e expander) macro(arg string) ([]byte, error) {
	name, rest, _ := strings.Cut(arg, " ")
	switch name {
	case "gtube":
		return []byte(GTUBE), nil
	case "eicar":
		return []byte(EICAR()), nil
	case "crlf.crlf":
		return []byte("\r\n.\r\n"), nil
	case "repeat":
		count, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil || text == "" {
			return nil, errors.New("{repeat N text}")
		}
		b, err := e.literal(text)
		return bytes.Repeat(b, n), err
	case "lines":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 1 {
			return nil, errors.New("{lines N}")
		}
		return Lines(n), nil
	case "file":
		return os.ReadFile(filepath.Join(e.files, rest))
	case "chunk", "last":
		b, err := e.literal(rest)
		cmd := fmt.Sprintf("BDAT %d\r\n", len(b))
		if name == "last" {
			cmd = fmt.Sprintf("BDAT %d LAST\r\n", len(b))
		}
		return append([]byte(cmd), b...), err
	}
	return nil, fmt.Errorf("unknown {%s}", name)
}

// literal expands text that must not hold a wild card.
func (e expander) literal(s string) ([]byte, error) {
	p, err := expander{files: e.files}.parse(s + `\c`)
	if err != nil {
		return nil, err
	}
	b, _ := p.exact()
	return b, nil
}

// Lines returns n lines of 76 letters with CRLF between them, none of which
// starts with a dot and no two neighbours of which are equal.
func Lines(n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	wide := strings.Repeat(letters, 5)
	b := make([]byte, 0, n*78)
	for i := range n {
		if i > 0 {
			b = append(b, "\r\n"...)
		}
		at := i % len(letters)
		b = append(b, wide[at:at+76]...)
	}
	return b
}
