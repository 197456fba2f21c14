package unpack

import (
	"archive/tar"
	"bufio"
	"io"
)

const (
	// tarBlock is the unit of tar: 512 octets.
	tarBlock = 512
	// tarSize is what the reader holds: the extended headers and maps of sparse
	// files that the standard library takes, 1 MiB each.
	tarSize = 2 << 20
)

// readTar reads tar archives. Behind the end mark some programs read on, so
// what begins there as another archive is read too. A sparse file is told with
// its holes, which the budget bounds.
func readTar(t *teller, r *bufio.Reader) {
	if !t.grow(tarSize) {
		return
	}
	defer t.b.shrink(tarSize)
	for first := true; ; first = false {
		if !tarBlocks(t, r, first) {
			return
		}
		for {
			b, _ := r.Peek(tarBlock)
			if len(b) == 0 {
				return
			}
			if len(b) == tarBlock && isTar(b) {
				break
			}
			for _, c := range b {
				if c != 0 {
					t.broken("trailing")
					return
				}
			}
			r.Discard(len(b))
		}
	}
}

// tarBlocks reads one archive up to its end mark.
func tarBlocks(t *teller, r *bufio.Reader, first bool) bool {
	for tr := tar.NewReader(r); ; first = false {
		h, err := tr.Next()
		switch {
		case err == io.EOF:
			if first {
				t.broken("header")
			}
			return true
		case err != nil && err != tar.ErrInsecurePath: // names are judged elsewhere
			t.broken("header")
			return false
		}
		switch h.Typeflag {
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
			return false
		}
		t.close()
	}
}
