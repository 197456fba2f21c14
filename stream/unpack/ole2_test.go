package unpack

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/richardlehane/mscfb"
)

func openOLE2(b *Budget, s Sink) Reader { return Open(TypeOLE2, "", b, s) }

func bigStream(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>9)
	}
	return b
}

func nativePackage(name, path string, data []byte) []byte {
	b := []byte{2, 0}
	b = append(append(b, name...), 0)
	b = append(append(b, path...), 0)
	b = append(b, 0, 0, 3, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(path)+1))
	b = append(append(b, path...), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func biff(records ...any) []byte {
	var b []byte
	for i := 0; i < len(records); i += 2 {
		body := records[i+1].(string)
		b = binary.LittleEndian.AppendUint16(b, uint16(records[i].(int)))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(body)))
		b = append(b, body...)
	}
	return b
}

func TestOLE2(t *testing.T) {
	word := bigStream(6000)
	word[0x0B] = 0 // not encrypted
	auto := "Sub AutoOpen()\r\n  CreateObject(\"x\").Run\r\nEnd Sub\r\n"
	tests := []struct {
		name  string
		files []cfbFile
		want  []string // rules, all of them
	}{
		{"empty", nil, []string{"type.kind:ole2"}},
		{"word", []cfbFile{{path: "WordDocument", data: word}}, []string{"type.kind:doc"}},
		{"macro that waits", append(vbaFiles("Macros/", "Sub Help()\r\nEnd Sub\r\n"), cfbFile{path: "WordDocument", data: word}),
			[]string{"type.kind:doc", "office.macro"}},
		{"macro that runs", append(vbaFiles("Macros/", auto), cfbFile{path: "WordDocument", data: word}),
			[]string{"type.kind:doc", "office.macro", "office.autorun", "office.calls"}},
		// vbaProject.bin of OOXML.
		{"project alone", vbaFiles("", auto), []string{"type.kind:ole2", "office.macro", "office.autorun", "office.calls"}},
		// The name continues on the next line.
		{"continued", vbaFiles("", "Private Sub _\r\nDocument_Open()\r\n"), []string{"type.kind:ole2", "office.macro", "office.autorun"}},
		// A call of that name is none.
		{"called", vbaFiles("", "x = \"autoopen\"\r\nEnd Sub\r\nAutoOpen\r\n"), []string{"type.kind:ole2", "office.macro"}},
		{"excel 4", []cfbFile{{path: "Workbook", data: biff(0x85, "\x00\x00\x00\x00\x01\x01\x05\x00Macro", 0x18, "\x20\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00", 0x0A, "")}},
			[]string{"type.kind:xls", "office.macro:excel4", "office.autorun:excel4"}},
		{"encrypted excel", []cfbFile{{path: "Workbook", data: biff(0x2F, "\x01\x00\x01\x00")}}, []string{"type.kind:xls", "encrypted.document"}},
		{"excel DDE", []cfbFile{{path: "Workbook", data: biff(0x1AE, "\x00\x00\x08\x00\x00cmd\x03/c x")}}, []string{"type.kind:xls", "office.dde"}},
		{"encrypted", []cfbFile{{path: "EncryptedPackage", data: word}, {path: "EncryptionInfo", data: word[:100]}},
			[]string{"type.kind:encrypted", "encrypted.document"}},
		{"word DDE", []cfbFile{{path: "WordDocument", data: append(make([]byte, 512), "text \x13 DDEAUTO c:\\\\x \x15"...)}},
			[]string{"type.kind:doc", "office.dde"}},
		{"word DDE wide", []cfbFile{{path: "WordDocument", data: append(make([]byte, 512), "\x13\x00 \x00D\x00D\x00E\x00A\x00"...)}},
			[]string{"type.kind:doc", "office.dde"}},
		{"equation", []cfbFile{{path: "ObjectPool/_1/Equation Native", data: word[:80]}}, []string{"type.kind:ole2", "office.object:equation"}},
		{"equation by class", []cfbFile{{path: "a/", clsid: "0002CE02-0000-0000-C000-000000000046"}, {path: "a/x", data: word[:70]}},
			[]string{"type.kind:ole2", "office.object:equation"}},
		{"activex", []cfbFile{{path: "ObjectPool/_1/\x03OCXNAME", data: word[:80]}}, []string{"type.kind:ole2", "office.object:activex"}},
		{"installer", []cfbFile{{path: "\u4840\u3f3f\u4577\u446c\u3e6a\u44b2\u482f", data: word[:80]}, {path: "\u4840\u3F7F\u4164\u422F\u4836", data: nil}},
			[]string{"type.kind:msi"}},
		{"installer by class", []cfbFile{{path: "", clsid: "000C1084-0000-0000-C000-000000000046"}, {path: "x", data: bigStream(9000)}},
			[]string{"type.kind:msi"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := makeCFB(tt.files...)
			got := tellAll(t, openOLE2, data, 0)
			if a, b := strings.Join(got.rules(), " "), strings.Join(tt.want, " "); a != b {
				t.Errorf("rules %q, want %q", a, b)
			}
			sameCuts(t, openOLE2, data)
		})
	}
}

