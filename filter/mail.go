package filter

import (
	"strings"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// maxMails is how many messages found in containers are taken apart: 100, more
// than an archive of a conversation has. Further ones are over the limit.
const maxMails = 100

// mailNames end the names of saved messages and pages.
var mailNames = []string{".eml", ".mht", ".mhtml", ".nws"}

// isMail tells whether a member of a container is a message by its name. What
// stands in the message itself, the parser enters.
func (pc *piece) isMail() bool {
	if pc.mime != nil || pc.part.Made {
		return false
	}
	for _, name := range pc.part.Names {
		for _, end := range mailNames {
			if n := len(name) - len(end); n >= 0 && strings.EqualFold(name[n:], end) {
				return true
			}
		}
	}
	return false
}

// A mail is a member of a container that is read as a message.
type mail struct{ parser mime.Parser }

// openMail returns a reader of the piece as a message; nil: there are too many.
func (pc *piece) openMail() unpack.Reader {
	b := pc.body
	if b.mails++; b.mails > maxMails {
		b.exceeded(unpack.RuleEntries, "mail", pc.part.Path)
		return nil
	}
	m := &mail{}
	m.parser.Limits, m.parser.Hold = b.parser.Limits, b.parser.Hold
	m.parser.Reset(&mailEntities{(*entities)(b), pc})
	return m
}

// Write reads on.
func (m *mail) Write(p []byte) { m.parser.Write(p) }

// Close ends the message. Of one cut short nothing more is told.
func (m *mail) Close(complete bool) {
	if complete {
		m.parser.Close()
	}
	m.parser.Reset(nil)
}

// mailEntities are those of a message in a container: they stand below the
// member.
type mailEntities struct {
	*entities
	member *piece
}

// Open begins an entity.
func (e *mailEntities) Open(p *mime.Part) {
	if p.Parent != nil {
		e.entities.Open(p)
		return
	}
	p.Path = e.member.part.Path + "/0" // those below have theirs from it
	e.entities.open(p, e.member)
}
