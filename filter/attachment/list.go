package attachment

import (
	"fmt"
	"strings"

	"sluice/policy"
	"sluice/stream/unpack"
)

// Settings are how an operator changes the list, as configuration has it.
type Settings struct {
	// Bare leaves the default list out: only Ban counts.
	Bare bool
	// Ban adds to the list, Allow takes from it and wins over patterns and
	// groups. What is in both is an error.
	Ban, Allow Choice
}

// A Choice is some kinds of files.
type Choice struct {
	// Extensions are those of file names, without the dot: "exe". Case does
	// not matter.
	Extensions []string
	// Types with a slash are media types, "application/x-msdownload", of which
	// a final star stands for any rest: "application/x-*". Those without are
	// what the octets themselves say, by unpack's names, or the groups
	// "executable" (programs of any system) and "unsupported" (containers that
	// cannot be opened).
	Types []string
}

// Groups of real types.
const (
	groupExecutable  = "executable"
	groupUnsupported = "unsupported"
)

// A List says which attachments are refused. It does not change once made.
type List struct {
	extensions map[string]string      // to what a finding says
	media      map[string]string      // the same
	patterns   []pattern              // of media types
	types      map[unpack.Type]string // the same, and groups
	allowed    map[string]bool        // media and real types that no pattern or group refuses
}

// A pattern is a media type that ends in a star.
type pattern struct{ prefix, detail string }

// DefaultList is what is refused unless configuration says otherwise.
var DefaultList = must(ParseList(Settings{}))

func must(l *List, err error) *List {
	if err != nil {
		panic(err)
	}
	return l
}

// ParseList makes the list that an operator asks for. The error, of type
// policy.Errors, has one entry for each setting that cannot be used; paths are
// as in "ban.extensions[3]".
func ParseList(s Settings) (*List, error) {
	p := parser{
		list: &List{
			extensions: map[string]string{}, media: map[string]string{},
			types: map[unpack.Type]string{}, allowed: map[string]bool{},
		},
		named: map[string]string{},
	}
	if !s.Bare {
		for _, ext := range defaultExtensions() {
			p.banExtension(ext)
		}
		for _, name := range defaultTypes() {
			p.banType(name)
		}
	}
	p.choice("ban", s.Ban, p.banExtension, p.banType)
	p.choice("allow", s.Allow, p.allowExtension, p.allowType)
	if p.errors != nil {
		return nil, p.errors
	}
	return p.list, nil
}

// A parser makes one List.
type parser struct {
	list   *List
	errors policy.Errors
	named  map[string]string // what the settings have named so far: its path
}

// choice reads one half of the settings.
func (p *parser) choice(path string, c Choice, extension, kind func(string)) {
	for i, text := range c.Extensions {
		ext := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(text), "."))
		at := fmt.Sprintf("%s.extensions[%d]", path, i)
		if p.usable(at, "extension "+ext, badExtension(ext)) {
			extension(ext)
		}
	}
	for i, text := range c.Types {
		name := strings.ToLower(strings.TrimSpace(text))
		at := fmt.Sprintf("%s.types[%d]", path, i)
		if p.usable(at, "type "+name, badType(name)) {
			kind(name)
		}
	}
}

// usable notes a setting, or what is wrong with it.
func (p *parser) usable(path, key, problem string) bool {
	before := p.named[key]
	if problem == "" && before != "" {
		problem = "the same as " + before
		if list, _, _ := strings.Cut(path, "."); !strings.HasPrefix(before, list) {
			problem = "both banned and allowed: see " + before
		}
	}
	if problem != "" {
		p.errors = append(p.errors, &policy.Error{Path: path, Problem: problem})
		return false
	}
	p.named[key] = path
	return true
}

func badExtension(ext string) string {
	switch {
	case ext == "":
		return "an extension is missing"
	case strings.ContainsAny(ext, `*?[`):
		return "an extension has no wildcards"
	case strings.ContainsAny(ext, "./\\: \t{}"):
		return "an extension is what follows the last dot of a name: no dot, blank, slash or colon"
	}
	return ""
}

func badType(name string) string {
	major, minor, media := strings.Cut(name, "/")
	switch {
	case name == "":
		return "a type is missing"
	case !media && name != groupExecutable && name != groupUnsupported && unpack.Type(name).Family() == "":
		return "neither a media type (with a slash) nor a real type nor a group (executable, unsupported)"
	case !media:
		return ""
	case major == "" || minor == "" || strings.ContainsAny(name, " \t;,\"") || strings.Contains(minor, "/"):
		return "not a media type such as application/x-msdownload"
	case strings.Contains(strings.TrimSuffix(name, "*"), "*"):
		return "a star can only stand at the end"
	}
	return ""
}

func (p *parser) banExtension(ext string) { p.list.extensions[ext] = "extension " + ext }

func (p *parser) banType(name string) {
	prefix, star := strings.CutSuffix(name, "*")
	switch {
	case star:
		p.list.patterns = append(p.list.patterns, pattern{prefix, "declared " + name})
	case strings.Contains(name, "/"):
		p.list.media[name] = "declared " + name
	default:
		p.list.types[unpack.Type(name)] = "type " + name
	}
}

func (p *parser) allowExtension(ext string) { delete(p.list.extensions, ext) }

func (p *parser) allowType(name string) {
	prefix, star := strings.CutSuffix(name, "*")
	if !star {
		delete(p.list.media, name)
		delete(p.list.types, unpack.Type(name))
		p.list.allowed[name] = true
		return
	}
	for media := range p.list.media {
		if strings.HasPrefix(media, prefix) {
			delete(p.list.media, media)
		}
	}
	kept := p.list.patterns[:0]
	for _, one := range p.list.patterns {
		if !strings.HasPrefix(one.prefix, prefix) {
			kept = append(kept, one)
		}
	}
	p.list.patterns = kept
}

// Extension tells whether files with this extension, canonical and without
// the dot, are refused. The word is for a finding: it is the list's own.
func (l *List) Extension(ext string) (word string, refused bool) {
	word, refused = l.extensions[ext]
	return word, refused
}

// Declared tells whether content of this media type, in lower case, is refused.
func (l *List) Declared(media string) (word string, refused bool) {
	if l.allowed[media] {
		return "", false
	}
	if word, refused = l.media[media]; refused {
		return word, true
	}
	for _, p := range l.patterns {
		if strings.HasPrefix(media, p.prefix) {
			return p.detail, true
		}
	}
	return "", false
}

// Type tells whether content that really is t is refused.
func (l *List) Type(t unpack.Type) (word string, refused bool) {
	if word, refused = l.types[t]; refused {
		return word, true
	}
	if l.allowed[string(t)] {
		return "", false
	}
	// The word is a type's own name: t comes from the table of types.
	if _, refused = l.types[groupExecutable]; refused && t.Executable() {
		return "type " + string(t), true
	}
	if _, refused = l.types[groupUnsupported]; refused && t.Unsupported() {
		return "type " + string(t), true
	}
	return "", false
}