func TestOLE2Members(t *testing.T) {
	big, small := bigStream(70_000), []byte("a few octets")
	s := tellAll(t, openOLE2, makeCFB(
		cfbFile{path: "WordDocument", data: big},
		cfbFile{path: "a/b/small", data: small},
		cfbFile{path: "ObjectPool/_2/\x01Ole10Native", data: nativePackage("invoice.exe", `C:\x\invoice.exe`, []byte("MZ payload"))},
	), 0)
	if m := s.find("WordDocument"); m == nil || !bytes.Equal(m.data, big) || m.Size != int64(len(big)) {
		t.Error("the large stream is not as it was")
	}
	if m := s.find("a/b/small"); m == nil || !bytes.Equal(m.data, small) {
		t.Error("the small stream is not as it was")
	}
	if m := s.find("invoice.exe"); m == nil || string(m.data) != "MZ payload" || !s.has("office.object:package") {
		t.Errorf("packed file: %v", s)
	}
}

func TestOLE2MacroSource(t *testing.T) {
	source := "Sub AutoOpen()\r\n" + strings.Repeat("  x = x & \"http://example.com/a\"\r\n", 400) + "End Sub\r\n"
	files := vbaFiles("", source)
	check := func(t *testing.T, data []byte) {
		m := tellAll(t, openOLE2, data, 0).find("Module1.bas")
		if m == nil || !m.Text || !strings.HasSuffix(string(m.data), source) {
			t.Errorf("source not found")
		}
	}
	t.Run("by dir", func(t *testing.T) { check(t, makeCFB(files...)) })
	files[1].data = []byte{1, 2, 3}
	t.Run("by search", func(t *testing.T) { check(t, makeCFB(files...)) })
}

func TestOutlook(t *testing.T) {
	wide := func(s string) []byte { return []byte(strings.Join(strings.Split(s, ""), "\x00") + "\x00") }
	const sub = "__attach_version1.0_#00000000/"
	s := tellAll(t, openOLE2, makeCFB(
		cfbFile{path: "__properties_version1.0", data: make([]byte, 64)},
		cfbFile{path: "__substg1.0_0037001F", data: wide("subject")},
		cfbFile{path: "__substg1.0_1000001F", data: wide("the body")},
		cfbFile{path: sub + "__substg1.0_3707001F", data: wide("a long name.exe")},
		cfbFile{path: sub + "__substg1.0_3704001E", data: []byte("ALONGN~1.EXE")},
		cfbFile{path: sub + "__substg1.0_37010102", data: []byte("MZ payload")},
		cfbFile{path: "__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_1000001E", data: []byte("inner body")},
	), 0)
	if m := s.find("a long name.exe"); m == nil || string(m.data) != "MZ payload" || m.Names[1] != "ALONGN~1.EXE" {
		t.Errorf("attachment: %v", s)
	}
	if len(s.members) != 3 || string(s.members[0].data) != "the body" && string(s.members[1].data) != "the body" {
		t.Errorf("members: %v", s)
	}
	if !strings.Contains(s.String(), "696e6e657220626f6479") {
		t.Error("the body of the message inside is missing")
	}
}

// The example of [MS-OXRTFCP] section 3.1.1.
func TestExpandRTF(t *testing.T) {
	in := []byte{0x2D, 0, 0, 0, 0x2B, 0, 0, 0, 0x4C, 0x5A, 0x46, 0x75, 0xF1, 0xC5, 0xC7, 0xA7, 0x03, 0x00, 0x0A, 0x00,
		0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0A, 0xF3, 0x20, 0x68, 0x65, 0x6C, 0x09, 0x00, 0x20,
		0x62, 0x77, 0x05, 0xB0, 0x6C, 0x64, 0x7D, 0x0A, 0x80, 0x0F, 0xA0}
	want := "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
	if got, ok := expandRTF(in, 1000); !ok || string(got) != want {
		t.Errorf("%q %v", got, ok)
	}
	if got, ok := expandRTF(in[:30], 1000); ok {
		t.Errorf("cut: %q", got)
	}
}

// Programs differ in whether they believe a header with its own numbers for
// the mini stream: what all files have is read, and that another reading was
// not is noted.
func TestOLE2OddHeader(t *testing.T) {
	for name, at := range map[string]int{"cutoff": 0x38, "mini sector": 0x20} {
		data := oddCFB(at)
		s := tellAll(t, openOLE2, data, 0)
		if m := s.find("a/b"); m == nil || string(m.data) != "small" || !s.has(RuleUnread+":mini stream") {
			t.Errorf("%s: %v", name, s)
		}
	}
}

