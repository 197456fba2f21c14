package unpack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"

	"github.com/bodgit/sevenzip"
)

// 7z keeps its directory at the end, often packed itself, so it is held. The
// directory is read here, with every count checked against what is there; the
// library, which would allocate whatever the directory claims, gets an archive
// of one folder at a time, made for it, and undoes the folder's methods.

// sevenMagic begins a 7z archive; version, checksum of the next 20 octets,
// and offset, size and checksum of the directory follow (7zFormat.txt).
const (
	sevenMagic = "7z\xBC\xAF\x27\x1C"
	sevenStart = 32 // octets of the start header
	// sevenDirectory bounds a packed directory: 16 MiB, some 100,000 names.
	sevenDirectory = 16 << 20
	// sevenCoders bounds methods, and streams, of one folder: 32, as 7-Zip has it.
	sevenCoders = 32
)

// Identifiers in the directory.
const (
	sevenEnd = iota
	sevenHeader
	sevenProperties
	sevenAdditional
	sevenStreams
	sevenFiles
	sevenPack
	sevenUnpack
	sevenSub
	sevenSize
	sevenCRC
	sevenFolderID
	sevenUnpackSize
	sevenSubCount
	sevenEmptyStream
	sevenEmptyFile
	sevenAnti
	sevenName
	sevenPacked = 0x17
)

// A sevenFolder is streams that were packed together, and how.
type sevenFolder struct {
	raw     []byte // as it stands in the directory
	coders  []sevenCoder
	outs    int
	bound   map[int]bool // outputs that another coder takes
	packs   int          // packed streams it takes
	sizes   []uint64     // of the outputs
	crc     bool
	packed  [][]byte // its packed streams
	content []uint64 // sizes of the files in it
	short   bool     // packed streams are not all there
}

type sevenCoder struct {
	id, props []byte
}

// size returns the size of what the folder unpacks to.
func (f *sevenFolder) size() uint64 {
	for i := len(f.sizes) - 1; i >= 0; i-- {
		if !f.bound[i] {
			return f.sizes[i]
		}
	}
	return 0
}

// A sevenFile is a file in the directory.
type sevenFile struct {
	name    string
	stream  bool // it has content
	regular bool // else it is a directory, if it has none
}

// readSevenZip tells the files of a 7z archive.
func readSevenZip(t *teller, data []byte, name string) {
	registerSeven()
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(sevenMagic))
		if i < 0 {
			t.noArchive(data, sevenMagic)
			return
		}
		at += i
		if h := data[at:]; len(h) >= sevenStart && crc32.ChecksumIEEE(h[12:32]) == le32(h, 8) {
			readSeven(t, h, name)
			return
		}
		at++
	}
}

// readSeven reads the archive that begins with a.
func readSeven(t *teller, a []byte, name string) {
	offset, size := le64(a, 12), le64(a, 20)
	body := a[sevenStart:]
	if offset > uint64(len(body)) || size > uint64(len(body))-offset {
		if strings.HasSuffix(name, ".001") {
			t.note(RuleSplit, Middle, "")
		} else {
			t.unread("end")
		}
		return
	}
	dir := body[offset : offset+size]
	if len(dir) == 0 {
		return // an empty archive has no directory
	}
	if crc32.ChecksumIEEE(dir) != le32(a, 28) {
		t.broken("directory")
	}
	var taken int64
	defer func() { t.b.shrink(taken) }()
	for range 4 { // a packed directory may be packed again
		if len(dir) == 0 || dir[0] != sevenPacked {
			break
		}
		r := sevenReader{b: dir[1:], most: 1}
		folders := r.streams(body)
		if r.bad || len(folders) != 1 {
			t.unread("directory")
			return
		}
		if folders[0].encrypted() {
			t.note(RuleHiddenNames, Middle, "")
			return
		}
		var h held
		if !openSeven(t, folders[0], func(in io.Reader) { h = readHeld(t, in, sevenDirectory) }) {
			return
		}
		taken += int64(cap(h.b))
		dir = h.b
	}
	// What is made of the directory is at most so many times larger, some
	// octets a file or folder besides.
	if n := 16 * int64(len(dir)); t.grow(n) {
		taken += n
		readSevenDirectory(t, dir, body)
	}
}

// readSevenDirectory reads the directory and tells all files.
func readSevenDirectory(t *teller, dir, body []byte) {
	r := sevenReader{b: dir, most: t.b.Limits.Entries}
	if r.octet() != sevenHeader {
		t.unread("directory")
		return
	}
	var folders []*sevenFolder
	var files []sevenFile
	for !r.bad {
		switch r.octet() {
		case sevenEnd:
			tellSeven(t, folders, files)
			return
		case sevenProperties:
			for r.octet() != sevenEnd && !r.bad {
				r.take(r.number())
			}
		case sevenAdditional:
			r.streams(body)
		case sevenStreams:
			folders = r.streams(body)
		case sevenFiles:
			files = r.files()
		default:
			r.bad = true
		}
	}
	t.unread("directory")
	tellSeven(t, folders, files)
}

