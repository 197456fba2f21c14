package filter_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/internal/smtptest"
)

// A member is a file in an archive, as another program extracts it.
type member struct {
	name string
	hash [sha256.Size]byte
	size int
}

// memberSize and archiveSize bound what is read of one member, and of one
// archive by another program: 16 and 64 MiB. Some hold gigabytes of zeros.
// Larger members are not compared, nor what is behind them.
const (
	memberSize  = 16 << 20
	archiveSize = 64 << 20
)

// refusals are rules that make an archive refused or deferred, or told to be
// closed: what is in it may stay unseen.
var refusals = []string{
	"unpack.unsupported", "unpack.method", "limit.dictionary", "archive.split", "archive.unread",
	"encrypted.archive", "encrypted.names", "archive.bomb",
}

// archivesExplained are the archives of which others extract what we do not,
// without our refusing it.
var archivesExplained = map[string]string{
	"test_read_data_into_fd_size_exceeds_declared_deflate.zip": longer,
	"test_read_data_into_fd_size_exceeds_declared_stored.zip":  longer,
	"test_read_format_zip_size_exceeds_declared_deflate.zip":   longer,
	"test_read_format_zip_size_exceeds_declared_stored.zip":    longer,
	"test_read_format_mtree.mtree":                             noArchive,
	"test_read_format_mtree_nomagic.mtree":                     noArchive,
	"test_read_format_mtree_nomagic2.mtree":                    noArchive,
	"test_read_format_mtree_nomagic3.mtree":                    noArchive,
	"test_read_format_warc.warc":                               "the record of a web crawl is text as it is, and read as text",
	"test_read_format_rar5_extra_field_version.rar":            "bsdtar puts a file's version behind its name",
	"test_read_format_rar_unbound_staticdata.rar":              damaged,
	"test_read_format_zip.zip":                                 "a member's CRC is wrong: bsdtar fills it with zeros, we tell what it unpacks to",
}

const (
	longer    = "a member is longer than the zip declares: bsdtar cuts it off, we tell all of it and zip.mismatch"
	damaged   = "a damaged archive that keeps bsdtar busy: what it gives depends on the time it has, we tell archive.broken"
	noArchive = "a text that describes files: bsdtar makes members of what it says, there is no content"
)

// TestArchivesOfLibarchive compares what Content finds in libarchive's test
// archives, many of them damaged, with what archive/zip, archive/tar and bsdtar
// extract: every member with its name, or a finding that has the archive
// refused.
func TestArchivesOfLibarchive(t *testing.T) {
	root := corporaRoot(t)
	bsdtar := smtptest.NeedPeer(t, "bsdtar")
	found, refused, missed := 0, map[string]int{}, map[string]bool{}
	for _, file := range filesBelow(t, root, "libarchive-test", ".uu") {
		name := strings.TrimSuffix(filepath.Base(file), ".uu")
		packed := filtertest.UUDecode(readFile(t, root, file))
		told := tellFiles(t, filtertest.Attached(name, packed))
		missing := map[string]bool{}
		for oracle, members := range map[string][]member{
			"archive/zip": zipMembers(packed),
			"archive/tar": tarMembers(packed),
			"bsdtar":      told.bsdtarMembers(t, bsdtar, packed),
		} {
			for _, m := range members {
				if told.has(m) {
					found++
				} else {
					missing[fmt.Sprintf("%s: %q of %d octets", oracle, m.name, m.size)] = true
				}
			}
		}
		if len(missing) == 0 {
			continue
		}
		if i := slices.IndexFunc(refusals, told.says); i >= 0 {
			refused[refusals[i]]++
			continue
		}
		if missed[name] = true; archivesExplained[name] == "" {
			t.Errorf("%s: not found\n\t%s\n\twe say %v", name, strings.Join(slices.Sorted(maps.Keys(missing)), "\n\t"), told.rules)
		}
	}
	for name, why := range archivesExplained {
		if !missed[name] && why != damaged {
			t.Errorf("%s: nothing is missed: %s", name, why)
		}
	}
	t.Logf("%d members found; archives refused with members unseen: %v; explained: %d", found, refused, len(missed))
	if found < 300 {
		t.Errorf("only %d members", found)
	}
}

