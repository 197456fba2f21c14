package unpack

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// tarBlockOf is a header and content, padded. Change, if set, is done to the
// header before its checksum is made.
func tarBlockOf(name string, typ byte, content string, change func(h []byte)) []byte {
	h := make([]byte, tarBlock)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00", len(content)))
	h[156] = typ
	copy(h[257:], "ustar\x0000")
	if change != nil {
		change(h)
	}
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(append(h, content...), make([]byte, -len(content)&(tarBlock-1))...)
}

// What the standard library refuses is read all the same.
func TestTarLoose(t *testing.T) {
	record := func(s string) string {
		n := len(s) + 4
		return fmt.Sprintf("%d %s\n", n, s)
	}
	p := string(payload)
	end := string(make([]byte, 2*tarBlock))
	file := string(tarBlockOf("run.js", '0', p, nil))
	late := string(tarBlockOf("late", '0', "late", nil))
	badTime := string(tarBlockOf("x", 'x', "99 mtime=never\n"+record("path=a.js"), nil))
	number := func(at int, s string) func([]byte) { return func(h []byte) { copy(h[at:], s) } }
	for _, c := range []struct{ what, archive, want string }{
		{"extended header with a bad record", badTime + file, "a.js|run.js:" + p},
		{"and more files", badTime + file + late + end, "a.js|run.js:" + p + " late:late"},
		{"behind a good one", late + badTime + file + end, "late:late a.js|run.js:" + p},
		{"long name, bad mode", string(tarBlockOf("x", 'L', strings.Repeat("y", 120)+".js\x00", nil)) + string(tarBlockOf("z", '0', p, number(100, "zzzzzzz"))),
			strings.Repeat("y", 120) + ".js|z:" + p},
		{"bad time", string(tarBlockOf("run.js", '0', p, number(136, "zzzzzzzzzzz"))) + late, "run.js:" + p + " late:late"},
		{"link between", string(tarBlockOf("l", '2', "", number(100, "zzzzzzz"))) + file, "run.js:" + p},
		{"size in the extended header", string(tarBlockOf("x", 'x', "99 mtime=never\n"+record("size=4"), nil)) + string(tarBlockOf("a", '0', "", nil)) + "late" + string(make([]byte, 508)) + file,
			"a:late run.js:" + p},
		{"prefix", string(tarBlockOf("run.js", '0', p, func(h []byte) { copy(h[345:], "d/e"); copy(h[100:], "zzzzzzz") })), "d/e/run.js:" + p},
		{"cut", badTime + file[:600], "a.js|run.js:" + p[:600-tarBlock]},
		{"rubbish between", badTime + file + strings.Repeat("r", 700) + string(make([]byte, 324)) + late,
			"a.js|run.js:" + p + " :" + strings.Repeat("r", 700) + string(make([]byte, 324)) + " late:late"},
		{"sparse", badTime + file + string(tarBlockOf("s", 'S', "late", number(100, "zzzzzzz"))), "a.js|run.js:" + p + " s:late"},
	} {
		r := readCuts(t, TypeTar, "", []byte(c.archive))
		if r.has(RuleUnread) != (c.what == "sparse") {
			t.Errorf("%s: %v", c.what, r.notes)
		}
		var got []string
		for _, m := range r.members {
			got = append(got, m.names+":"+string(m.data))
		}
		if g := strings.Join(got, " "); g != c.want || !r.has(RuleBroken) {
			t.Errorf("%s: %q, want %q: %v", c.what, g, c.want, r.notes)
		}
	}
}

// FuzzTarLoose: what the standard library reads, the loose reader finds too.
func FuzzTarLoose(f *testing.F) {
	f.Add("a", []byte("x"), uint16(3))
	f.Add(strings.Repeat("n", 300), bytes.Repeat([]byte("y"), 1000), uint16(600))
	f.Fuzz(func(t *testing.T, name string, content []byte, flip uint16) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		name = strings.Trim(strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "_"), "\n")
		if w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}) != nil || name == "" || strings.HasSuffix(name, "/") || strings.Contains(name, "\n") {
			return
		}
		_, _ = w.Write(content)
		_ = w.Close()
		first := tarBlockOf("first", '0', "", func(h []byte) { copy(h[100:], "zzzzzzz") })
		packed := append(first, b.Bytes()...)
		r := read(t, TypeTar, "", packed, 0, fuzzLimits)
		if n := len(r.members); n != 2 || !bytes.Equal(r.members[1].data, content[:min(len(content), keep)]) || !slices.Contains(r.members[1].Names, name) {
			t.Errorf("%q:\n%s", name, r)
		}
		packed[int(flip)%len(packed)] ^= 1
		whole := read(t, TypeTar, "", packed, 0, fuzzLimits)
		if cut := read(t, TypeTar, "", packed, int(flip)+1, fuzzLimits); cut.String() != whole.String() {
			t.Errorf("cut:\n%s\nwhole:\n%s", cut, whole)
		}
	})
}

// A header that is too long to be read again may say what the next file is
// called.
func TestTarLooseLost(t *testing.T) {
	bad := strings.Repeat("c", tarAhead) + "\npath=a.js\n"
	archive := append(tarBlockOf("x", 'x', bad, nil), tarBlockOf("run.txt", '0', string(payload), nil)...)
	s := tellAll(t, func(b *Budget, s Sink) Reader { return Open(TypeTar, "", b, s) }, archive, 0)
	if !s.has(RuleUnread) || s.find("run.txt") == nil {
		t.Errorf("told %v", s)
	}
}

// Names that headers pile up for one file are bounded.
func TestTarLooseNames(t *testing.T) {
	var headers bytes.Buffer
	headers.Write(tarBlockOf("x", 'x', "99 mtime=never\n", nil))
	for i := range 100 {
		headers.Write(tarBlockOf("x", 'x', fmt.Sprintf("9 path=%d\n9 path=%da\n", i, i), nil))
		headers.Write(tarBlockOf("x", 'L', fmt.Sprintf("long%d\x00", i), nil))
	}
	headers.Write(tarBlockOf("run.js", '0', string(payload), nil))
	s := tellAll(t, func(b *Budget, s Sink) Reader { return Open(TypeTar, "", b, s) }, headers.Bytes(), 0)
	if len(s.members) != 1 || len(s.members[0].Names) > tarNames+1 || !slices.Contains(s.members[0].Names, "run.js") ||
		!slices.Contains(s.members[0].Names, "99a") || !slices.Contains(s.members[0].Names, "long99") {
		t.Errorf("told %v", s)
	}
}
