package mime

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	stdbase64 "encoding/base64"
)

// findFiles returns what an embedded finds in pieces of text, for comparison.
func findFiles(e *embedded, pieces ...[]byte) string {
	var s strings.Builder
	var data []byte
	e.begin = func(name []byte) { fmt.Fprintf(&s, "%s: ", name); data = nil }
	e.data = func(b []byte) { data = append(data, b...) }
	e.end = func(list []Defect) { fmt.Fprintf(&s, "%q (%s)\n", data, details(list)) }
	for _, p := range pieces {
		e.write(p)
	}
	e.close()
	e.reset()
	return s.String()
}

// uu encodes one line.
func uu(s string) string {
	line := string(rune(' ' + len(s)))
	for len(s) > 0 {
		g := [3]byte{}
		s = s[copy(g[:], s):]
		for _, v := range []byte{g[0] >> 2, g[0]<<4 | g[1]>>4, g[1]<<2 | g[2]>>6, g[2]} {
			line += string(rune(' ' + v&63))
		}
	}
	return strings.ReplaceAll(line, " ", "`") + "\n"
}

// yEnc encodes data in lines of n octets.
func yEnc(data string, n int) string {
	var s []byte
	column := 0
	for _, c := range []byte(data) {
		if c += 42; bytes.IndexByte([]byte("\x00\r\n="), c) >= 0 || c == '.' && column == 0 {
			s = append(s, '=')
			c += 64
		}
		s = append(s, c)
		if column++; column == n {
			s = append(s, "\r\n"...)
			column = 0
		}
	}
	return string(s) + "\r\n"
}

func TestEmbedded(t *testing.T) {
	all := make([]byte, 1000)
	for i := range all {
		all[i] = byte(i)
	}
	full := strings.Repeat("0123456789", 5)[:45]
	crc := func(s string) string { return fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(s))) }
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"text\nbegin a new life\nbegin 644\n\nbegin 644 x\nend\n", ""},
		{"begin 644 a.exe\n" + uu("MZ") + "`\nend\nbegin", "a.exe: \"MZ\" ()\n"},
		{"text\r\n\r\nbegin 0755 a b.exe\r\n" + uu(full) + uu("MZ") + " \r\nend\r\ntext\nbegin 644 b\n" + uu("b") + "end", `a b.exe: "` + full + "MZ\" ()\nb: \"b\" ()\n"},
		// Without an end, and another behind an impossible line.
		{"begin 644 a\n" + uu("MZ"), "a: \"MZ\" (no end)\n"},
		{"begin 644 a\n" + uu("MZ") + "Now some text.\n", "a: \"MZ\" (no end)\n"},
		{"begin 644 a\n" + uu("MZ") + "begin 644 b\n" + uu("b") + "end\n", "a: \"MZ\" (no end)\nb: \"b\" ()\n"},
		{"begin 644 a\n" + uu("MZ") + strings.Repeat("M", 5000) + "\n" + uu("MZ"), "a: \"MZ\" (no end)\n"},
		{"begin 644 a\n" + strings.TrimSuffix(uu("MZ"), "\n"), "a: \"MZ\" (no end)\n"},
		// Lost blanks, lost padding, check characters.
		{"begin 644 a\n#35H\nend\n", "a: \"MZ\\x00\" (short line)\n"},
		{"begin 644 a\n\"35H\nend\n", "a: \"MZ\" ()\n"},
		{"begin 644 a\n#35H`X\nend\n", "a: \"MZ\\x00\" ()\n"},
		{"begin-base64 644 a\nTVo=\n====\n", "a: \"MZ\" ()\n"},
		{"begin-base64-encoded 644 YS5leGU=\nTVo=\n====\n", "a.exe: \"MZ\" ()\n"},
		{"begin-base64 644 a\nTV\npa\ntext, no data\n", "a: \"MZZ\" (no end)\n"},
		{"begin-base64 644 a\n" + strings.Repeat("TVpa", 2000) + "\n====\n", `a: "` + strings.Repeat("MZZ", 2000) + "\" ()\n"},
		// yEnc.
		{"=ybegin line=128 size=2 name=a b.exe\r\n" + yEnc("MZ", 9) + "=yend size=2 crc32=" + crc("MZ") + "\r\n", "a b.exe: \"MZ\" ()\n"},
		{"text\n=ybegin line=128 size=1000 name=a\r\n" + yEnc(string(all), 128) + "=yend size=1000", fmt.Sprintf("a: %q ()\n", all)},
		{"=ybegin line=9999 size=1000 name=a\r\n" + yEnc(strings.Repeat(string(all), 9), 9999) + "=yend", fmt.Sprintf("a: %q (size)\n", strings.Repeat(string(all), 9))},
		{"=ybegin part=1 line=9 size=5 name=a\n=ypart begin=1 end=2\n" + yEnc("MZ", 9) + "=yend size=2 part=1 pcrc32=" + crc("MZ") + " crc32=0\n", "a: \"MZ\" ()\n"},
		{"=ybegin line=9 size=5 name=a\n" + yEnc("MZ", 9) + "=yend size=2 crc32=1\n", "a: \"MZ\" (size, checksum)\n"},
		{"=ybegin line=9 size=2 name=a\n" + yEnc("MZ", 9) + "=ybegin line=9 size=1 name=b\n" + yEnc("b", 9), "a: \"MZ\" (no end)\nb: \"b\" (no end)\n"},
		{"=ybegin nothing\n" + yEnc("MZ", 9), ""},
	} {
		e := &embedded{}
		cuts([]byte(c.in), func(name string, pieces [][]byte) {
			if got := findFiles(e, pieces...); got != c.want {
				t.Errorf("%q in %s: %q, want %q", c.in, name, got, c.want)
			}
		})
	}
}