func oddCFB(at int) []byte {
	data := makeCFB(cfbFile{path: "WordDocument", data: bigStream(5000)}, cfbFile{path: "a/b", data: []byte("small")})
	binary.LittleEndian.PutUint16(data[at:], 0)
	return data
}

// A chain that leads back to itself ends, and is noted.
func TestOLE2Cycle(t *testing.T) {
	data := makeCFB(cfbFile{path: "WordDocument", data: bigStream(8192)})
	fat := len(data) - 512
	binary.LittleEndian.PutUint32(data[fat+4*3:], 2)
	s := tellAll(t, openOLE2, data, 0)
	m := s.find("WordDocument")
	if m == nil || len(m.data) != 8192 {
		t.Errorf("stream: %v", m)
	}
	// A directory that is its own successor.
	dir := le32(data, 0x30)
	binary.LittleEndian.PutUint32(data[fat+4*int(dir):], dir)
	if s = tellAll(t, openOLE2, data, 0); !s.has(RuleBroken) {
		t.Errorf("cycle of the directory: %v", s.rules())
	}
}

func TestOLE2Overlay(t *testing.T) {
	data := append(makeCFB(cfbFile{path: "WordDocument", data: bigStream(8192)}), "PK\x03\x04 appended"...)
	s := tellAll(t, openOLE2, data, 0)
	if m := s.members[len(s.members)-1]; !s.has(RuleOverlay) || string(m.data) != "PK\x03\x04 appended" {
		t.Errorf("%v %q", s.rules(), m.data)
	}
}

func TestOLE2Hurt(t *testing.T) {
	files := append(vbaFiles("Macros/", "Sub AutoOpen()\r\nEnd Sub\r\n"),
		cfbFile{path: "WordDocument", data: bigStream(5000)},
		cfbFile{path: "ObjectPool/_2/\x01Ole10Native", data: nativePackage("x.exe", "y", []byte("data"))})
	hurt(t, openOLE2, makeCFB(files...))
}

// What mscfb reads, we read.
func FuzzOLE2(f *testing.F) {
	f.Add(makeCFB(cfbFile{path: "WordDocument", data: bigStream(5000)}, cfbFile{path: "a/b", data: []byte("small")}))
	f.Add(makeCFB(vbaFiles("", "Sub AutoOpen()\r\nEnd Sub\r\n")...))
	f.Add(oddCFB(0x38))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := tellAll(t, openOLE2, data, 0)
		if s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
		if s.has(RuleBroken) || s.has(RuleMemory) || s.has(RuleEntries) {
			return
		}
		compareCFB(t, data)
	})
}

// compareCFB checks that our reader gives each stream that mscfb gives.
func compareCFB(t *testing.T, data []byte) {
	oracle, err := mscfb.New(bytes.NewReader(data))
	if err != nil {
		return
	}
	c := openCFB(data, func(int64) bool { return true })
	ours := make(map[string]bool)
	for i := range c.entries {
		n := &c.entries[i]
		if n.kind == cfbStream {
			ours[string(join(c.runs(n), len(data)))] = true
		}
	}
	for range 1000 {
		f, err := oracle.Next()
		if err != nil {
			return
		}
		if f.Size <= 0 || f.Size > int64(len(data)) {
			continue
		}
		b, err := io.ReadAll(f)
		if err == nil && int64(len(b)) == f.Size && !ours[string(b)] {
			t.Errorf("mscfb reads a stream of %d octets that we do not", len(b))
		}
	}
}

func TestOVBA(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16, 17, 100, 4095, 4096, 4097, 20_000} {
		want := []byte(strings.Repeat("Attribute VB_Name\r\n Dim x\r\n", n/20+1)[:n])
		if got, ok := decompressVBA(compressVBA(want), 1<<20); !ok || !bytes.Equal(got, want) {
			t.Errorf("%d octets: %d came back, whole %v", n, len(got), ok)
		}
	}
	// The example of [MS-OVBA] section 3.2.3.
	in := []byte{0x01, 0x03, 0xB0, 0x02, 0x61, 0x45, 0x00}
	if got, ok := decompressVBA(in, 1<<20); !ok || string(got) != strings.Repeat("a", 73) {
		t.Errorf("%q %v", got, ok)
	}
}

func FuzzOVBA(f *testing.F) {
	f.Add([]byte{0x01, 0x03, 0xB0, 0x02, 0x61, 0x45, 0x00})
	f.Add(compressVBA([]byte("Sub AutoOpen()\r\nShell x\r\nEnd Sub")))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, _ := decompressVBA(data, 1<<16)
		if len(out) > 1<<16 {
			t.Errorf("%d octets", len(out))
		}
		judgeVBA(out)
		vbaModules(out)
		data = data[:min(len(data), 3000)] // what surely fits a chunk
		if back, ok := decompressVBA(compressVBA(data), 1<<30); len(data) > 0 && (!ok || !bytes.Equal(back, data)) {
			t.Error("what was compressed did not come back")
		}
	})
}
