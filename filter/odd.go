package filter

import (
	"bytes"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// Headers that not every program reads to their end: with more than 500 fields
// (clamd stops at 1,024), or more than 64 KiB.
const (
	manyFields = 500
	longHeader = 64 << 10
)

// ofMeaning are the rules about what content means or does. All others are
// about how it is put together: what has such a defect or note is odd.
var ofMeaning = map[string]bool{
	mime.RuleCharset: true, mime.RuleWord: true, mime.RuleFrom: true, mime.RuleEncrypted: true,

	unpack.RuleKind: true, unpack.RuleMacro: true, unpack.RuleAutoRun: true, unpack.RuleMacroCalls: true,
	unpack.RuleExternal: true, unpack.RuleDDE: true, unpack.RuleObject: true, unpack.RuleShortcut: true,
	unpack.RulePDFScript: true, unpack.RulePDFLaunch: true, unpack.RulePDFFile: true,
	unpack.RulePDFAction: true, unpack.RulePDFForm: true,
}

// odd makes the open part of an entity odd, and the message if it has none:
// that of the message itself opens with the end of its header.
func (b *body) odd(p *mime.Part) {
	pc := b.entity(p)
	switch {
	case pc != nil:
		pc.part.Odd = true
	case len(b.pieces) > 0:
		b.pieces[0].part.Odd = true
	default:
		b.oddHead = true
	}
}

// common tells whether a field that gives structure is written as programs
// write it, so that every parser reads the same: its value begins on its first
// line, and a multipart's parameters are name="value" with one semicolon and
// some blanks between them.
func common(f mime.Field) bool {
	if !bytes.EqualFold(f.Name, []byte("Content-Type")) && !bytes.EqualFold(f.Name, []byte("Content-Transfer-Encoding")) {
		return true
	}
	value := bytes.TrimLeft(f.Value, " \t")
	if len(value) == 0 || value[0] == '\r' || value[0] == '\n' {
		return false
	}
	kind, params, more := bytes.Cut(value, []byte(";"))
	if len(kind) < 10 || !bytes.EqualFold(kind[:10], []byte("multipart/")) {
		return true
	}
	if last := kind[len(kind)-1]; more && (last == ' ' || last == '\t') {
		return false
	}
	for more {
		params = bytes.TrimLeft(params, " \t\r\n")
		if len(params) == 0 {
			return true // a semicolon at the end
		}
		i := 0
		for i < len(params) && (params[i]|0x20 >= 'a' && params[i]|0x20 <= 'z' || params[i] == '-') {
			i++
		}
		if i == 0 || i == len(params) || params[i] != '=' {
			return false
		}
		if params, more = commonValue(params[i+1:]); params == nil {
			return false
		}
	}
	return true
}

// commonValue takes a parameter's value off, and the semicolon behind it. Nil:
// the value is not of the common form.
func commonValue(b []byte) (rest []byte, more bool) {
	end := 0
	if len(b) > 0 && b[0] == '"' {
		end = bytes.IndexAny(b[1:], "\"\\\r\n") + 1
		if end <= 1 || b[end] != '"' {
			return nil, false
		}
		end++
	} else if end = bytes.IndexAny(b, "; \t\r\n\"\\()%"); end < 0 {
		end = len(b)
	}
	if end == 0 {
		return nil, false
	}
	rest = bytes.TrimLeft(b[end:], " \t\r\n")
	if len(rest) == 0 {
		return []byte{}, false
	}
	if rest[0] != ';' {
		return nil, false
	}
	return rest[1:], true
}
