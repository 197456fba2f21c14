package mime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

const binHexComment = "(This file must be converted with BinHex 4.0)\n\n"

// binHexed is a file in BinHex, in lines of 64 characters: runs of more than
// three are shortened.
func binHexed(name string, data, resources []byte) string {
	b := append([]byte{byte(len(name))}, name...)
	b = append(b, "\x00TEXTttxt\x00\x00"...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(resources)))
	b = append(append(append(append(append(b, "\x12\x34"...), data...), 0, 0), resources...), 0, 0)
	var packed []byte
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && b[i+n] == b[i] && n < 255 {
			n++
		}
		one := []byte{b[i]}
		if b[i] == binHexRun {
			one = []byte{binHexRun, 0}
		}
		if n > 3 {
			packed = append(append(packed, one...), binHexRun, byte(n))
		} else {
			packed = append(packed, bytes.Repeat(one, n)...)
		}
		i += n
	}
	var out strings.Builder
	var table [64]byte
	for c, v := range binHexTable {
		if v < 64 {
			table[v] = byte(c)
		}
	}
	for ; len(packed)%3 != 0; packed = append(packed, 0) {
	}
	out.WriteByte(':')
	for i := 0; i < len(packed); i += 3 {
		v := int(packed[i])<<16 | int(packed[i+1])<<8 | int(packed[i+2])
		for shift := 18; shift >= 0; shift -= 6 {
			out.WriteByte(table[v>>shift&63])
		}
	}
	out.WriteByte(':')
	return lines(out.String(), 64)
}

func TestBinHex(t *testing.T) {
	all := make([]byte, 600)
	for i := range all {
		all[i] = byte(i)
	}
	mz := binHexed("a.exe", []byte("MZ"), nil)
	flat := ":" + strings.ReplaceAll(strings.Trim(mz, ":\n"), "\n", "") + ":\n"
	for _, c := range []struct{ in, want string }{
		{mz, ""}, // nothing says that it is one
		{binHexComment + mz, "a.exe: \"MZ\" ()\n"},
		{"text\r\n(This file must be converted; you need BINHEX)\r\n\r\n\r\nmore text\r\n" + crlf(mz) + "text\r\n", "a.exe: \"MZ\" ()\n"},
		{"(This file must be converted)\n" + mz, ""},
		{binHexComment + binHexed("a", all, nil), fmt.Sprintf("a: %q ()\n", all)},
		{binHexComment + binHexed("a", bytes.Repeat([]byte("x"), 10000), nil), fmt.Sprintf("a: %q ()\n", strings.Repeat("x", 10000))},
		{binHexComment + binHexed("a", bytes.Repeat([]byte{binHexRun}, 500), nil), fmt.Sprintf("a: %q ()\n", bytes.Repeat([]byte{binHexRun}, 500))},
		{binHexComment + binHexed("a", []byte("MZ"), []byte("fork")), "a: \"MZ\" ()\n: \"fork\" ()\n"},
		{binHexComment + binHexed("a", nil, []byte("fork")), "a: \"fork\" ()\n"},
		{binHexComment + binHexed("a", nil, nil), ""},
		{binHexComment + mz + binHexed("b", []byte("b"), nil), "a.exe: \"MZ\" ()\nb: \"b\" ()\n"},
		// One line, blanks inside, a line far longer than is held.
		{binHexComment + flat, "a.exe: \"MZ\" ()\n"},
		{binHexComment + strings.ReplaceAll(flat, "!", " !\t"), "a.exe: \"MZ\" ()\n"},
		{binHexComment + strings.ReplaceAll(binHexed("a", bytes.Repeat(all, 20), nil), "\n", ""), fmt.Sprintf("a: %q ()\n", bytes.Repeat(all, 20))},
		// Without an end; text behind a colon that begins nothing.
		{binHexComment + strings.TrimSuffix(strings.TrimSpace(mz), ":"), "a.exe: \"MZ\" (no end)\n"},
		{binHexComment + mz[:35] + "~\nbegin 644 b\n" + uu("b") + "end\n", "a.exe: \"M\" (no end)\nb: \"b\" ()\n"},
		{binHexComment + ":-) and so on\n::\n" + mz, "a.exe: \"MZ\" ()\n"},
		{binHexComment + "begin 644 b\n" + uu("b") + "end\n" + mz, "b: \"b\" ()\na.exe: \"MZ\" ()\n"},
		{"=ybegin line=9 size=1 name=b\n" + yEnc("b", 9) + "=yend size=1\n" + binHexComment + mz, "b: \"b\" ()\na.exe: \"MZ\" ()\n"},
	} {
		e := &embedded{}
		cuts([]byte(c.in), func(name string, pieces [][]byte) {
			if got := findFiles(e, pieces...); got != c.want {
				t.Errorf("%.300q in %s: %.300q, want %.300q", c.in, name, got, c.want)
			}
		})
	}
}

