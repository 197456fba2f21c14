package unpack

import "strings"

// mailStream tells the streams of an Outlook message ([MS-OXMSG] section 2)
// that are content: bodies and attachments, under the names their mail
// programs show. The other properties are of no use to anybody and are left
// out, told as handled.
func (o *office) mailStream(i int, name string) bool {
	n := &o.c.entries[i]
	tag, ok := strings.CutPrefix(name, "__substg1.0_")
	if !ok || n.parent < 0 || len(tag) < 8 {
		return strings.HasPrefix(name, "__properties_version") || name == "__nameid_version1.0"
	}
	switch tag[:8] {
	case "1000001f": // PidTagBody
		o.wide(n, Member{Names: []string{"body.txt"}, Text: true})
	case "1000001e":
		o.whole(Member{Names: []string{"body.txt"}, Size: int64(n.size), Text: true}, o.c.runs(n)...)
	case "10130102", "1013001e": // PidTagHtml
		o.whole(Member{Names: []string{"body.html"}, Size: int64(n.size)}, o.c.runs(n)...)
	case "1013001f":
		o.wide(n, Member{Names: []string{"body.html"}})
	case "10090102": // PidTagRtfCompressed
		o.read(n, len(o.c.data), o.rtf)
	case "37010102": // PidTagAttachDataBinary
		o.whole(Member{Names: o.attachmentNames(n.parent), Size: int64(n.size)}, o.c.runs(n)...)
	default:
		// What lies in the storage of an attached object is a file of its
		// own; any other large property could be content too.
		if strings.Contains(strings.ToLower(o.c.path(i)), "__substg1.0_3701000d/") && !strings.HasPrefix(tag, "80") {
			return false
		}
		return n.size < mailProperty
	}
	return true
}

// wide tells a stream of UTF-16 as UTF-8.
func (o *office) wide(n *cfbNode, m Member) {
	o.read(n, len(o.c.data), func(b []byte) {
		size := int64(len(b)) * 3 / 2 // UTF-8 needs at most three octets for two
		if o.grow(size) {
			b = utf16le(b)
			m.Size = int64(len(b))
			o.whole(m, b)
			o.b.shrink(size)
		}
	})
}

// rtf tells compressed RTF as the RTF that it is; if it cannot be read, as it
// lies there.
func (o *office) rtf(b []byte) {
	m := Member{Names: []string{"body.rtf"}}
	// What it claims as its size is no matter: two octets give 17 at most.
	size := min(9*int64(len(b)), rtfExpanded)
	if !o.grow(size) {
		return
	}
	defer o.b.shrink(size)
	plain, ok := expandRTF(b, int(size))
	if !ok {
		o.broken("rtf")
		plain = append(plain, b...)
	}
	m.Size = int64(len(plain))
	o.whole(m, plain)
}

// mailProperty is the size from which a property of a message is told as a
// member: 4 KiB. Subjects, addresses and times are below.
const mailProperty = 4 << 10

// children returns the entries in a storage. They are sorted out once, since a
// message may claim any number of attachments.
func (o *office) children(storage int) []int {
	if o.inside == nil {
		o.inside = make(map[int][]int)
		for i := range o.c.entries {
			p := o.c.entries[i].parent
			// More in one storage than an attachment has properties is rubbish.
			if p >= 0 && len(o.inside[p]) < mailProperties {
				o.inside[p] = append(o.inside[p], i)
			}
		}
	}
	return o.inside[storage]
}

// mailProperties bounds the properties of an attachment that are looked
// through for its names: 256, several times what Outlook writes.
const mailProperties = 256

// attachmentNames gathers the names in an attachment's storage: the long one
// (PidTagAttachLongFilename), the short one, and the one displayed.
func (o *office) attachmentNames(storage int) []string {
	var names []string
	for _, tag := range []string{"3707", "3704", "3001"} {
		for _, i := range o.children(storage) {
			n := &o.c.entries[i]
			if n.kind != cfbStream || len(n.name) < 20 || n.name[12:16] != tag {
				continue
			}
			o.read(n, 2*NameSize, func(b []byte) {
				if strings.EqualFold(n.name[16:20], "001F") {
					b = utf16le(b)
				}
				names = addName(names, b)
			})
		}
	}
	return names
}
