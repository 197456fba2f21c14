package wire

import "log/slog"

// A Path is a reverse-path or forward-path (RFC 5321 section 4.1.2), parsed.
// It never prints itself: fmt and slog show a placeholder (I6).
type Path struct {
	local  string // meaning, without quotes
	domain string // as sent
}

func (p Path) String() string       { return "[address]" }
func (p Path) LogValue() slog.Value { return slog.StringValue("[address]") }
