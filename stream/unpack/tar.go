package unpack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io"
)

const (
	// tarBlock is the unit of tar: 512 octets.
	tarBlock = 512
	// tarSize is what the reader holds: the extended headers and maps of sparse
	// files that the standard library takes, 1 MiB each.
	tarSize = 2<<20 + tarAhead + tarExtended + blockSize
)

// readTar reads tar archives. Behind the end mark, and behind a header that is
// none, some programs read on, so what begins there as another archive is read
// too; if nothing does, it is told as a member. A sparse file is told with its
// holes, which the budget bounds.
func readTar(t *teller, r *bufio.Reader) {
	if !t.grow(tarSize) {
		return
	}
	defer t.b.shrink(tarSize)
	for tarBlocks(t, r) && tarNext(t, r) {
	}
}

// Headers that belong to the next entry, of programs before POSIX: an extended
// one of Solaris, and GNU's first way to give a long name.
const (
	tarSolaris = 'X'
	tarOldName = 'N'
)

// tarNext passes over octets up to the next archive. False: there is none.
func tarNext(t *teller, r *bufio.Reader) bool {
	if left := (t.taken - int64(r.Buffered())) % tarBlock; left > 0 {
		r.Discard(int(tarBlock - left))
	}
	for t.alive() {
		b, _ := r.Peek(tarBlock)
		if len(b) == tarBlock && isTar(b) {
			return true
		}
		if len(bytes.Trim(b, "\x00")) > 0 {
			return tarBehind(t, r)
		}
		if len(b) < tarBlock {
			return false
		}
		r.Discard(tarBlock)
	}
	return false
}

// tarBehind tells what is no archive, up to where one begins.
func tarBehind(t *teller, r *bufio.Reader) bool {
	t.broken("trailing")
	t.note(RuleOverlay, Low, "tar")
	if !t.open(Member{Size: -1}) {
		return false
	}
	defer t.close()
	for {
		b, _ := r.Peek(tarBlock)
		if len(b) == tarBlock && isTar(b) {
			return true
		}
		if len(b) == 0 || !t.data(b) {
			return false
		}
		r.Discard(len(b))
	}
}

// tarBlocks reads one archive up to its end mark, or to a header that is none.
// False: the reader is over.
func tarBlocks(t *teller, r *bufio.Reader) bool {
	tape := &tarTape{r: r}
	tr := tar.NewReader(tape)
	for first := true; ; first = false {
		padding := -(t.taken - int64(r.Buffered())) & (tarBlock - 1)
		tape.record()
		h, err := tr.Next()
		tape.on = false
		switch {
		case err == io.EOF && !first:
			return true
		case err != nil && err != tar.ErrInsecurePath: // names are judged elsewhere
			t.broken("header")
			if tape.lost {
				t.unread("header") // it may have the next file's name
			} else if t.alive() && int64(len(tape.kept)) > padding {
				readTarLoose(t, bufio.NewReaderSize(io.MultiReader(bytes.NewReader(tape.kept[padding:]), r), blockSize))
				return false
			}
			return t.alive()
		}
		switch h.Typeflag {
		case tarSolaris, tarOldName:
			// What they say of the next entry the library does not know.
			if !tape.lost && int64(len(tape.kept)) > padding {
				readTarLoose(t, bufio.NewReaderSize(io.MultiReader(bytes.NewReader(tape.kept[padding:]), r), blockSize))
				return false
			}
		case tar.TypeDir, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader:
			if h.Size == 0 {
				if !t.b.entry() {
					t.alive()
					return false
				}
				continue
			}
		}
		if !t.open(Member{Names: []string{toUTF8([]byte(h.Name), latin1)}, Size: h.Size}) {
			return false
		}
		if _, err := t.copy(tr); err != nil {
			t.broken("data")
			return t.alive()
		}
		t.close()
	}
}
