package mime

import (
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// A textStream decodes text of one charset, in any cut.
type textStream struct {
	reading
	utf7    utf7
	decoder transform.Transformer
	held    []byte // the beginning of a character
	buf     []byte // decoded text
	bad     bool   // octets that are no characters
}

func (s *textStream) reset(r reading) {
	*s = textStream{reading: r, held: s.held[:0], buf: s.buf[:0]}
	if r.kind == charsetOther {
		s.decoder = r.enc.NewDecoder().Transformer
	}
}

func (s *textStream) write(b []byte, emit func([]byte)) {
	if s.skip > 0 {
		n := min(s.skip, len(b))
		b, s.skip = b[n:], s.skip-n
	}
	switch s.kind {
	case charsetUTF7:
		for len(b) > 0 {
			n := min(len(b), outSize/2)
			s.buf = s.utf7.append(s.buf[:0], b[:n])
			s.flush(emit)
			b = b[n:]
		}
	case charsetOther:
		s.other(b, emit, false)
	default:
		s.utf8(b, emit)
	}
}

func (s *textStream) close(emit func([]byte)) {
	switch s.kind {
	case charsetUTF7:
		s.buf = s.utf7.end(s.buf[:0])
		s.bad = s.bad || s.utf7.bad
	case charsetOther:
		s.other(nil, emit, true)
		return
	default:
		for _, c := range s.held {
			s.badOctet(c)
		}
		s.held = s.held[:0]
	}
	s.flush(emit)
}

func (s *textStream) flush(emit func([]byte)) {
	if len(s.buf) > 0 {
		emit(s.buf)
		s.buf = s.buf[:0]
	}
}

// utf8 takes UTF-8: what is valid goes on as it is.
func (s *textStream) utf8(b []byte, emit func([]byte)) {
	for len(s.held) > 0 && len(b) > 0 {
		if s.held = append(s.held, b[0]); !utf8.FullRune(s.held) {
			b = b[1:]
			continue
		}
		if _, n := utf8.DecodeRune(s.held); n > 1 {
			s.buf = append(s.buf, s.held...)
			b = b[1:]
		} else {
			// What goes on a character begins none, so all before b was bad.
			for _, c := range s.held[:len(s.held)-1] {
				s.badOctet(c)
			}
		}
		s.held = s.held[:0]
	}
	s.flush(emit)
	if utf8.Valid(b) {
		if len(b) > 0 {
			emit(b)
		}
		return
	}
	for len(b) > 0 {
		n := validPrefix(b)
		if n >= outSize/2 || n > 0 && len(s.buf) == 0 && n == len(b) {
			s.flush(emit)
			emit(b[:n])
		} else {
			s.buf = append(s.buf, b[:n]...)
		}
		if b = b[n:]; len(b) > 0 {
			if !utf8.FullRune(b) {
				s.held = append(s.held, b...)
				break
			}
			s.badOctet(b[0])
			b = b[1:]
		}
		if len(s.buf) >= outSize/2 {
			s.flush(emit)
		}
	}
	s.flush(emit)
}

// badOctet takes an octet that is no UTF-8. Where nobody said that it should
// be, it is windows-1252.
func (s *textStream) badOctet(c byte) {
	if s.kind == charsetUnknown {
		s.buf = append(s.buf, latin1Text[c]...)
		return
	}
	s.bad = true
	s.buf = append(s.buf, "\uFFFD"...)
}

// latin1Text has each octet of windows-1252 as UTF-8.
var latin1Text = func() (t [256]string) {
	for c := range t {
		t[c] = string(latin1.toUTF8(nil, []byte{byte(c)}))
	}
	return t
}()

// other takes text of one of the charsets of x/text. ASCII goes on as it is
// where that is what it stands for.
func (s *textStream) other(b []byte, emit func([]byte), end bool) {
	if cap(s.buf) < outSize {
		s.buf = make([]byte, 0, outSize)
	}
	if len(s.held) > 0 || end {
		b = s.straddling(b, emit, end)
	}
	ascii := s.ascii()
	for len(b) > 0 {
		if ascii {
			if n := asciiPrefix(b); n > 0 {
				emit(b[:n])
				b = b[n:]
				continue
			}
		}
		// Then a stretch of other text, until ASCII is likely to go on.
		n := len(b)
		if ascii {
			n = min(n, otherStretch)
		}
		wrote, read, _ := s.decoder.Transform(s.buf[:outSize], b[:n], false)
		s.buf = s.buf[:wrote]
		s.flush(emit)
		b = b[read:]
		if read > 0 || wrote > 0 {
			continue
		}
		if len(b) <= charsetOctets {
			s.held = append(s.held, b...)
			return
		}
		s.bad, b = true, b[1:] // none of our decoders does that
	}
}

// otherStretch is how much is decoded before ASCII is looked for again: 256
// octets, some lines of text that is not Latin.
const otherStretch = 256

// straddling decodes what was held and the character that it begins, or at the
// end all. It returns what is left of b.
func (s *textStream) straddling(b []byte, emit func([]byte), end bool) []byte {
	before := len(s.held)
	n := min(len(b), charsetOctets)
	s.held = append(s.held, b[:n]...)
	wrote, read, _ := s.decoder.Transform(s.buf[:outSize], s.held, end)
	s.buf = s.buf[:wrote]
	s.flush(emit)
	if read < before {
		// Still no character, so all of b is in it.
		if s.bad = s.bad || n == charsetOctets; s.bad {
			read = len(s.held)
		}
		s.held = s.held[:copy(s.held, s.held[read:])]
		return b[n:]
	}
	s.held = s.held[:0]
	return b[read-before:]
}

// charsetOctets is more than any character has in any charset, escapes before
// it included: 16.
const charsetOctets = 16
