package mime

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// A section is a piece of a parameter that goes over several (RFC 2231
// section 3).
type section struct {
	number   int
	extended bool // percent-encoded
	value    []byte
}

// gather makes parameters of what stands in the field: raw, in which from
// again on (if not 0) the same field begins anew, read without comments.
func (p *params) gather(raw []rawParam, again int) {
	plain, extended := map[string]int{}, map[string]int{}
	sections := [2]map[string][]section{{}, {}} // of each reading, which are joined by themselves
	for i, r := range raw {
		name, s, kind := splitName(r.name)
		at := p.at(name)
		before := len(p.list[at].values)
		switch s.value = r.forms[0]; kind {
		case nameSection:
			reading := sections[0]
			if again > 0 && i >= again {
				reading = sections[1]
			}
			reading[name] = append(reading[name], s)
			continue
		case nameExtended:
			for _, f := range r.forms {
				p.extended(at, f)
			}
			extended[name]++
		default:
			for _, f := range r.forms {
				p.plain(at, f)
			}
			plain[name]++
		}
		if before > 0 && len(p.list[at].values) > before && (again == 0 || i < again) {
			p.twice(name, plain[name] > 0 && extended[name] > 0)
		}
	}
	for i := range p.list {
		name := p.list[i].name
		if list := sections[0][name]; list != nil {
			before := len(p.list[i].values)
			p.continued(i, list)
			if before > 0 && len(p.list[i].values) > before {
				p.twice(name, true)
			}
		}
		if list := sections[1][name]; list != nil {
			p.continued(i, list)
		}
	}
}

// note notes a defect, once.
func (p *params) note(d Defect) { p.defects = noted(p.defects, d) }

// twice notes a parameter that has two values. A name that is plain for old
// programs and extended for new ones is seen in good mail.
func (p *params) twice(name string, forms bool) {
	d := Defect{RuleParam, Ambiguous, "twice"}
	if forms {
		d.Detail = "plain and extended"
		if isFileName(name) {
			d.Class = Low
		}
	}
	p.note(d)
}

// at returns the index of the parameter of that name, which is made if need be.
func (p *params) at(name string) int {
	for i := range p.list {
		if p.list[i].name == name {
			return i
		}
	}
	p.list = append(p.list, param{name: name})
	return len(p.list) - 1
}

// add adds a value that is not there yet.
func (p *params) add(at int, v []byte) {
	q := &p.list[at]
	for _, have := range q.values {
		if have == string(v) {
			return
		}
	}
	q.values = append(q.values, string(v))
}

// plain adds a plain value in every way it may be decoded. Most programs decode
// the words of RFC 2047 in names, and only there.
func (p *params) plain(at int, v []byte) {
	encoded := bytes.Contains(v, []byte("=?"))
	if encoded && isFileName(p.list[at].name) {
		p.words(at, v)
	}
	p.add(at, v)
	if n := len(v); n >= 2 && v[0] == '\'' && v[n-1] == '\'' {
		p.add(at, v[1:n-1])
	}
	if bytes.IndexByte(v, '"') >= 0 {
		p.add(at, bytes.ReplaceAll(v, []byte{'"'}, nil))
	}
	if encoded || !isASCII(v) {
		p.words(at, v)
	}
	if raw, ok := unpercent(v); ok {
		p.add(at, raw)
		p.add(at, charset{}.toUTF8(nil, raw))
	}
}

func isFileName(name string) bool { return name == "filename" || name == "name" }

// words adds a value with the words of RFC 2047 decoded.
func (p *params) words(at int, v []byte) {
	text, defects := decodeWords(nil, v)
	p.add(at, text)
	for _, d := range defects {
		p.note(d)
	}
}

// extended adds a value of the form charset'language'text (RFC 2231
// section 4), decoded. Programs that do not know the form do not know the
// parameter.
func (p *params) extended(at int, v []byte) {
	c, text, ok := splitCharset(v)
	raw, _ := unpercent(text)
	p.decoded(at, c, raw)
	if !ok {
		p.plain(at, v)
	}
}

