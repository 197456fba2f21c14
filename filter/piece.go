package filter

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"hash"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// A piece is a Part that is open, and what reads its octets.
//
//	collecting --(HeadSize octets, or its end)--> known --(end)--> closed
type piece struct {
	body   *body
	part   *Part
	parent *piece
	mime   *mime.Part // nil: a member

	known   bool
	held    []held          // what waits for it to be known
	head    []byte          // while collecting
	text    *mime.Text      // nil: is none, or nobody reads it
	shown   int             // octets of text told
	readers []unpack.Reader // one for each container that it is read as
	entered bool            // it counts towards the depth of containers
	fields  int             // of its header, and their octets
	header  int

	tools
}

// tools are what a piece needs for its work, and the next one for its own.
type tools struct {
	hash    hash.Hash
	decoder *mime.Text   // nil: no piece was text
	show    func([]byte) // what decoder gives text to
}

// open makes a piece for a part.
func (b *body) open(part *Part, parent *piece) *piece {
	var pc *piece
	if n := len(b.spare); n > 0 {
		pc, b.spare = b.spare[n-1], b.spare[:n-1]
	} else {
		pc = &piece{tools: tools{hash: sha256.New()}}
	}
	pc.body, pc.part, pc.parent = b, part, parent
	if parent != nil {
		part.Parent = parent.part
		part.Depth = parent.part.Depth + 1
		part.Doubtful = part.Doubtful || parent.part.Doubtful
	}
	b.pieces = append(b.pieces, pc)
	return pc
}

// drop forgets a piece, whatever state it is in.
func (b *body) drop(pc *piece) {
	for _, r := range pc.readers {
		if r != nil {
			r.Close(false)
		}
	}
	pc.leave()
	clear(pc.readers)
	pc.hash.Reset()
	if pc.decoder != nil {
		pc.decoder.Reset("", false, nil) // lets go of text that it holds
	}
	*pc = piece{head: pc.head[:0], readers: pc.readers[:0], tools: pc.tools}
	i := slices.Index(b.pieces, pc)
	b.pieces = slices.Delete(b.pieces, i, i+1)
	b.spare = append(b.spare, pc)
}

// write takes the next octets. They wait until there are enough to tell what
// they are.
func (pc *piece) write(p []byte) {
	switch {
	case pc.known:
		pc.feed(p)
		return
	case len(pc.head) == 0 && len(p) >= unpack.HeadSize:
		pc.know(p[:unpack.HeadSize])
		pc.feed(p)
		return
	}
	n := min(len(p), unpack.HeadSize-len(pc.head))
	pc.head = append(pc.head, p[:n]...)
	if len(pc.head) == unpack.HeadSize {
		pc.settle()
		pc.feed(p[n:])
	}
}

// know settles what the octets are, tells the modules, and opens readers.
func (pc *piece) know(head []byte) {
	if up := pc.above(); up != nil {
		up.settle()
	}
	b, part := pc.body, pc.part
	pc.known = true
	part.Types = unpack.Detect(head)
	if part.Types == nil {
		part.Types = byNames(part.Names, head)
	}
	part.HTML = isHTML(part)
	part.Text = part.HTML || isText(part, head)
	part.Head = head
	b.tell(event{kind: partOpened, part: part})
	part.Head = nil
	if pc.mime != nil {
		for _, link := range pc.mime.Links {
			b.tell(event{kind: linkRead, part: part, octets: []byte(link)})
		}
	}
	if part.Text && b.anyText() {
		pc.text = pc.newText()
	}
	pc.openReaders(head)
}

// newText returns what decodes the piece as text.
func (pc *piece) newText() *mime.Text {
	charset, others := "", []string(nil)
	if pc.mime != nil {
		charset, others = pc.mime.Charset, pc.mime.Charsets
	}
	if pc.decoder == nil {
		pc.decoder, pc.show = new(mime.Text), pc.showText
		pc.decoder.Next, pc.decoder.Hold = pc.nextReading, pc.hold
	}
	pc.decoder.Reset(charset, pc.part.HTML, pc.show)
	pc.decoder.Others = others
	return pc.decoder
}

// byNames returns what a name says the octets are, where they do not say it
// themselves: disc images and Brotli have no mark at their head, and programs
// open a zip without regard to it.
func byNames(names []string, head []byte) []unpack.Type {
	for _, name := range names {
		dot := strings.LastIndexByte(name, '.')
		switch t := unpack.ByExtension(name[dot+1:]); {
		case dot < 0:
		case t.Unsupported():
			return []unpack.Type{t}
		case (t == unpack.TypeZip || t == unpack.TypeLZMA) && bytes.IndexByte(head, 0) >= 0:
			return []unpack.Type{t}
		}
	}
	return nil
}

// openReaders opens the piece as every container that it is, and looks for
// containers hidden in what is none.
func (pc *piece) openReaders(head []byte) {
	b, part := pc.body, pc.part
	for _, t := range part.Types {
		if !t.Container() && !t.Unsupported() {
			continue
		}
		if !pc.enter() {
			return
		}
		if r := unpack.Open(t, pc.name(), b.budget, &members{piece: pc}); r != nil {
			pc.readers = append(pc.readers, r)
		}
	}
	if t := cmp.Or(pc.lines(), pc.pgp()); t != "" && pc.enter() {
		pc.readers = append(pc.readers, unpack.Open(t, pc.name(), b.budget, &members{piece: pc}))
	}
	if way := pc.mailWay(head); way != noMail && pc.enter() {
		if r := pc.openMail(way, 0); r != nil {
			pc.readers = append(pc.readers, r)
		}
	}
	if !part.Text || len(part.Names) > 0 { // nobody saves a shown text as a file
		if r := unpack.Carve(part.Types, b.budget, &members{piece: pc, carved: true}); r != nil {
			pc.readers = append(pc.readers, r)
		}
	}
}