// tellSeven tells the files, folder by folder.
func tellSeven(t *teller, folders []*sevenFolder, files []sevenFile) {
	for _, f := range folders {
		var in []sevenFile // those of this folder, and before them those without content
		for want := len(f.content); want > 0 && len(files) > 0; files = files[1:] {
			in = append(in, files[0])
			if files[0].stream {
				want--
			}
		}
		if !tellFolder(t, f, in) {
			return
		}
	}
	for _, f := range files {
		if f.stream {
			t.broken("files")
		}
		if f.stream || f.regular {
			t.open(Member{Names: []string{f.name}, Size: 0, Encrypted: f.stream})
			t.close()
		}
	}
}

// tellFolder tells the files of one folder.
func tellFolder(t *teller, f *sevenFolder, files []sevenFile) bool {
	if len(files) == 0 || !t.b.inTime() {
		return t.alive()
	}
	next := 0
	tell := func(in io.Reader) {
		for ; next < len(files) && t.alive(); next++ {
			file := files[next]
			if !file.stream {
				if file.regular {
					t.whole(Member{Names: []string{file.name}})
				}
				continue
			}
			size := int64(min(f.content[0], 1<<62))
			m := Member{Names: []string{file.name}, Size: size, Encrypted: in == nil}
			f.content = f.content[1:]
			if !t.open(m) || in == nil {
				t.close()
				continue
			}
			n, err := t.copy(io.LimitReader(in, size))
			t.close()
			if err != nil || n < size {
				t.broken("content")
				in = nil // the rest of the folder cannot be had
			}
		}
	}
	switch {
	case f.encrypted():
		t.note(RuleEncrypted, Middle, "")
	case f.short:
		t.broken("packed")
		openSeven(t, f, tell)
	default:
		openSeven(t, f, tell)
	}
	tell(nil)
	return t.alive()
}

// encrypted tells whether a method of the folder takes a password: 06F107 is
// 7-Zip's AES, 06F101 the one of zip.
func (f *sevenFolder) encrypted() bool {
	for _, c := range f.coders {
		if len(c.id) > 0 && c.id[0] == 0x06 {
			return true
		}
	}
	return false
}

// openSeven hands f what the folder unpacks to. False: it cannot be unpacked,
// and the reason was told.
func openSeven(t *teller, folder *sevenFolder, f func(io.Reader)) bool {
	need := int64(0)
	for i, c := range folder.coders {
		n, rule := sevenMemory(c, folder.sizes[min(i, len(folder.sizes)-1)])
		if rule != "" {
			t.note(rule, Unsupported, "")
			return false
		}
		need += n
	}
	if !t.grow(need) {
		return false
	}
	defer t.b.shrink(need)
	a := folder.archive()
	z, err := sevenzip.NewReader(a, a.size())
	if err != nil || len(z.File) == 0 {
		t.note(RuleUnsupported, Unsupported, "")
		return false
	}
	in, err := z.File[0].Open()
	if err != nil {
		t.note(RuleUnsupported, Unsupported, "")
		return false
	}
	defer in.Close()
	f(in)
	return true
}

// archive makes an archive of the folder alone, of one file (and an empty
// second one: the library takes the size of a single file from the last coder,
// which need not be the one that gives the content).
func (f *sevenFolder) archive() pieces {
	dir := []byte{sevenHeader, sevenStreams, sevenPack, 0}
	dir = appendNumber(dir, uint64(len(f.packed)))
	dir = append(dir, sevenSize)
	packed := 0
	for _, p := range f.packed {
		dir = appendNumber(dir, uint64(len(p)))
		packed += len(p)
	}
	dir = append(dir, sevenEnd, sevenUnpack, sevenFolderID, 1, 0)
	dir = append(append(dir, f.raw...), sevenUnpackSize)
	for _, n := range f.sizes {
		dir = appendNumber(dir, n)
	}
	dir = append(dir, sevenEnd, sevenSub, sevenSubCount, 2, sevenSize)
	dir = appendNumber(dir, f.size())
	dir = append(dir, sevenEnd, sevenEnd)
	dir = append(dir, sevenFiles, 2, sevenName, 9, 0, 'a', 0, 0, 0, 'b', 0, 0, 0, sevenEnd, sevenEnd)
	head := append([]byte(sevenMagic), 0, 4)
	tail := binary.LittleEndian.AppendUint64(nil, uint64(packed))
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(dir)))
	tail = binary.LittleEndian.AppendUint32(tail, crc32.ChecksumIEEE(dir))
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(tail))
	return append(append(pieces{append(head, tail...)}, f.packed...), dir)
}

// appendNumber appends a number as the directory has them, in its longest form.
func appendNumber(b []byte, n uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, 0xFF), n)
}

// pieces is an io.ReaderAt of slices behind each other.
type pieces [][]byte

func (p pieces) size() int64 { return int64(total(p)) }

func (p pieces) ReadAt(b []byte, off int64) (n int, err error) {
	for _, s := range p {
		if off >= int64(len(s)) {
			off -= int64(len(s))
			continue
		}
		k := copy(b[n:], s[off:])
		n, off = n+k, 0
		if n == len(b) {
			return n, nil
		}
	}
	return n, io.EOF
}
