package mime

import "bytes"

// uuFirst parses what follows "begin" in the first line of uuencode, of
// POSIX.1-2017, uuencode: a mode of octal digits, a blank and the name. With
// "-base64" before the mode the data is base64, with "-encoded" behind that
// the name as well.
func uuFirst(rest []byte) (mode embeddedMode, name []byte, ok bool) {
	mode = embeddedUU
	encoded := false
	if r, ok := bytes.CutPrefix(rest, []byte("-base64")); ok {
		mode = embedded64
		rest, encoded = bytes.CutPrefix(r, []byte("-encoded"))
	}
	digits := bytes.TrimLeft(rest, " \t")
	name = bytes.TrimLeft(digits, "01234567")
	n := len(digits) - len(name)
	if len(digits) == len(rest) || n < 3 || n > 6 {
		return 0, nil, false
	}
	if len(name) > 0 && name[0] != ' ' && name[0] != '\t' {
		return 0, nil, false
	}
	name = bytes.Trim(name, " \t")
	if encoded {
		var plain []byte
		d := newBase64()
		emit := func(b []byte) { plain = append(plain, b...) }
		d.write(name, emit)
		d.close(emit)
		name = plain
	}
	return mode, name, true
}

// uuLine decodes a line: its count of octets, then groups of four characters
// for three octets, each 32 more than its value. It returns false if the line
// is impossible.
func (e *embedded) uuLine(line []byte) bool {
	if bytes.Equal(bytes.TrimRight(line, " \t"), []byte("end")) {
		e.finish()
		return true
	}
	if len(line) == 0 {
		return true // a count of 0, written as a blank that got lost
	}
	n := int(line[0]-' ') & 63
	chars := line[1:]
	need := (n + 2) / 3 * 4
	for i, c := range line {
		// Checks may be of other characters than the data.
		if c < ' ' || c > '~' || c > '`' && i <= need {
			return false
		}
	}
	// Some encoders add a check character, or fill the line.
	if len(chars) > need+uuExtra && len(bytes.TrimRight(chars, " `")) > need+uuExtra {
		return false
	}
	if n == 0 {
		return true
	}
	e.ready()
	// Characters a last group can do without do not count.
	if len(chars) < (n*8+5)/6 {
		e.faults |= embeddedLength // blanks at the end that got lost, or a cut
	}
	at := func(i int) byte {
		if i < len(chars) {
			return (chars[i] - ' ') & 63
		}
		return 0
	}
	for i := 0; n > 0; i += 4 {
		a, b, c, d := at(i), at(i+1), at(i+2), at(i+3)
		group := [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | d}
		e.out.put(group[:min(n, 3)], e.data)
		n -= 3
	}
	return true
}

// uuExtra is how many characters more than its count asks for a line may have.
const uuExtra = 2

// base64Line decodes a line, or a piece of one. It returns false if it is
// impossible.
func (e *embedded) base64Line(line []byte, first bool) bool {
	if first && (bytes.HasPrefix(line, []byte("====")) || bytes.Equal(line, []byte("end"))) {
		e.finish()
		return true
	}
	for _, c := range line {
		if base64Table[3][c]&kindForeign != 0 {
			return false
		}
	}
	if len(line) > 0 {
		e.ready()
		e.base64.write(line, e.data)
	}
	return true
}