// Where the part says what it is, no line has to.
func TestBinHexParts(t *testing.T) {
	file := binHexed("e.dat", []byte("MZ"), nil)
	for _, fields := range []string{
		"Content-Type: application/mac-binhex40\n", "Content-Type: application/x-binhex40\n", "Content-Type: text/plain; name=a.HQX\n",
		"Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.hqx\n",
		"Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-binhex\n",
	} {
		s := readCuts(t, []byte(crlf(fields+"\n"+file)))
		if n := len(s.parts); n != 3 || string(s.parts[2].data) != "MZ" || s.parts[2].Names[0] != "e.dat" {
			t.Errorf("%s:\n%s", fields, s.tree())
		}
	}
	s := readCuts(t, []byte(crlf("Content-Type: application/octet-stream\n\n"+binHexComment+file)))
	if len(s.parts) != 3 {
		t.Errorf("by its first line:\n%s", s.tree())
	}
}

// Runs make a file of 160 MB out of 1.7 MB of mail: it is told up to the limit.
func TestBinHexBomb(t *testing.T) {
	bomb := binHexed("a", bytes.Repeat([]byte("x"), 160<<20), nil)
	p := new(Parser)
	s := &sizeSink{}
	p.Reset(s)
	p.Write([]byte("\n" + binHexComment + bomb))
	p.Close()
	if s.size > inflated+int64(len(bomb))+100 || !s.limited {
		t.Errorf("%d octets of %d, limited %v", s.size, len(bomb), s.limited)
	}
}

// A sizeSink counts.
type sizeSink struct {
	size    int64
	limited bool
}

func (*sizeSink) Open(*Part)                 { /* counts no parts */ }
func (*sizeSink) Field(*Part, Field)         { /* nor fields */ }
func (*sizeSink) Close(*Part)                { /* nor ends */ }
func (s *sizeSink) Data(_ *Part, b []byte)   { s.size += int64(len(b)) }
func (s *sizeSink) Defect(_ *Part, d Defect) { s.limited = s.limited || d.Rule == RuleOutput }

func FuzzBinHex(f *testing.F) {
	f.Add([]byte("MZ"), []byte("fork"), []byte(":%'4*6@9r\n:\nbegin 644 x\n"), uint16(3))
	f.Add(bytes.Repeat([]byte{binHexRun}, 9), []byte{}, []byte(binHexed("x", []byte("yyyyyyyy"), []byte("z"))), uint16(9))
	f.Fuzz(func(t *testing.T, data, resources, text []byte, cut uint16) {
		n := min(int(cut), len(text))
		text = append([]byte(binHexComment), text...)
		e := &embedded{}
		whole := findFiles(e, text)
		if got := findFiles(e, text[:n], text[n:]); got != whole {
			t.Fatalf("%q cut at %d: %q, whole %q", text, n, got, whole)
		}
		want := ""
		if len(data) > 0 {
			want = fmt.Sprintf("f: %q ()\n", data)
		}
		if name := "f"; len(resources) > 0 {
			if len(data) > 0 {
				name = ""
			}
			want += fmt.Sprintf("%s: %q ()\n", name, resources)
		}
		if got := findFiles(e, []byte(binHexComment+binHexed("f", data, resources))); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}
