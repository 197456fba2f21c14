package mime

import (
	"bytes"
	"slices"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// A Text turns the decoded octets of a text leaf into UTF-8.
//
// What the text says of itself, by a byte order mark, by NULs at every second
// place or by an HTML meta element, may differ from the declared charset. Then
// it is decoded in each of these ways, one after the other: the first as it
// comes, the others at Close, from octets that are held until then. Others
// than the first are not made where all charsets agree on ASCII and the text
// has nothing else.
type Text struct {
	// Others are further charsets that were declared, if any: programs differ in
	// which they take. Set after Reset, before the first Write.
	Others []string
	// Next, if set, is called at Close before each further reading.
	Next func()
	// Hold, if set, is asked and told as Parser.Hold, of what is held for
	// further readings. Without room they are cut off, which is a defect.
	Hold func(n int) bool

	emit     func([]byte)
	label    string
	html     bool
	head     []byte // the first octets, until the charset is chosen
	chosen   bool
	readings []reading // the first is live
	stream   textStream
	held     []byte // for the other readings, if there are any
	lost     bool   // there was no room for more of it
	eight    bool   // an octet above 0x7F came
	fallback bool   // the further reading is for programs that do not know the declared one
	defects  []Defect
}

// textHead is how far the beginning is looked at for what the text says of
// itself: 1 KiB (WHATWG HTML, section 13.2.3.2).
const textHead = 1 << 10

// textHeld is how much of a text is held for further readings: 2 MiB, as much
// of a part as is read for links and words.
const textHeld = 2 << 20

// A reading is one way to decode a text.
type reading struct {
	charset
	skip int // octets of the byte order mark, if that was it
}

// NewText returns a decoder for text of the declared charset (empty: none was
// declared). emit gets valid UTF-8, whole characters, in pieces that are valid
// during the call; they are pieces of what is written, where that is UTF-8.
func NewText(charset string, html bool, emit func([]byte)) *Text {
	t := &Text{}
	t.Reset(charset, html, emit)
	return t
}

// Reset makes t ready for another text. Its buffers stay, Next and Hold stay.
func (t *Text) Reset(charset string, html bool, emit func([]byte)) {
	t.letGo()
	*t = Text{
		Next: t.Next, Hold: t.Hold, emit: emit, label: charset, html: html,
		head: t.head[:0], readings: t.readings[:0], stream: textStream{buf: t.stream.buf[:0]},
	}
}

// Write decodes on.
func (t *Text) Write(b []byte) {
	if t.chosen {
		t.decode(b)
		return
	}
	if len(t.head) == 0 && len(b) >= textHead {
		t.choose(b[:textHead])
		t.decode(b)
		return
	}
	n := min(len(b), textHead-len(t.head))
	t.head = append(t.head, b[:n]...)
	if len(t.head) == textHead {
		t.choose(t.head)
		t.decode(t.head)
		t.decode(b[n:])
	}
}

// decode takes octets in the first reading, and holds them for the others.
func (t *Text) decode(b []byte) {
	if len(t.readings) > 1 {
		t.eight = t.eight || !isASCII(b)
		t.hold(b[:min(len(b), textHeld-len(t.held))])
	}
	t.stream.write(b, t.emit)
}

// hold keeps octets for further readings, as long as there is room.
func (t *Text) hold(b []byte) {
	need := len(t.held) + len(b)
	if t.lost || len(b) == 0 {
		return
	}
	if need > cap(t.held) {
		size := min(max(need, 2*cap(t.held), 4*textHead), max(need, textHeld))
		var ok bool
		if t.held, ok = regrow(t.held, size, t.Hold); !ok {
			t.lost = true
			return
		}
	}
	t.held = append(t.held, b...)
}

// letGo gives back what is held.
func (t *Text) letGo() {
	unhold(t.held, t.Hold)
	t.held = nil
}

// Close ends the text and returns what was wrong with it.
func (t *Text) Close() []Defect {
	if !t.chosen {
		t.choose(t.head)
		t.decode(t.head)
	}
	t.stream.close(t.emit)
	bad := t.stream.bad
	if len(t.readings) > 1 {
		ascii := t.allASCII()
		d := Defect{RuleCharset, Middle, "readings"}
		if ascii {
			d.Class = Low
		}
		if t.eight || !ascii {
			if !t.fallback {
				t.defects = append(t.defects, d)
			}
			for _, r := range t.readings[1:] {
				if t.Next != nil {
					t.Next()
				}
				t.stream.reset(r)
				t.stream.write(t.held, t.emit)
				t.stream.close(t.emit)
			}
		}
	}
	if bad {
		t.defects = append(t.defects, Defect{RuleCharset, Low, "bad octets"})
	}
	if t.lost {
		t.defects = append(t.defects, Defect{RuleCharset, Ambiguous, "not held"})
	}
	t.letGo()
	return t.defects
}

// allASCII tells that the readings differ in octets above 0x7F only.
func (t *Text) allASCII() bool {
	return !slices.ContainsFunc(t.readings, func(r reading) bool { return !r.ascii() })
}

// choose finds the readings of a text that begins with head: what it says of
// itself goes before what was declared, and that before HTML meta (WHATWG
// HTML, section 13.2.3.1).
func (t *Text) choose(head []byte) {
	t.chosen = true
	declared := t.declared(t.label)
	if mark := findMark(head); mark.kind != charsetUnknown {
		t.add(mark)
		if declared.name == "utf-16" {
			declared = charset{} // the mark says which
		}
	} else if units := findUnits(head); units.kind != charsetUnknown {
		t.add(reading{charset: units})
		if declared.name == "utf-16" {
			declared = charset{}
		}
	}
	seen := len(t.readings) > 0
	if declared.kind != charsetUnknown {
		t.add(reading{charset: declared})
	} else if len(t.Others) > 0 && t.label != "" && !seen {
		t.add(reading{}) // who takes the first, takes the text for what it looks like
	}
	for _, label := range t.Others {
		if c := t.declared(label); c.kind != charsetUnknown {
			t.add(reading{charset: c})
		}
	}
	if t.html {
		if label := findMeta(head); label != "" {
			// Where a meta element can be read, the text is no UTF-16.
			if c := findCharset(label); c.kind != charsetUnknown && c.size() == 1 {
				t.add(reading{charset: c})
			}
		}
	}
	// Programs that know no UTF-7, and those that believe no label for UTF-16,
	// show such text as it is.
	if declared.kind == charsetUTF7 || declared.size() > 1 && !seen {
		t.fallback = len(t.readings) == 1
		t.add(reading{})
	}
	if len(t.readings) == 0 {
		t.add(reading{})
	}
	t.stream.reset(t.readings[0])
}

// declared finds the charset of a label, if there is one.
func (t *Text) declared(label string) charset {
	if label == "" {
		return charset{}
	}
	c := findCharset(label)
	if c.kind == charsetUnknown {
		t.defects = noted(t.defects, Defect{RuleCharset, Middle, "unknown"})
	}
	return c
}

// textReadings is how many readings of one text are followed: 8, as of a
// message. Each costs as much as the text itself.
const textReadings = DefaultViews

// add adds a reading if its charset is new.
func (t *Text) add(r reading) {
	for _, have := range t.readings {
		if have.name == r.name {
			return
		}
	}
	if len(t.readings) == textReadings {
		t.defects = noted(t.defects, Defect{RuleViews, Ambiguous, "charsets not followed"})
		return
	}
	t.readings = append(t.readings, r)
}

var (
	utf16LE = charset{"utf-16le", charsetOther, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}
	utf16BE = charset{"utf-16be", charsetOther, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}
	latin1  = charset{"windows-1252", charsetOther, charmap.Windows1252}
)

// findMark returns the charset that a byte order mark names.
func findMark(head []byte) reading {
	for _, m := range []struct {
		mark string
		charset
	}{
		{"\xEF\xBB\xBF", charset{"utf-8", charsetUTF8, nil}},
		{"\xFF\xFE", utf16LE},
		{"\xFE\xFF", utf16BE},
		{"+/v8-", charset{"utf-7", charsetUTF7, nil}},
	} {
		if len(head) >= len(m.mark) && string(head[:len(m.mark)]) == m.mark {
			return reading{m.charset, len(m.mark)}
		}
	}
	return reading{}
}

// findUnits returns the UTF-16 that NULs show: where text is mostly of one
// script, one of each two octets repeats, and in tags and links it is NUL.
func findUnits(head []byte) charset {
	if bytes.IndexByte(head, 0) < 0 {
		return charset{}
	}
	var nul [2]int
	for i, c := range head {
		if c == 0 {
			nul[i&1]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs < 2:
	case nul[1] >= (pairs+3)/4 && nul[0] <= nul[1]/8:
		return utf16LE
	case nul[0] >= (pairs+3)/4 && nul[1] <= nul[0]/8:
		return utf16BE
	}
	return charset{}
}
