package filter

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

const (
	// maxMails is how many messages found in containers and files are taken
	// apart: 1,000, a year of a busy mailbox. Further ones are over the limit.
	maxMails = 1000
	// maxMailParts is how many parts they may have in all: 10,000, as many as
	// containers may have members.
	maxMailParts = 10_000
)

// A mailWay is how a file is read as mail.
type mailWay uint8

const (
	noMail    mailWay = iota
	wholeMail         // a message, or a page in MIME (RFC 2557)
	guessed           // looks like one: programs that open documents ask for no more
	laterMail         // may be one from a later octet on: word processors seek it
	mboxMail          // one behind the other
	tnefMail          // what the parser finds in a part of that type
	smimeMail
	uuMail
	binHexMail
	base64Mail // a file of nothing but base64, which archivers open
	emlxMail   // Apple Mail's: a line with the message's size comes first
)

// mailHeaders stand before what is no message itself.
var mailHeaders = map[mailWay]string{
	tnefMail:   "Content-Type: application/ms-tnef\n\n",
	smimeMail:  "Content-Type: application/pkcs7-mime\n\n",
	uuMail:     "Content-Type: application/x-uuencode\n\n",
	binHexMail: "Content-Type: application/mac-binhex40\n\n",
	base64Mail: "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n",
}

// mailNames are the extensions by which programs read mail, and what stands in
// mail.
var mailNames = map[string]mailWay{
	"eml": wholeMail, "mht": wholeMail, "mhtml": wholeMail, "nws": wholeMail, "mim": wholeMail, "mime": wholeMail,
	"mbox": mboxMail, "mbx": mboxMail, "tnef": tnefMail, "p7m": smimeMail, "p7s": smimeMail, "p7z": smimeMail,
	"uu": uuMail, "uue": uuMail, "yenc": uuMail, "ync": uuMail, "ntx": uuMail,
	"hqx": binHexMail, "bhx": binHexMail, "hcx": binHexMail,
	"b64": base64Mail, "emlx": emlxMail,
}

// mailWay tells how a piece that begins with head is read as mail. What the
// parser of the message has entered by its name, it has entered.
func (pc *piece) mailWay(head []byte) mailWay {
	part := pc.part
	way, office := noMail, false
	for _, name := range part.Names {
		ext := name[strings.LastIndexByte(name, '.')+1:]
		way = cmp.Or(way, mailNames[strings.ToLower(ext)])
		office = office || unpack.ByExtension(ext).Family() == unpack.TypeDoc.Family()
		if strings.EqualFold(name, "winmail.dat") {
			way = tnefMail
		}
	}
	if slices.Contains(part.Declared, "application/mbox") {
		way = mboxMail
	}
	if slices.Contains(part.Types, unpack.TypeTNEF) {
		way = tnefMail
	}
	if pc.mime != nil && way != noMail && way != mboxMail && way != base64Mail && way != emlxMail {
		if way == wholeMail {
			return noMail
		}
		way = noMail // the parser looks into these as they come, for nothing else
	}
	switch {
	case way == mboxMail || way == noMail && pc.file() && looksLikeMbox(head):
		return mboxMail
	case (way == noMail || way == tnefMail) && pc.file() && looksLikeMail(head):
		return guessed
	case way == noMail && office && !pc.binary():
		return laterMail
	}
	return way
}

// file tells whether somebody would save the piece and open it. Text and reports
// without a name are shown.
func (pc *piece) file() bool {
	return pc.mime == nil || len(pc.part.Names) > 0 || !slices.ContainsFunc(pc.part.Declared, func(t string) bool {
		return strings.HasPrefix(t, "text/") || strings.HasPrefix(t, "message/")
	})
}

// binary tells whether the piece is a document in one of its own formats, which
// programs look for first.
func (pc *piece) binary() bool {
	for _, t := range pc.part.Types {
		if t.Family() == unpack.TypeDoc.Family() && t != unpack.TypeRTF && t != unpack.TypeWord || t == unpack.TypeZip {
			return true
		}
	}
	return false
}

// looksLikeMail tells whether a file that begins so is a message to a program
// that asks for nothing else: fields, and among them one of MIME. Word opens
// such a file under the name of a document.
func looksLikeMail(head []byte) bool {
	b := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\uFEFF")), " \t\r\n")
	if bytes.HasPrefix(b, []byte("From ")) {
		_, b, _ = bytes.Cut(b, []byte("\n"))
	}
	fields := 0
	for len(b) > 0 {
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		switch name := fieldName(line); {
		case len(name) > 0:
			if isMIMEField(name) {
				return true
			}
			fields++
		case fields > 0 && len(line) > 0 && (line[0] == ' ' || line[0] == '\t'):
		case !ended: // the head is cut here
		default:
			return false
		}
		b = rest
	}
	return fields > 0 && len(head) >= unpack.HeadSize
}