// slowUU is the reference: it splits the text into lines and decodes uuencoded
// files with 45 octets a line at most.
func slowUU(text []byte) (files []string) {
	var data []byte
	in := false
	for line := range bytes.Lines(text) {
		line, ended := bytes.CutSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if in {
			if string(line) == "end" {
				in = false
				files = append(files, string(data))
				continue
			}
			chars, n := bytes.Clone(line[min(1, len(line)):]), 0
			if len(line) > 0 {
				n = int(line[0]-' ') & 63
			}
			for len(chars) < 88 {
				chars = append(chars, ' ')
			}
			var plain []byte
			for i := 0; i < 88; i += 4 {
				a, b, c, d := (chars[i]-' ')&63, (chars[i+1]-' ')&63, (chars[i+2]-' ')&63, (chars[i+3]-' ')&63
				plain = append(plain, a<<2|b>>4, b<<4|c>>2, c<<6|d)
			}
			data = append(data, plain[:n]...)
			continue
		}
		if ended && string(line) == "begin 644 f" {
			in, data = true, nil
		}
	}
	return files
}

func FuzzUU(f *testing.F) {
	f.Add([]byte("MZ"), []byte("x\nbegin 644 g\n#35H\nbegin-base64 644 h\nTVo=\n"), uint16(3))
	f.Add(bytes.Repeat([]byte("0123456789"), 20), []byte("=ybegin line=3 size=3 name=x\n"), uint16(9))
	f.Fuzz(func(t *testing.T, plain, text []byte, cut uint16) {
		n := min(int(cut), len(text))
		e := &embedded{}
		whole := findFiles(e, text)
		if got := findFiles(e, text[:n], text[n:]); got != whole {
			t.Fatalf("%q cut at %d: %q, whole %q", text, n, got, whole)
		}
		// A file of our making, at a line's start.
		if len(plain) == 0 {
			return
		}
		in := "begin 644 f\n"
		for line := range slices.Chunk(plain, 45) {
			in += uu(string(line))
		}
		in += "`\nend\n"
		if files := slowUU([]byte(in)); len(files) != 1 || files[0] != string(plain) {
			t.Fatalf("%q: reference %q", in, files)
		}
		if got, want := findFiles(e, []byte(in)), fmt.Sprintf("f: %q ()\n", plain); got != want {
			t.Fatalf("%q: %q, want %q", in, got, want)
		}
		in = "begin-base64 644 f\n" + lines(stdbase64.StdEncoding.EncodeToString(plain), 76) + "====\n"
		if got, want := findFiles(e, []byte(in)), fmt.Sprintf("f: %q ()\n", plain); got != want {
			t.Fatalf("%q: %q, want %q", in, got, want)
		}
	})
}

func FuzzYEnc(f *testing.F) {
	f.Add([]byte("MZ.\x00\xd6\xe0\xe3"), []byte("=ybegin line=3 size=3 name=x\n=y=\n=ypart begin=1 end=2\nabc=yend"), uint16(3))
	f.Fuzz(func(t *testing.T, plain, text []byte, cut uint16) {
		n := min(int(cut), len(text))
		e := &embedded{}
		text = append([]byte("=ybegin line=3 size=3 name=x\n"), text...)
		whole := findFiles(e, text)
		if got := findFiles(e, text[:n], text[n:]); got != whole {
			t.Fatalf("%q cut at %d: %q, whole %q", text, n, got, whole)
		}
		if len(plain) == 0 {
			return
		}
		in := fmt.Sprintf("=ybegin line=%d size=%d name=f\r\n%s=yend size=%d crc32=%08x\r\n",
			1+int(cut), len(plain), yEnc(string(plain), 1+int(cut)), len(plain), crc32.ChecksumIEEE(plain))
		if got, want := findFiles(e, []byte(in)), fmt.Sprintf("f: %q ()\n", plain); got != want {
			t.Fatalf("%q: %q, want %q", in, got, want)
		}
	})
}

func BenchmarkEmbedded(b *testing.B) {
	text := bytes.Repeat([]byte("A usual line of text, in which nothing begins, or ends = = =.\r\n"), 1000)
	e := &embedded{}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		e.reset()
		e.write(text)
	}
}