// lines tells whether a piece that does not begin as a calendar or contact is
// taken for one by its type or name.
func (pc *piece) lines() unpack.Type {
	if slices.Contains(pc.part.Types, unpack.TypeICS) || slices.Contains(pc.part.Types, unpack.TypeVCF) {
		return ""
	}
	for _, d := range pc.part.Declared {
		if strings.HasSuffix(d, "calendar") || strings.HasSuffix(d, "/ics") || strings.HasSuffix(d, "vcard") || d == "text/directory" {
			return unpack.TypeICS
		}
	}
	for _, name := range pc.part.Names {
		switch t := unpack.ByExtension(name[strings.LastIndexByte(name, '.')+1:]); t {
		case unpack.TypeICS, unpack.TypeVCF:
			return t
		}
	}
	return ""
}

// pgp tells whether a piece that does not begin as OpenPGP does in armour is
// given to a program for it all the same.
func (pc *piece) pgp() unpack.Type {
	if slices.Contains(pc.part.Types, unpack.TypePGP) || len(pc.part.Types) > 0 && pc.part.Types[0].Family() != unpack.TypePGP.Family() {
		return ""
	}
	if up := pc.parent; up != nil && slices.Contains(up.part.Declared, "multipart/encrypted") {
		return unpack.TypePGP
	}
	for _, d := range pc.part.Declared {
		if strings.HasPrefix(d, "application/pgp") || strings.HasPrefix(d, "application/x-pgp") {
			return unpack.TypePGP
		}
	}
	for _, name := range pc.part.Names {
		if unpack.ByExtension(name[strings.LastIndexByte(name, '.')+1:]) == unpack.TypePGP {
			return unpack.TypePGP
		}
	}
	return ""
}

// enter goes one container deeper, once for each piece, and tells whether that
// is not too deep.
func (pc *piece) enter() bool {
	if !pc.entered && !pc.body.budget.Enter() {
		pc.body.exceeded(unpack.RuleDepth, "containers", pc.part.Path)
		return false
	}
	pc.entered = true
	return true
}

// leave is called when all readers of the piece have been closed.
func (pc *piece) leave() {
	if pc.entered {
		pc.entered = false
		pc.body.budget.Leave()
	}
}

// name is what the content is called.
func (pc *piece) name() string {
	if len(pc.part.Names) == 0 {
		return ""
	}
	return pc.part.Names[0]
}

// feed gives octets to everything that reads them.
func (pc *piece) feed(p []byte) {
	if len(p) == 0 {
		return
	}
	pc.part.Size += int64(len(p))
	if pc.body.hashed {
		pc.hash.Write(p)
	}
	pc.body.tell(event{kind: dataRead, part: pc.part, octets: p})
	if pc.text != nil {
		pc.text.Write(p)
	}
	for _, r := range pc.readers {
		r.Write(p)
	}
}

// showText tells text, up to TextSize, in whole characters.
func (pc *piece) showText(p []byte) {
	room := TextSize - pc.shown
	pc.shown += min(len(p), room)
	if len(p) > room {
		for room > 0 && !utf8.RuneStart(p[room]) {
			room--
		}
		p = p[:room]
	}
	if len(p) > 0 {
		pc.body.tell(event{kind: textRead, part: pc.part, octets: p})
	}
}

func (pc *piece) hold(n int) bool { return pc.body.hold(n) }

// nextReading begins the text anew, in another charset.
func (pc *piece) nextReading() {
	pc.shown = 0
	pc.part.Reading++
}

// close ends the piece. Complete is false if its octets were cut short.
func (pc *piece) close(complete bool) {
	if up := pc.above(); up != nil {
		up.held = append(up.held, held{piece: pc})
		return
	}
	b, part := pc.body, pc.part
	if !pc.known {
		pc.settle()
	}
	if pc.text != nil {
		for _, d := range pc.text.Close() {
			b.defect(d, part.Path)
		}
	}
	for i := range pc.readers {
		r := pc.readers[i]
		pc.readers[i] = nil
		r.Close(complete)
	}
	if part.Kind == mime.Leaf {
		if b.hashed {
			pc.hash.Sum(part.SHA256[:0])
		}
		leaf := Leaf{Path: part.Path, SHA256: part.SHA256, Size: part.Size}
		if len(part.Types) > 0 {
			leaf.Type = string(part.Types[0])
		}
		Leaves.Publish(b.channel, leaf)
	}
	b.tell(event{kind: partClosed, part: part})
	b.drop(pc)
}

// isHTML tells whether a mail program would show the part as HTML.
func isHTML(p *Part) bool {
	if slices.Contains(p.Types, unpack.TypeHTML) || slices.Contains(p.Types, unpack.TypeSVG) {
		return true
	}
	for _, d := range p.Declared {
		if d == "text/html" || d == "application/xhtml+xml" || d == "image/svg+xml" {
			return true
		}
	}
	for _, n := range p.Names {
		switch strings.ToLower(path.Ext(n)) {
		case ".htm", ".html", ".shtml", ".xhtml", ".svg":
			return true
		}
	}
	return false
}

// isText tells whether the part is read as text: it says so, or nothing says
// that it is something else.
func isText(p *Part, head []byte) bool {
	for _, d := range p.Declared {
		if strings.HasPrefix(d, "text/") {
			return true
		}
	}
	if slices.Contains(p.Types, unpack.TypeICS) || slices.Contains(p.Types, unpack.TypeVCF) {
		return true
	}
	return len(p.Types) == 0 && bytes.IndexByte(head, 0) < 0
}