// isMIMEField tells whether a field says what the content is.
func isMIMEField(name []byte) bool {
	for _, s := range [...]string{"MIME-Version", "Content-Type", "Content-Transfer-Encoding"} {
		if len(name) == len(s) && bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// fieldName returns the name of the field that a line begins, or nothing.
func fieldName(line []byte) []byte {
	const most = 76
	n := bytes.IndexByte(line[:min(len(line), most)], ':')
	for i := range max(n, 0) {
		if c := line[i]; c <= ' ' || c >= 0x7f {
			return nil
		}
	}
	return line[:max(n, 0)]
}

// openMail returns a reader of the piece, or of its nth message, as mail; nil:
// there are too many.
func (pc *piece) openMail(way mailWay, n int) unpack.Reader {
	b := pc.body
	switch way {
	case mboxMail:
		return &mbox{open: func(n int) unpack.Reader { return pc.openMail(wholeMail, n) }}
	case laterMail:
		return &laterReader{open: func() unpack.Reader { return pc.openMail(guessed, 0) }}
	}
	if b.mails++; b.mails > maxMails || b.mailParts >= maxMailParts {
		b.exceeded(unpack.RuleEntries, "mail", pc.part.Path)
		return nil
	}
	m := &mail{body: b}
	m.parser.Limits, m.parser.Hold = b.parser.Limits, b.parser.Hold
	m.parser.Limits.Parts = min(cmp.Or(m.parser.Limits.Parts, mime.DefaultParts), maxMailParts-b.mailParts)
	m.parser.Limits.Work = max(cmp.Or(m.parser.Limits.Work, mime.DefaultWork)-b.mailWork, 1)
	header, bare := mailHeaders[way]
	if way == emlxMail {
		header = "X-Size: " // makes the line with the size a field
	}
	m.parser.Reset(&mailEntities{entities: (*entities)(b), member: pc, n: n, bare: bare, file: way == base64Mail, guessed: way == guessed})
	m.parser.Write([]byte(header))
	return m
}

// A mail is a file that is read as a message.
type mail struct {
	parser mime.Parser
	body   *body
}

// Write reads on.
func (m *mail) Write(p []byte) { m.parser.Write(p) }

// Close ends the message. Of one cut short nothing more is told.
func (m *mail) Close(complete bool) {
	if complete {
		m.body.mailWork += m.parser.Work()
		m.parser.Close()
	}
	m.parser.Reset(nil)
}

// mailEntities are those of a message in a file: they stand below it.
type mailEntities struct {
	*entities
	member  *piece
	n       int  // of the message in the file
	bare    bool // the message and its part are of our making: what is in the part counts
	file    bool // that is the part itself: nobody has seen it yet
	entered bool // that part has begun
	guessed bool // it may be none
}

// Open begins an entity.
func (e *mailEntities) Open(p *mime.Part) {
	e.body().mailParts++
	switch {
	case p.Parent == nil:
		p.Path = e.member.part.Path + "/" + strconv.Itoa(e.n) // those below have theirs from it
		if !e.bare {
			e.open(p, e.member)
		}
	case e.bare && !e.entered:
		e.entered = true
		if e.file {
			e.open(p, e.member)
		}
	default:
		e.open(p, cmp.Or(e.body().entity(p.Parent), e.member))
	}
}

func (e *mailEntities) body() *body { return (*body)(e.entities) }

// Defect is something wrong with an entity. What is no mail has everything
// wrong, and pages are from nobody.
func (e *mailEntities) Defect(p *mime.Part, d mime.Defect) {
	if d.Rule != mime.RuleFrom && (!e.guessed || d.Class == mime.Exhausted) {
		e.entities.Defect(p, d)
	}
}

// A laterReader looks for a message in a file of another kind.
// QUIRK: Word opens a file from its field MIME-Version on, whatever is before
// it: a PDF for instance.
type laterReader struct {
	open  func() unpack.Reader
	found bool
	mail  unpack.Reader // the message that was found; nil: none, or too many
	tail  []byte        // may begin the field
}

// laterMark begins the message. Case does not count.
var laterMark = []byte("MIME-Version:")

// Write seeks or reads on.
func (l *laterReader) Write(p []byte) {
	if !l.found && len(l.tail) > 0 {
		joint := append(l.tail, p[:min(len(p), len(laterMark)-1)]...)
		if at := findLater(joint); at >= 0 && at < len(l.tail) {
			l.begin(joint[at:len(l.tail)])
		}
		l.tail = joint[:len(l.tail)]
	}
	if l.found {
		if l.mail != nil {
			l.mail.Write(p)
		}
		return
	}
	if at := findLater(p); at >= 0 {
		l.begin(p[at:])
		return
	}
	keep := len(laterMark) - 1
	l.tail = append(l.tail, p[max(0, len(p)-keep):]...)
	l.tail = append(l.tail[:0], l.tail[max(0, len(l.tail)-keep):]...)
}

// begin begins the message.
func (l *laterReader) begin(b []byte) {
	l.found, l.mail = true, l.open()
	if l.mail != nil {
		l.mail.Write(b)
	}
}

// Close ends the file. What had no message in it is none.
func (l *laterReader) Close(complete bool) {
	if l.mail != nil {
		l.mail.Close(complete)
	}
}

// findLater returns where laterMark begins in b, or -1.
func findLater(b []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], '-')
		if i < 0 {
			return -1
		}
		from += i + 1
		at := from - 1 - len("MIME")
		if at >= 0 && at+len(laterMark) <= len(b) && bytes.EqualFold(b[at:at+len(laterMark)], laterMark) {
			return at
		}
	}
}
