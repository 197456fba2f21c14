package filter

import (
	"strconv"

	"sluice/stream/mime"
)

// maxSubmitted is how many leaves modules may hand in for one message: 1,000,
// as many as a message may have parts.
const maxSubmitted = 1000

// Submit hands in content that a module found inside a part, so that every
// module sees it as a leaf below that part: what a script would put together,
// an attachment in a URL. It is called while parts are being told, and the
// leaf has been told when it returns. It is false, and the content not looked
// at, if the message has too many of them or is not taken apart at all.
func (ch *Channel) Submit(parent *Part, name, declared string, content []byte) bool {
	if ch == nil || ch.board.body == nil || ch.board.body.ended {
		return false
	}
	b := ch.board.body
	if b.given++; b.given > maxSubmitted {
		b.exceeded(ruleSubmitted, "", parent.Path)
		return false
	}
	part := &Part{
		Path: parent.Path + "+" + strconv.Itoa(b.given), Kind: mime.Leaf,
		Made: true, Doubtful: true,
	}
	if name != "" {
		part.Names = []string{name}
	}
	if declared != "" {
		part.Declared = []string{declared}
	}
	pc := b.open(part, nil)
	part.Parent, part.Depth = parent, parent.Depth+1
	pc.write(content)
	pc.close(true)
	return true
}
