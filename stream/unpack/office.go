package unpack

import (
	"bytes"
	"strings"
)

// readOLE2 tells the streams of a compound file as members, and what Office
// would do with them.
func readOLE2(t *teller, data []byte) {
	c := openCFB(data, t.grow)
	if c == nil {
		t.noArchive(data, ole2Magic)
		return
	}
	defer func() { t.b.shrink(c.grown) }()
	if len(c.entries) == 0 {
		t.unread("directory")
		return
	}
	if c.odd {
		t.unread("mini stream")
	}
	o := office{teller: t, c: c}
	o.kind()
	o.survey()
	for i := range c.entries {
		if !o.stream(i) {
			break
		}
	}
	if tail := data[c.end():]; len(bytes.Trim(tail, "\x00")) > 0 {
		t.note(RuleOverlay, Low, "ole2")
		t.whole(Member{Size: int64(len(tail))}, tail)
	}
	if c.broken {
		t.note(RuleBroken, Middle, "")
	}
}

// An office is the compound file at hand.
type office struct {
	*teller
	c       *cfb
	mail    bool                // an Outlook message
	modules map[int][]vbaModule // by the storage VBA
	inside  map[int][]int       // entries by storage
}

// officeKinds are the streams by which a kind is known. The Installer's names
// are unpacked already.
var officeKinds = []struct{ stream, kind string }{
	{"EncryptedPackage", "encrypted"},
	{"WordDocument", "doc"},
	{"Workbook", "xls"},
	{"Book", "xls"},
	{"PowerPoint Document", "ppt"},
	{"__properties_version1.0", "msg"},
	{"_StringPool", "msi"},
	{"VisioDocument", "vsd"},
	{"Contents", "pub"},
}

// kind notes what the file is, by the streams of its root.
func (o *office) kind() {
	if installers[o.c.entries[0].clsid] {
		o.note(RuleKind, Low, string(TypeMSI))
		return
	}
	for _, k := range officeKinds {
		for i := range o.c.entries {
			n := &o.c.entries[i]
			if n.kind == cfbStream && n.parent == 0 && strings.EqualFold(n.name, k.stream) {
				o.mail = o.mail || k.kind == "msg"
				o.note(RuleKind, Low, k.kind)
				return
			}
		}
	}
	o.note(RuleKind, Low, "ole2")
}

// installers are the classes of packages, patches and transforms of Windows
// Installer, which Detect sees only where the directory is in the head.
var installers = map[[16]byte]bool{
	clsid("000C1084-0000-0000-C000-000000000046"): true,
	clsid("000C1086-0000-0000-C000-000000000046"): true,
	clsid("000C1082-0000-0000-C000-000000000046"): true,
}

// Class identifiers of objects that Office starts ([MS-CFB] section 2.6.4),
// as they lie in the file.
var officeClasses = map[[16]byte]string{
	clsid("0002CE02-0000-0000-C000-000000000046"): "equation", // Equation Editor 3, CVE-2017-11882
	clsid("0002CE03-0000-0000-C000-000000000046"): "equation",
	clsid("0003000C-0000-0000-C000-000000000046"): "package",
	clsid("F20DA720-C02F-11CE-927B-0800095AE340"): "package",
	clsid("00000300-0000-0000-C000-000000000046"): "link", // OLE2Link, CVE-2017-0199
	clsid("00000303-0000-0000-C000-000000000046"): "link", // file moniker
	clsid("00000304-0000-0000-C000-000000000046"): "link", // item moniker
	clsid("06290BD3-48AA-11D2-8432-006008C3FBFC"): "link", // script moniker
	clsid("79EAC9E0-BAF9-11CE-8C82-00AA004BA90B"): "link", // URL moniker
	clsid("D27CDB6E-AE6D-11CF-96B8-444553540000"): "activex",
	clsid("ECF44975-786E-462F-B02A-CBCCB1A2C4A2"): "activex",
}

// clsid returns an identifier as it is stored: three numbers little-endian.
func clsid(s string) (id [16]byte) {
	s = strings.ReplaceAll(s, "-", "")
	for i, at := range [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		id[i] = hexValue(s[2*at])<<4 | hexValue(s[2*at+1])
	}
	return id
}

// survey looks at the names in the directory: objects, macros, encryption.
func (o *office) survey() {
	o.modules = make(map[int][]vbaModule)
	for i := range o.c.entries {
		n := &o.c.entries[i]
		if detail := officeClasses[n.clsid]; detail != "" {
			o.note(RuleObject, Middle, detail)
		}
		if n.kind != cfbStream {
			continue
		}
		switch strings.ToLower(n.name) {
		case "dir":
			if n.parent < 0 || !strings.EqualFold(o.c.entries[n.parent].name, "VBA") {
				break
			}
			o.note(RuleMacro, Middle, "")
			o.read(n, ovbaSource, func(b []byte) {
				dir, _ := decompressVBA(b, ovbaSource)
				o.modules[n.parent] = vbaModules(dir)
			})
		case "_vba_project":
			o.note(RuleMacro, Middle, "")
			if o.modules[n.parent] == nil {
				o.modules[n.parent] = []vbaModule{}
			}
		case "encryptedpackage", "encryptedsummary":
			if !o.unlock(n) {
				o.note(RuleEncryptedDoc, Middle, "")
			}
		case "\x01ole10native":
			o.note(RuleObject, Middle, "package")
		case "equation native":
			o.note(RuleObject, Middle, "equation")
		case "\x03ocxname", "\x03ocxdata":
			o.note(RuleObject, Middle, "activex")
		}
	}
}