// A toldFiles is what Content finds in a file.
type toldFiles struct {
	names map[[sha256.Size]byte][]string // of all leaves, by content
	rules []string
}

func (f *toldFiles) says(rule string) bool { return slices.Contains(f.rules, rule) }

// has tells whether a member was found under its name.
func (f *toldFiles) has(m member) bool {
	names := f.names[m.hash]
	if !utf8.ValidString(m.name) {
		return len(names) > 0 // they leave it as it is, we take it for some charset
	}
	return slices.ContainsFunc(names, func(name string) bool { return cleanName(name) == cleanName(m.name) })
}

// cleanName is a member's name as programs that extract it agree on it.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// tellFiles has Content take a message apart, and keeps no content.
func tellFiles(t *testing.T, message []byte) *toldFiles {
	t.Helper()
	c := &lister{}
	r := filtertest.Run(t, c, filtertest.Message{Content: message})
	f := &toldFiles{names: map[[sha256.Size]byte][]string{}, rules: filtertest.Rules(r.Content)}
	for _, p := range c.parts {
		f.names[p.SHA256] = append(f.names[p.SHA256], p.Names...)
	}
	return f
}

// A lister is a module that keeps the parts.
type lister struct{ parts []*filter.Part }

func (*lister) Name() string { return "lister" }
func (*lister) WantsHash()   {}

func (l *lister) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner { return l }

func (l *lister) OpenPart(p *filter.Part)     { l.parts = append(l.parts, p) }
func (*lister) PartData(*filter.Part, []byte) {}
func (*lister) ClosePart(*filter.Part)        {}
func (*lister) Write([]byte)                  {}
func (*lister) FinishNow() error              { return nil }
func (*lister) Finish(context.Context) error  { return nil }
func (*lister) Close()                        {}

// memberOf reads one member; false: it cannot be read to its end.
func memberOf(name string, r io.Reader) (member, bool) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, memberSize))
	m := member{name: name, size: int(n)}
	h.Sum(m.hash[:0])
	return m, err == nil && n > 0 && n < memberSize
}

// zipMembers reads with archive/zip.
func zipMembers(packed []byte) (list []member) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			continue
		}
		if m, ok := memberOf(f.Name, r); ok {
			list = append(list, m)
		}
		r.Close()
	}
	return list
}

// tarMembers reads with archive/tar, compressed or not.
func tarMembers(packed []byte) []member {
	list := tarStream(bytes.NewReader(packed))
	if z, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
		list = append(list, tarStream(z)...)
	}
	return append(list, tarStream(bzip2.NewReader(bytes.NewReader(packed)))...)
}

// tarStream reads regular files up to the first error.
func tarStream(r io.Reader) (list []member) {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err != nil {
			return list
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if m, ok := memberOf(h.Name, t); ok {
			list = append(list, m)
		}
	}
}

// bsdtarTime bounds one run of bsdtar: 3 s, a hundred times what most
// take; a few never end. Killed, it has given what it could.
const bsdtarTime = 3 * time.Second

// bsdtarMembers has bsdtar turn an archive of any format into a tar. It gives
// up at the first damage; what came before counts. It is not asked for archives
// that we call encrypted: it would ask for a passphrase, again and again.
func (f *toldFiles) bsdtarMembers(t *testing.T, bsdtar string, packed []byte) []member {
	if f.says("encrypted.archive") || f.says("encrypted.names") {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), bsdtarTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, bsdtar, "-c", "-f", "-", "--format", "pax", "@-")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdin = bytes.NewReader(packed)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	list := tarStream(io.LimitReader(out, archiveSize))
	cancel()
	_ = cmd.Wait() // its complaints are not ours
	return list
}
