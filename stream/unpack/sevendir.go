package unpack

import "math/bits"

// A sevenReader reads the directory of a 7z archive. After anything impossible
// it is bad and gives zeros.
type sevenReader struct {
	b    []byte
	most int // files or folders that are read, at most
	bad  bool
}

func (r *sevenReader) octet() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *sevenReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad = true
		r.b = nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads a number: the leading ones of the first octet count the octets
// that follow.
func (r *sevenReader) number() uint64 {
	first := r.octet()
	n := bits.LeadingZeros8(^first)
	var v uint64
	if n < 7 {
		v = uint64(first&(1<<(7-n)-1)) << (8 * n)
	}
	for i, c := range r.take(uint64(n)) {
		v |= uint64(c) << (8 * i)
	}
	return v
}

// count reads a number of things that each take at least one bit of what
// follows.
func (r *sevenReader) count() int {
	n := r.number()
	if n > 8*uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

// flags reads n bits.
func (r *sevenReader) flags(n int) []bool {
	b := r.take(uint64(n+7) / 8)
	if r.bad {
		return make([]bool, 0)
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = b[i/8]&(0x80>>(i%8)) != 0
	}
	return out
}

// digests passes checksums and returns which of n there are.
func (r *sevenReader) digests(n int) []bool {
	var have []bool
	if r.octet() == 0 {
		have = r.flags(n)
	} else {
		if n > len(r.b) {
			r.bad = true
			return nil
		}
		have = make([]bool, n)
		for i := range have {
			have[i] = true
		}
	}
	for _, ok := range have {
		if ok {
			r.take(4)
		}
	}
	return have
}

// streams reads what is packed where in body, and how.
func (r *sevenReader) streams(body []byte) (folders []*sevenFolder) {
	var packs []uint64
	var from uint64
	for !r.bad {
		switch r.octet() {
		case sevenPack:
			from, packs = r.packs()
		case sevenUnpack:
			folders = r.folders()
		case sevenSub:
			r.subStreams(folders)
		case sevenEnd:
			r.place(folders, body, from, packs)
			return folders
		default:
			r.bad = true
		}
	}
	return nil
}

func (r *sevenReader) packs() (from uint64, sizes []uint64) {
	from = r.number()
	n := r.count()
	for !r.bad {
		switch r.octet() {
		case sevenSize:
			for range n {
				if sizes = append(sizes, r.number()); r.bad {
					return 0, nil
				}
			}
		case sevenCRC:
			r.digests(n)
		case sevenEnd:
			return from, sizes
		default:
			r.bad = true
		}
	}
	return 0, nil
}

func (r *sevenReader) folders() []*sevenFolder {
	if r.octet() != sevenFolderID {
		r.bad = true
	}
	n := r.count()
	if r.octet() != 0 || n > r.most { // elsewhere: nobody ever wrote that
		r.bad = true
	}
	var list []*sevenFolder
	for i := 0; i < n && !r.bad; i++ {
		list = append(list, r.folder())
	}
	for !r.bad {
		switch r.octet() {
		case sevenUnpackSize:
			for _, f := range list {
				for range f.outs {
					f.sizes = append(f.sizes, r.number())
				}
			}
		case sevenCRC:
			for i, ok := range r.digests(len(list)) {
				list[i].crc = ok
			}
		case sevenEnd:
			for _, f := range list {
				if len(f.sizes) != f.outs {
					r.bad = true
					return nil
				}
				f.content = []uint64{f.size()}
			}
			return list
		default:
			r.bad = true
		}
	}
	return nil
}

// folder reads coders, how their streams are bound, and which are packed.
func (r *sevenReader) folder() *sevenFolder {
	f := &sevenFolder{bound: make(map[int]bool)}
	start := r.b
	ins := 0
	n := r.count()
	if n < 1 || n > sevenCoders {
		r.bad = true
		return f
	}
	for range n {
		head := r.octet()
		c := sevenCoder{id: r.take(uint64(head & 15))}
		in, out := 1, 1
		if head&0x10 != 0 {
			in, out = r.count(), r.count()
		}
		if head&0x20 != 0 {
			c.props = r.take(r.number())
		}
		ins, f.outs = ins+in, f.outs+out
		// One output each is all that is in use, and all that is decoded.
		if in < 1 || out != 1 || ins > sevenCoders || head&0xC0 != 0 || r.bad {
			r.bad = true
			return f
		}
		f.coders = append(f.coders, c)
	}
	f.packs = ins - (f.outs - 1)
	taken := make(map[int]bool)
	for range f.outs - 1 {
		in, out := int(min(r.number(), 99)), int(min(r.number(), 99))
		if in >= ins || out >= f.outs || taken[in] || f.bound[out] {
			r.bad = true
			return f
		}
		taken[in], f.bound[out] = true, true
	}
	if f.packs < 1 {
		r.bad = true
		return f
	}
	if f.packs > 1 {
		for range f.packs {
			in := int(min(r.number(), 99))
			if in >= ins || taken[in] {
				r.bad = true
				return f
			}
			taken[in] = true
		}
	}
	f.raw = start[:len(start)-len(r.b)]
	return f
}

// subStreams reads how the content of folders is cut into files.
func (r *sevenReader) subStreams(folders []*sevenFolder) {
	counts := make([]int, len(folders))
	for i := range counts {
		counts[i] = 1
	}
	id := r.octet()
	if id == sevenSubCount {
		for i := range counts {
			counts[i] = r.count()
		}
		id = r.octet()
	}
	digests := 0
	for i, f := range folders {
		f.content = f.content[:0]
		left := f.size()
		for j := 0; j < counts[i] && !r.bad; j++ {
			size := left
			if j < counts[i]-1 {
				if id != sevenSize {
					r.bad = true
					return
				}
				size = r.number()
			}
			if size > left {
				r.bad = true
				return
			}
			f.content = append(f.content, size)
			left -= size
		}
		if counts[i] != 1 || !f.crc {
			digests += counts[i]
		}
	}
	if id == sevenSize {
		id = r.octet()
	}
	for id != sevenEnd && !r.bad {
		if id != sevenCRC {
			r.bad = true
			return
		}
		r.digests(digests)
		id = r.octet()
	}
}

// place gives each folder its packed streams.
func (r *sevenReader) place(folders []*sevenFolder, body []byte, at uint64, sizes []uint64) {
	for _, f := range folders {
		for range f.packs {
			if len(sizes) == 0 {
				r.bad = true
				return
			}
			n := sizes[0]
			sizes = sizes[1:]
			from := min(at, uint64(len(body)))
			to := from + min(n, uint64(len(body))-from)
			f.short = f.short || to-from < n
			f.packed = append(f.packed, body[from:to])
			if at += n; at < n {
				r.bad = true
				return
			}
		}
	}
}

// files reads the names, and which have content.
func (r *sevenReader) files() []sevenFile {
	n := r.count()
	if n > len(r.b)/2 { // each has a name of two octets at least
		r.bad = true
		return nil
	}
	list := make([]sevenFile, min(n, r.most+1)) // one more ends the budget
	for i := range list {
		list[i].stream = true
	}
	for !r.bad {
		id := r.octet()
		if id == sevenEnd {
			return list
		}
		p := sevenReader{b: r.take(r.number())}
		switch id {
		case sevenEmptyStream:
			for i, empty := range p.flags(n) {
				if i < len(list) {
					list[i].stream = !empty
				}
			}
		case sevenEmptyFile:
			empty := 0
			for _, f := range list {
				if !f.stream {
					empty++
				}
			}
			flags := p.flags(empty)
			for i := range list {
				if !list[i].stream && len(flags) > 0 {
					list[i].regular = flags[0]
					flags = flags[1:]
				}
			}
		case sevenName:
			p.octet() // not elsewhere
			for i := range list {
				end := 0
				for end+1 < len(p.b) && (p.b[end] != 0 || p.b[end+1] != 0) {
					end += 2
				}
				list[i].name = string(utf16le(p.b[:min(end, len(p.b))]))
				p.take(uint64(min(end+2, len(p.b))))
			}
		}
	}
	return list
}
