package mime

// A Text turns the decoded octets of a text leaf into UTF-8.
type Text struct {
	emit func([]byte)
}

// NewText returns a decoder for text of the declared charset (empty: none was
// declared). emit gets valid UTF-8, whole characters, in pieces that are valid
// during the call.
func NewText(charset string, html bool, emit func([]byte)) *Text { return &Text{emit: emit} }

// Write decodes on.
func (t *Text) Write(b []byte) {}

// Close ends the text and returns what was wrong with it.
func (t *Text) Close() []Defect { return nil }