// decoded adds octets of a charset as UTF-8, and as they are.
func (p *params) decoded(at int, c charset, raw []byte) {
	p.add(at, c.toUTF8(nil, raw))
	p.add(at, raw)
	if bytes.Contains(raw, []byte("=?")) {
		p.words(at, raw)
	}
}

// continued adds the values that sections make: in the order of their numbers
// up to a gap, as RFC 2231 section 3 has it; over gaps; with the last of those
// that have a number in common; in the order they stand in.
func (p *params) continued(at int, list []section) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b section) int { return cmp.Compare(a.number, b.number) })
	first := slices.CompactFunc(slices.Clone(sorted), func(a, b section) bool { return a.number == b.number })
	gap := len(first)
	for i, s := range first {
		if s.number != i {
			gap = i
			break
		}
	}
	if gap < len(first) || len(first) < len(sorted) {
		p.note(Defect{RuleParam, Ambiguous, "sections"})
	}
	p.joined(at, first[:gap])
	p.joined(at, first)
	if len(first) < len(sorted) {
		p.joined(at, sorted)
		slices.Reverse(sorted)
		slices.SortStableFunc(sorted, func(a, b section) int { return cmp.Compare(a.number, b.number) })
		p.joined(at, slices.CompactFunc(sorted, func(a, b section) bool { return a.number == b.number }))
	}
	p.joined(at, list)
}

// joined adds the value of sections in that order: with the extended ones
// decoded, and with all decoded.
func (p *params) joined(at int, list []section) {
	if len(list) == 0 {
		return
	}
	var c charset
	var raw, whole []byte
	for i, s := range list {
		v := s.value
		if i == 0 && s.extended {
			c, v, _ = splitCharset(v)
		}
		whole = append(whole, v...)
		if s.extended {
			v, _ = unpercent(v)
		}
		raw = append(raw, v...)
	}
	p.decoded(at, c, raw)
	if all, ok := unpercent(whole); ok {
		p.decoded(at, c, all)
	}
}

type nameKind uint8

const (
	namePlain nameKind = iota
	nameExtended
	nameSection
)

// splitName takes the marks of RFC 2231 off a parameter's name: "name*",
// "name*1", "name*1*".
func splitName(b []byte) (string, section, nameKind) {
	star := bytes.IndexByte(b, '*')
	if star <= 0 {
		return lowerName(b), section{}, namePlain
	}
	name, rest := b[:star], b[star+1:]
	if len(rest) == 0 {
		return lowerName(name), section{extended: true}, nameExtended
	}
	var s section
	if rest[len(rest)-1] == '*' {
		s.extended, rest = true, rest[:len(rest)-1]
	}
	// Nine digits cannot overflow, and are more than a field has room for.
	if len(rest) == 0 || len(rest) > 9 {
		return lowerName(b), section{}, namePlain
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			return lowerName(b), section{}, namePlain
		}
		s.number = 10*s.number + int(c-'0')
	}
	return lowerName(name), s, nameSection
}

// lowerName returns a parameter's name in lower case. The usual ones cost
// nothing.
func lowerName(b []byte) string {
	switch string(b) {
	case "charset":
		return "charset"
	case "boundary":
		return "boundary"
	case "name":
		return "name"
	case "filename":
		return "filename"
	}
	return strings.ToLower(string(b))
}

// splitCharset splits charset'language'text. Without that form, ok is false and
// all is text.
func splitCharset(v []byte) (c charset, text []byte, ok bool) {
	label, rest, ok := bytes.Cut(v, []byte{'\''})
	if !ok || len(label) > labelSize {
		return charset{}, v, false
	}
	_, text, ok = bytes.Cut(rest, []byte{'\''})
	if !ok {
		return charset{}, v, false
	}
	return findCharset(string(label)), text, true
}

// unpercent decodes percent-encoded octets and tells whether there were any.
// Bad ones stay.
func unpercent(v []byte) ([]byte, bool) {
	if bytes.IndexByte(v, '%') < 0 {
		return v, false
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && len(v)-i >= 3 && hexValue[v[i+1]]|hexValue[v[i+2]] >= 0 {
			out = append(out, byte(hexValue[v[i+1]]<<4|hexValue[v[i+2]]))
			i += 2
			continue
		}
		out = append(out, v[i])
	}
	return out, len(out) < len(v)
}
