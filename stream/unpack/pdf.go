package unpack

import "bytes"

// A PDF is read without its cross-reference table, which a hostile file may
// bend: every place that looks like an object is read as one, in streams too,
// and every object stream is inflated. No reference is followed further than
// once, so cycles do no harm. What is kept of an object is only what the
// questions of this package need.

const (
	// pdfNamings is how many revisions of an object that is a name are kept: 4.
	pdfNamings = 4
	// pdfMagic begins a PDF (ISO 32000-2 section 7.5.2); a version follows.
	pdfMagic = "%PDF-"
	// pdfWork bounds how often the octets of a file may be lexed, all in all:
	// 8 times. Objects in good files do not overlap at all.
	pdfWork = 8
	// pdfShare is how many times the octets of a file may be read as those of
	// streams: twice. Each stream is read once.
	pdfShare = 2
	// pdfDepth bounds arrays and dictionaries in each other: 100. Deeper ones
	// are counted, not understood; readers stop at about 256.
	pdfDepth = 100
	// pdfKept bounds the streams, addresses and such that are kept of one
	// file, each: 100,000.
	pdfKept = 100_000
	// pdfScript is the longest script told: 4 MiB.
	pdfScript = 4 << 20
	// pdfStrings bounds the text copied from object streams: 16 MiB, which a
	// book of links does not reach.
	pdfStrings = 16 << 20
	// pdfObjects is the largest object stream that is read: 32 MiB. Writers
	// put some hundred objects into one.
	pdfObjects = 32 << 20
)

// A pdfValue is a string with the object it stands in, whose number takes
// part in its encryption.
type pdfValue struct {
	token pdfToken
	num   int
	gen   int
	plain bool // from an object stream: those are not encrypted once more
}

// A pdfStream is a stream object.
type pdfStream struct {
	num, gen int
	from     int // of its data in the file
	pdfDict
}

// A pdfFile is an attached file.
type pdfFile struct {
	objects []int
	names   [2]pdfValue
}

// A pdf is a file being read.
type pdf struct {
	t       *teller
	data    []byte
	work    int // octets that may still be lexed
	claimed int // octets of the streams that were read: those of good files do not overlap
	ends    []int

	streams []pdfStream
	byNum   map[int][]int // streams of an object number
	plain   map[int]pdfValue
	named   map[int][][]pdfFilter // objects that are names, in each revision
	uris    []pdfValue
	uriRefs []int
	scripts []pdfValue
	refs    []int // objects that are scripts
	forms   []int // objects that are XFA
	files   []pdfFile

	encrypt    bool
	encryptAt  int   // offset of a direct dictionary, 0: none
	encryptRef []int // objects named as one
	id         []byte
	cipher     *pdfCipher // nil: not encrypted, or not readable
	stack      []pdfDict
	slots      int   // things kept
	taken      int64 // octets of memory for them
	kept       int   // octets of strings from object streams
}

// readPDF tells what a PDF does, and the files attached to it.
func readPDF(t *teller, data []byte) {
	p := &pdf{
		t: t, data: data, work: pdfWork * len(data),
		byNum: make(map[int][]int), plain: make(map[int]pdfValue),
		named: make(map[int][][]pdfFilter),
	}
	defer func() { t.b.shrink(p.taken) }()
	p.ends = marksAt(data, "endstream", pdfKept)
	p.scan()
	if !t.alive() {
		return
	}
	p.unlock()
	p.objectStreams()
	p.tell()
	if p.work <= 0 {
		t.broken("overlap")
	}
}

// marksAt returns where s stands in b, at most so many places.
func marksAt(b []byte, s string, most int) (list []int) {
	for at := 0; len(list) < most; {
		i := bytes.Index(b[at:], []byte(s))
		if i < 0 {
			return list
		}
		list = append(list, at+i)
		at += i + len(s)
	}
	return list
}

// room takes the memory for one more thing to be kept: a stream, a string, a
// file. False: there is none.
func (p *pdf) room() bool {
	const slot, step = 512, 128 // octets of the largest, and how many at once
	if p.slots%step == 0 && !p.t.grow(slot*step) {
		return false
	}
	p.slots++
	p.taken = (int64(p.slots) + step - 1) / step * step * slot
	return true
}

// scan reads all objects and trailers of the file.
func (p *pdf) scan() {
	for at, n := 0, 0; p.work > 0; n++ {
		i := bytes.Index(p.data[at:], []byte("obj"))
		if i < 0 || n%256 == 0 && !p.t.b.inTime() {
			break
		}
		at += i + 3
		if num, gen, ok := p.objectNumber(at - 3); ok {
			p.object(p.data, at, num, gen, false)
		}
	}
	for at := 0; p.work > 0; {
		i := bytes.Index(p.data[at:], []byte("trailer"))
		if i < 0 {
			break
		}
		at += i + 7
		p.object(p.data, at, 0, 0, false)
	}
}

// objectNumber reads the two numbers that stand before at, backwards.
func (p *pdf) objectNumber(at int) (num, gen int, ok bool) {
	number := func() (int, bool) {
		end := at
		for at > 0 && pdfClass[p.data[at-1]] == 1 && end-at < 64 {
			at--
		}
		end = at
		for at > 0 && p.data[at-1] >= '0' && p.data[at-1] <= '9' && end-at < 10 {
			at--
		}
		return pdfInt(p.data[at:end])
	}
	if gen, ok = number(); !ok {
		return 0, 0, false
	}
	num, ok = number()
	return num, gen, ok
}

// objectStreams reads the objects in object streams (ISO 32000-2 section
// 7.5.7).
func (p *pdf) objectStreams() {
	for i := 0; i < len(p.streams); i++ {
		s := &p.streams[i]
		if s.kind != "ObjStm" {
			continue
		}
		if !p.t.b.inTime() {
			p.t.alive()
			return
		}
		b := p.inflate(s, pdfObjects)
		p.work += pdfWork * len(b)
		lex := pdfLexer{b: b}
		found := false
		for lex.at < s.first && p.work > 0 {
			num, at := lex.next(), lex.next()
			if num.kind != pdfNumber || at.kind != pdfNumber || at.n < 0 || s.first+at.n >= len(b) {
				break
			}
			found = true
			p.object(b, s.first+at.n, num.n, 0, true)
		}
		if !found {
			for at := 0; at < len(b) && p.work > 0; {
				n := bytes.Index(b[at:], []byte("<<"))
				if n < 0 {
					break
				}
				at += n
				before := p.work
				p.object(b, at, 0, 0, true)
				at += max(1, before-p.work-1)
			}
		}
		p.t.b.shrink(int64(cap(b)))
	}
}
