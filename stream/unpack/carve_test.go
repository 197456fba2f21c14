package unpack

import (
	"archive/zip"
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func carver1(types ...Type) func(*Budget, Sink) Reader {
	return func(b *Budget, s Sink) Reader {
		b.Leave() // it is a leaf's
		defer b.Enter()
		return Carve(types, b, s)
	}
}

func smallZip(t testing.TB, name, content string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCarve(t *testing.T) {
	zipped := smallZip(t, "a.exe", "MZ payload")
	seven := makeSeven(sevenCopy, "a.exe", "MZ payload")
	rar4, rar5 := makeRAR4(rarFile{name: "a.exe", data: "MZ payload"}), makeRAR5(rarFile{name: "a.exe", data: "MZ payload"})
	ole := makeCFB(cfbFile{path: "a", data: []byte("MZ payload")})
	pdf := makePDF("", pdfRoot)
	exe := append([]byte("MZ"), bigStream(100_000)...)
	png := append([]byte("\x89PNG\r\n\x1A\n"), bigStream(3000)...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name  string
		types []Type
		data  []byte
		rules string
		want  []byte
	}{
		{"plain", []Type{TypePNG}, png, "", nil},
		{"short", nil, []byte("x"), "", nil},
		{"zip behind PE", []Type{TypePE}, join(exe, zipped), "type.overlay:zip", zipped},
		{"zip behind PNG", []Type{TypePNG}, join(png, zipped), "type.polyglot:zip", zipped},
		{"zip behind PDF", []Type{TypePDF}, join(pdf, zipped), "type.polyglot:zip", zipped},
		{"zip in PDF", []Type{TypePDF}, join(pdf, zipped, pdf), "type.overlay:zip", join(zipped, pdf)},
		{"zip and junk", []Type{TypePNG}, join(png, zipped, png), "type.polyglot:zip", join(zipped, png)},
		{"zip, another mark before", []Type{TypePNG}, join(png, []byte("PK\x03\x04 not one"), zipped), "type.polyglot:zip", zipped},
		{"zip, a header before", []Type{TypePNG}, join(png, zipped[:40], zipped), "type.polyglot:zip", zipped},
		{"zip without an end", []Type{TypePNG}, join(png, zipped[:60]), "", nil},
		{"7z", []Type{TypePE}, join(exe, seven), "type.overlay:7z", seven},
		{"7z mark only", []Type{TypePE}, join(exe, []byte(sevenMagic), exe), "", nil},
		{"rar 4", []Type{TypePE}, join(exe, rar4), "type.overlay:rar", rar4},
		{"rar 5", []Type{TypeJPEG}, join(png, rar5), "type.polyglot:rar", rar5},
		{"rar mark only", []Type{TypePE}, join(exe, []byte(rar4Magic), exe), "", nil},
		{"compound file", []Type{TypePNG}, join(png, ole), "type.polyglot:ole2", ole},
		{"pdf", []Type{TypePNG}, join(png, pdf), "type.polyglot:pdf", pdf},
		{"pdf in words", []Type{TypeText}, []byte("a file begins with %PDF-1.4, they say"), "", nil},
		{"zip behind gzip", []Type{TypeGzip}, join([]byte("\x1F\x8B\x08"), zipped), "type.polyglot:zip", zipped},
		{"zip behind tar", []Type{TypeTar}, join(make([]byte, 1000), zipped), "type.polyglot:zip", zipped},
		{"zip in tar", []Type{TypeTar}, join(make([]byte, 1024), zipped, make([]byte, 1024)), "", nil},
		{"zip in 7z", []Type{TypeSevenZip}, join([]byte(sevenMagic), zipped, []byte("x")), "type.overlay:zip", join(zipped, []byte("x"))},
		{"7z behind gzip", []Type{TypeGzip}, join([]byte("\x1F\x8B\x08"), seven), "", nil},
		{"zip without local headers", nil, bytes.ReplaceAll(zipped, []byte(sigLocal), make([]byte, 4)), "zip.mismatch:header", nil},
		{"cabinet", []Type{TypePE}, join(exe, cabHeader), "type.overlay:cab", cabHeader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, gap := range []int{0, 32<<10 - 40, 32<<10 - 2} { // marks at the border of blocks
				data := tt.data
				if len(data) > 5000 && gap > 0 {
					data = join(data[:2000], make([]byte, gap), data[2000:])
				}
				s := tellAll(t, carver1(tt.types...), data, 0)
				if got := strings.Join(s.rules(), " "); got != tt.rules {
					t.Fatalf("rules %q, want %q", got, tt.rules)
				}
				switch {
				case tt.want == nil && len(s.members) != 0:
					t.Errorf("%d members", len(s.members))
				case tt.want != nil && (len(s.members) != 1 || !bytes.Equal(s.members[0].data, tt.want)):
					t.Errorf("%d members", len(s.members))
				}
				sameCuts(t, carver1(tt.types...), data)
			}
		})
	}
	for _, typ := range []Type{TypeZip, TypeDocx, TypeISO} {
		if Carve([]Type{typ}, nil, nil) != nil {
			t.Errorf("%s is looked into twice", typ)
		}
	}
}

var cabHeader = append([]byte("MSCF\x00\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x2C\x00\x00\x00\x00\x00\x00\x00\x03\x01"), make([]byte, 74)...)

// Two archives in one file are both told.
func TestCarveTwo(t *testing.T) {
	seven := makeSeven(sevenCopy, "a", "x")
	rar := makeRAR5(rarFile{name: "b", data: "y"})
	s := tellAll(t, carver1(TypePE), bytes.Join([][]byte{bigStream(5000), seven, rar}, nil), 0)
	if len(s.members) != 2 || !s.has(RuleOverlay+":7z") || !s.has(RuleOverlay+":rar") {
		t.Errorf("%v", s.rules())
	}
}

func FuzzCarve(f *testing.F) {
	f.Add(append([]byte("\x89PNG"), smallZip(f, "a", "b")...))
	f.Add(append([]byte("MZ"), makeSeven(sevenCopy, "a", "b")...))
	f.Add(append([]byte("MZ"), makeRAR5(rarFile{name: "a", data: "b"})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := tellAll(t, carver1(TypePNG), data, 0); s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
	})
}

func BenchmarkCarve(b *testing.B) {
	data := bigStream(4 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		budget := NewBudget(Limits{}, nil, "")
		r := Carve([]Type{TypePNG}, budget, &told{t: b})
		r.Write(data)
		r.Close(true)
		budget.Release()
	}
}

func TestCarvingIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, k := range carvings {
		for range 5000 {
			b := make([]byte, random.IntN(300))
			for i := range b {
				b[i] = k.mark[random.IntN(len(k.mark))]
			}
			for range random.IntN(3) {
				copy(b[random.IntN(len(b)+1):], k.mark)
			}
			if got, want := k.index(b), bytes.Index(b, k.mark); got != want {
				t.Fatalf("%q in %q: %d, want %d", k.mark, b, got, want)
			}
		}
	}
}
