package mime

import "bytes"

// An embedded finds files that stand encoded inside of text, where old and
// lenient mail programs show them as attachments: uuencode, begin-base64, yEnc
// and BinHex. It is written the decoded text in any cut, and notes encrypted
// text of PGP besides. Text without files costs a search for each of their first
// lines.
//
//	mode            a line              leads to
//	embeddedText    begin, =ybegin      its data
//	                (This file must be  a colon that begins one may follow
//	                :                   then: its data
//	embeddedUU      end                 text
//	                impossible          text, and is looked at again
//	embedded64      ====, impossible    likewise
//	embeddedYEnc    =yend, =ybegin      likewise
//	embeddedBinHex  :, impossible       likewise
//	embeddedPGP     -----END            text; packets for a key: text at once
//
// A file is told when it has data; one without is none. Files do not nest.
type embedded struct {
	begin func(name []byte)
	data  func(b []byte) // octets of the file begun last
	end   func(defects []Defect)
	// room, if set, is asked before n octets of BinHex are told: runs make few
	// octets many.
	room func(n int) bool

	mode   embeddedMode
	within bool   // text: the line cannot become a first line any more; data: of a line longer than held
	held   []byte // the line so far, if it may matter
	name   []byte // of the file that may begin
	begun  bool
	pgp    bool // encrypted text began
	armed  bool // BinHex may begin
	out    output
	base64 base64
	yenc   yenc
	binHex binHex
	armour pgpArmour
	faults embeddedFault
}

type embeddedMode uint8

const (
	embeddedText embeddedMode = iota
	embeddedUU
	embedded64
	embeddedYEnc
	embeddedBinHex
	embeddedPGP
)

type embeddedFault uint8

const (
	embeddedCut    embeddedFault = 1 << iota // no end
	embeddedLength                           // a uuencoded line is shorter than it says
	embeddedLarge                            // there was no room for all of it
)

// embeddedLine is the longest line that is looked at as a whole: 4 KiB, room
// for the longest name. uuencode has 61 octets, yEnc some hundred; of yEnc and
// base64 longer ones are decoded piece by piece.
const embeddedLine = 4 << 10

const (
	uuMark   = "begin"
	yEncMark = "=ybegin "
	pgpMark  = "-----BEGIN PGP MESSAGE-----" // RFC 9580 section 6.2
)

// reset makes e ready for another text.
func (e *embedded) reset() {
	e.base64.reset()
	e.binHex.reset()
	*e = embedded{
		begin: e.begin, data: e.data, end: e.end, room: e.room,
		held: e.held[:0], name: e.name[:0], out: output{e.out.buf[:0]}, base64: e.base64, binHex: e.binHex,
	}
}

func (e *embedded) write(b []byte) {
	for len(b) > 0 {
		if e.mode == embeddedText && e.within {
			b = b[e.search(b):]
		} else {
			b = b[e.line(b):]
		}
	}
}

// search skips text up to a line that may be a first line.
func (e *embedded) search(b []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return len(b)
		}
		at += i + 1
		if at == len(b) || firstOctet[b[at]] && (mayBegin(b[at:]) || e.armed && b[at] == ':') {
			e.within = false
			return at
		}
	}
}

// line takes the rest of a line, or of the longest that is held.
func (e *embedded) line(b []byte) int {
	if e.mode == embeddedText && len(e.held) == 0 {
		switch {
		case e.armed && b[0] == ':':
			e.start(embeddedBinHex, nil)
		case !mayBegin(b):
			e.within = true
			return 0
		}
	}
	n, whole := min(len(b), embeddedLine-len(e.held)), false
	if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
		n, whole = i+1, true
	}
	if e.mode == embeddedText && !whole {
		e.held = append(e.held, b[:n]...)
		if len(e.held) == embeddedLine || !mayBegin(e.held) {
			e.within, e.held = true, e.held[:0]
		}
		return n
	}
	if !whole && len(e.held)+n < embeddedLine {
		e.held = append(e.held, b[:n]...)
		return n
	}
	if len(e.held) == 0 {
		e.take(b[:n])
		return n
	}
	e.held = append(e.held, b[:n]...)
	e.take(e.held)
	e.held = e.held[:0]
	return n
}

// firstOctet marks what first lines begin with.
var firstOctet = [256]bool{
	'b': true, '=': true, '-': true, '(': true, ':': true,
}