// stream tells one stream, and what is special about it.
func (o *office) stream(i int) bool {
	n := &o.c.entries[i]
	if o.c.overlaps() {
		o.b.exhaust(RuleBomb, Exhausted, "overlap")
	}
	if n.kind != cfbStream || n.parent < 0 && n.size == 0 {
		return o.alive()
	}
	name := strings.ToLower(n.name)
	switch {
	case o.mail && o.mailStream(i, name):
		return o.alive()
	case name == "\x01ole10native":
		o.read(n, len(o.c.data), func(b []byte) {
			if len(b) > 4 { // behind its size
				tellPackage(o.teller, b[4:])
			}
		})
		return o.alive()
	}
	o.whole(Member{Names: []string{o.c.path(i)}, Size: int64(min(n.size, 1<<62))}, o.c.runs(n)...)
	switch name {
	case "workbook", "book":
		o.read(n, len(o.c.data), o.workbook)
	case "worddocument":
		o.read(n, len(o.c.data), o.word)
	case "powerpoint document":
		o.read(n, len(o.c.data), o.links)
	case "current user":
		// [MS-PPT] section 2.3.2: the token of an encrypted presentation.
		o.read(n, 64, func(b []byte) {
			if le32(b, 12) == 0xF3D1C4DF {
				o.note(RuleEncryptedDoc, Middle, "")
			}
		})
	}
	if modules, ok := o.modules[n.parent]; ok && n.parent >= 0 {
		o.module(n, modules)
	}
	return o.alive()
}

// read hands a stream to f as one slice, at most limit octets of it.
func (o *office) read(n *cfbNode, limit int, f func(b []byte)) {
	runs := o.c.runs(n)
	size := int64(0)
	if len(runs) > 1 {
		size = int64(min(total(runs), limit))
	}
	if o.grow(size) {
		f(join(runs, limit))
		o.b.shrink(size)
	}
}

// module tells the source of a macro.
func (o *office) module(n *cfbNode, modules []vbaModule) {
	if name := strings.ToLower(n.name); name == "dir" || name == "_vba_project" || strings.HasPrefix(name, "__srp_") {
		return
	}
	offset := -1
	for _, m := range modules {
		if m.wide == n.name || m.stream == n.name {
			offset = m.offset
			break
		}
	}
	if !o.grow(2 * ovbaSource) {
		return
	}
	defer o.b.shrink(2 * ovbaSource)
	var src []byte
	o.read(n, len(o.c.data), func(b []byte) { src = vbaSource(b, offset) })
	if len(src) == 0 {
		return
	}
	auto, calls := judgeVBA(src)
	if auto {
		o.note(RuleAutoRun, Middle, "")
	}
	if calls {
		o.note(RuleMacroCalls, Middle, "")
	}
	o.whole(Member{Names: []string{n.name + ".bas"}, Size: int64(len(src)), Text: true}, src)
}

// workbook reads the records of a BIFF8 or BIFF5 workbook ([MS-XLS] section
// 2.1.4): an id, a size, and as many octets.
func (o *office) workbook(b []byte) {
	o.links(b)
	macro := false
	for len(b) >= 4 {
		id, size := le16(b, 0), le16(b, 2)
		body := b[4:min(4+size, len(b))]
		switch id {
		case 0x0085: // BoundSheet8: byte 5 is the kind of sheet
			if len(body) > 5 && body[5] == 1 {
				macro = true
				o.note(RuleMacro, Middle, "excel4")
			}
		case 0x0018: // Lbl: a name; the built-in ones 1 and 2 run by themselves
			if len(body) > 15 && macro && autoName(body) {
				o.note(RuleAutoRun, Middle, "excel4")
			}
		case 0x002F: // FilePass
			o.note(RuleEncryptedDoc, Middle, "")
		case 0x01AE: // SupBook: a virtual path with a 3 is a DDE or OLE link
			if len(body) > 5 && bytes.IndexByte(body[4:], 3) >= 0 {
				o.note(RuleDDE, Middle, "")
			}
		}
		b = b[min(4+size, len(b)):]
	}
}

// autoName reports whether a Lbl record ([MS-XLS] section 2.4.150) names a
// macro that runs by itself: built-in Auto_Open (1) or Auto_Close (2), or a
// name that begins so.
func autoName(body []byte) bool {
	const builtin = 0x20
	name := body[14:]
	if le16(body, 0)&builtin != 0 {
		return name[0] == 1 || name[0] == 2 || len(name) > 1 && name[0] == 0 && (name[1] == 1 || name[1] == 2)
	}
	return runsAlone(bytes.ReplaceAll(name, []byte{0}, nil))
}

// runsAlone tells whether a name is that of a macro of Excel 4 that runs by
// itself.
func runsAlone(name []byte) bool {
	name = bytes.ToLower(name)
	return bytes.Contains(name, []byte("auto_open")) || bytes.Contains(name, []byte("auto_close")) ||
		bytes.Contains(name, []byte("auto_activate"))
}

// word reads the main stream of Word 97 ([MS-DOC] section 2.5.1).
func (o *office) word(b []byte) {
	const encrypted = 0x0100
	if le16(b, 0x0A)&encrypted != 0 {
		o.note(RuleEncryptedDoc, Middle, "")
	}
	if hasField(b, "DDE") {
		o.note(RuleDDE, Middle, "")
	}
	o.links(b)
}

// links tells the addresses that stand in a stream.
func (o *office) links(b []byte) {
	o.addressesIn(b)
	o.wideAddressesIn(b)
}
