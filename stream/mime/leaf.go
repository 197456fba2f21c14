package mime

import "strconv"

// A leaf is content that is being read: of a leaf in the sense of Kind, or of
// a container that stands in a transfer encoding.
type leaf struct {
	p        *Parser
	node     *node
	part     *Part
	dec      decoder   // nil: identity
	inner    *feed     // takes the decoded octets; nil: the Sink does
	files    *embedded // takes them as well: there may be files in this text
	children int       // told below it
	file     *Part     // the one being told; nil: none, or too many
	emit     func([]byte)

	base64 *base64
	qp     *qp
	finder *embedded
}

// newLeaf returns a leaf for n, whose reference the leaf takes over if there
// is no inner feed.
func (p *Parser) newLeaf(n *node, e transfer, inner *feed) *leaf {
	l := p.leaves.get()
	l.p, l.node, l.part, l.inner = p, n, n.part, inner
	if l.emit == nil {
		l.emit = l.decoded
	}
	if inner == nil {
		n.refs++
	}
	switch e {
	case base64Transfer:
		if l.base64 == nil {
			l.base64 = newBase64()
		}
		l.dec = l.base64
	case qpTransfer:
		if l.qp == nil {
			l.qp = newQP()
		}
		l.dec = l.qp
	}
	if l.dec != nil {
		l.dec.reset()
	}
	if inner == nil && (e == uuTransfer || isText(n.part)) {
		l.findFiles()
	}
	return l
}

// isText tells whether a program would show a part as text.
func isText(p *Part) bool {
	for _, t := range p.Types {
		if len(t) > 5 && t[:5] == "text/" {
			return true
		}
	}
	return len(p.Type) > 5 && p.Type[:5] == "text/"
}

// write takes octets as they stand in the message.
func (l *leaf) write(b []byte) {
	switch {
	case len(b) == 0:
	case l.dec != nil:
		l.dec.write(b, l.emit)
	default:
		l.decoded(b)
	}
}

// decoded takes octets of the content itself.
func (l *leaf) decoded(b []byte) {
	if l.inner != nil {
		l.inner.write(b)
		return
	}
	l.p.Sink.Data(l.part, b)
	if l.files != nil {
		l.files.write(b)
	}
}

func (l *leaf) close() {
	p := l.p
	if l.dec != nil {
		l.dec.close(l.emit)
		for _, d := range l.dec.defects() {
			if d.Class > Low {
				l.part.Doubtful = true
			}
			p.defect(l.part, d)
		}
	}
	if l.files != nil {
		l.files.close()
	}
	if l.inner != nil {
		l.inner.close()
	} else {
		p.release(l.node)
	}
	l.forget()
}

// forget gives l back.
func (l *leaf) forget() {
	p := l.p
	*l = leaf{emit: l.emit, base64: l.base64, qp: l.qp, finder: l.finder}
	p.leaves.put(l)
}

// findFiles looks for uuencode and yEnc in the content.
func (l *leaf) findFiles() {
	if l.finder == nil {
		l.finder = &embedded{begin: l.beginFile, data: l.fileData, end: l.endFile}
	}
	l.files = l.finder
	l.files.reset()
}

// beginFile opens a part for a file that is encoded inside the content. Not
// every program finds it there.
func (l *leaf) beginFile(name []byte) {
	p := l.p
	if p.full() {
		p.defect(l.part, Defect{RuleParts, Ambiguous, "not taken apart"})
		return
	}
	l.children++
	part := p.newPart(l.part)
	part.Type, part.View, part.Doubtful = "application/octet-stream", l.part.View, true
	part.Path = p.path(l.part, strconv.Itoa(l.children), part.View)
	part.Encoding = l.files.encoding()
	if text, _ := decodeWords(nil, name); len(text) > 0 {
		part.Names = []string{string(text)}
	}
	l.file = part
	p.Sink.Open(part)
}

func (l *leaf) fileData(b []byte) {
	if l.file != nil {
		l.p.Sink.Data(l.file, b)
	}
}

func (l *leaf) endFile(defects []Defect) {
	if l.file == nil {
		return
	}
	for _, d := range defects {
		l.p.defect(l.file, d)
	}
	l.p.Sink.Close(l.file)
	l.file = nil
}

// encoding names how the file that was begun last is encoded.
func (e *embedded) encoding() string {
	switch e.mode {
	case embeddedYEnc:
		return "x-yenc"
	case embedded64:
		return "base64"
	}
	return "uuencode"
}