// mayBegin tells that a line that begins so may be a first line.
func mayBegin(b []byte) bool {
	switch b[0] {
	case uuMark[0]:
		return isBeginning(b, uuMark)
	case yEncMark[0]:
		return isBeginning(b, yEncMark)
	case pgpMark[0]:
		return isBeginning(b, pgpMark)
	case binHexMark[0]:
		return isBeginning(b, binHexMark)
	}
	return false
}

// isBeginning tells that a line that begins so may go on as one with mark.
func isBeginning(b []byte, mark string) bool {
	n := min(len(b), len(mark))
	return string(b[:n]) == mark[:n]
}

// take takes a line with its end, or the next embeddedLine octets of a longer
// one.
func (e *embedded) take(raw []byte) {
	first := !e.within
	ended := raw[len(raw)-1] == '\n'
	line := raw
	if ended {
		line = line[:len(line)-1]
		line = line[:len(line)-crs(line)]
	}
	taken := true
	switch e.mode {
	case embeddedText:
		e.first(line)
		return
	case embeddedUU:
		taken = first && ended && e.uuLine(line)
	case embedded64:
		taken = e.base64Line(line, first)
	case embeddedYEnc:
		taken = e.yEncLine(line, first)
	case embeddedBinHex:
		taken = e.binHexLine(line)
	case embeddedPGP:
		e.pgpLine(raw, first)
		taken = true
	}
	if taken {
		e.within = !ended
		return
	}
	// An impossible line ends the file, and may begin another.
	e.faults |= embeddedCut
	e.finish()
	if e.within = !ended; first && ended {
		e.first(line)
	}
}

// first looks at a line of text that may begin a file.
func (e *embedded) first(line []byte) {
	if rest, ok := bytes.CutPrefix(line, []byte(yEncMark)); ok {
		if e.yenc.start(rest) {
			e.start(embeddedYEnc, e.yenc.name)
		}
		return
	}
	if bytes.HasPrefix(line, []byte(pgpMark)) {
		e.pgp = true
		e.start(embeddedPGP, nil)
		return
	}
	e.armed = e.armed || isBinHexMark(line)
	rest, ok := bytes.CutPrefix(line, []byte(uuMark))
	if !ok {
		return
	}
	if mode, name, ok := uuFirst(rest); ok {
		e.start(mode, name)
	}
}

func (e *embedded) start(mode embeddedMode, name []byte) {
	e.name = append(e.name[:0], name...)
	e.mode = mode
	e.base64.reset()
	e.binHex.reset()
	e.armour = 0
}

// ready begins the file, if that has not been told.
func (e *embedded) ready() {
	if !e.begun {
		e.begun = true
		e.begin(e.name)
	}
}

// finish ends the file, if one was told.
func (e *embedded) finish() {
	if e.mode == embedded64 && e.begun {
		e.base64.close(e.data)
	}
	e.endFile()
	e.mode, e.faults = embeddedText, 0
	e.yenc = yenc{}
}

// endFile tells the end of the file that was told.
func (e *embedded) endFile() {
	if e.begun {
		e.out.flush(e.data)
		e.end(e.defects())
	}
	e.begun = false
}

func (e *embedded) defects() []Defect {
	if e.mode == embeddedPGP {
		return nil // its reader knows better
	}
	rule := RuleUU
	switch e.mode {
	case embeddedYEnc:
		rule = RuleYEnc
	case embeddedBinHex:
		rule = RuleBinHex
	}
	var list []Defect
	if e.faults&embeddedCut != 0 {
		list = append(list, Defect{rule, Middle, "no end"})
	}
	if e.faults&embeddedLength != 0 {
		list = append(list, Defect{rule, Low, "short line"})
	}
	if e.faults&embeddedLarge != 0 {
		list = append(list, Defect{RuleOutput, Exhausted, "BinHex"})
	}
	switch e.mode {
	case embedded64:
		list = append(list, e.base64.defects()...)
	case embeddedYEnc:
		list = append(list, e.yenc.defects()...)
	}
	return list
}

// close ends the text, and the file that is open in it.
func (e *embedded) close() {
	if len(e.held) > 0 && e.mode != embeddedText {
		// The last line has no end: it counts all the same.
		e.held = append(e.held, '\n')
		e.take(e.held)
	}
	if e.mode != embeddedText {
		e.faults |= embeddedCut
	}
	e.finish()
	e.held, e.within = e.held[:0], false
}

// encoding names how the file that was begun last is encoded.
func (e *embedded) encoding() string {
	switch e.mode {
	case embeddedYEnc:
		return "x-yenc"
	case embedded64:
		return "base64"
	case embeddedBinHex:
		return "binhex"
	case embeddedPGP:
		return "" // told as it stands there
	}
	return "uuencode"
}
