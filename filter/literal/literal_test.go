package literal

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
	"sluice/policy"
	"sluice/stream/wire"
)

// The digest of the EICAR file is published everywhere; a letter wrong in ours
// would make every test here agree with itself.
func TestStrings(t *testing.T) {
	sum := md5.Sum([]byte(EICAR()))
	if got := hex.EncodeToString(sum[:]); got != "44d88612fea8a8f36de82e1278abb02f" {
		t.Errorf("EICAR has digest %s", got)
	}
	for _, s := range []string{GTUBE(), EICAR()} {
		if len(s) != size {
			t.Errorf("%d octets, want %d", len(s), size)
		}
	}
	for _, n := range needles {
		if !bytes.HasPrefix(n.text[n.at:], anchor) {
			t.Errorf("%s: anchor is not at %d", n.rule, n.at)
		}
	}
}

// No file here may trip a scanner.
func TestNoFileContainsThem(t *testing.T) {
	files, err := filepath.Glob("*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		if bytes.Contains(text, []byte(GTUBE())) || bytes.Contains(text, []byte(EICAR())) {
			t.Errorf("%s contains one", name)
		}
	}
}

func TestFindings(t *testing.T) {
	g, e := GTUBE(), EICAR()
	for _, c := range []struct {
		name, content string
		want          []string
	}{
		{"nothing", "Subject: hello\r\n\r\nhello\r\n", nil},
		{"empty", "", nil},
		{"gtube", "Subject: x\r\n\r\n" + g + "\r\n", []string{RuleGTUBE}},
		{"eicar", "Subject: x\r\n\r\n" + e + "\r\n", []string{RuleEICAR}},
		{"in the header", "Subject: " + g + "\r\n\r\n", []string{RuleGTUBE}},
		{"alone", e, []string{RuleEICAR}},
		{"both, in order", e + g, []string{RuleEICAR, RuleGTUBE}},
		{"both, the other order", g + strings.Repeat("x", 500) + e, []string{RuleGTUBE, RuleEICAR}},
		{"twice is once", g + g + "\r\n" + g, []string{RuleGTUBE}},
		{"one octet short", g[:size-1], nil},
		{"first octet missing", e[1:], nil},
		{"anchors only", strings.Repeat(common, 40), nil},
		{"after a false start", g[:size-1] + g, []string{RuleGTUBE}},
		{"folded", g[:30] + "\r\n" + g[30:], nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := filtertest.Cuts(t, Module{}, filtertest.Message{Content: []byte(c.content)})
			if got := filtertest.Rules(found); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for _, f := range found {
				if f.Force != policy.Reject || f.Module != "literal" {
					t.Errorf("finding %+v", f)
				}
			}
		})
	}
}

func TestDecoded(t *testing.T) {
	g, e := GTUBE(), EICAR()
	encoded := func(s string) string {
		return "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(s)) + "\r\n"
	}
	for _, c := range []struct {
		name, content string
		want          []string // rule and place
	}{
		{"eicar", encoded(e), []string{RuleEICAR, "1"}},
		{"gtube, some way in", encoded(strings.Repeat("Hello.\r\n", 100) + g), []string{RuleGTUBE, "1"}},
		{"behind the beginning", encoded(strings.Repeat("Hello.\r\n", 1000) + g), nil},
		{"as it came, too", "Subject: " + e + "\r\n" + encoded(e), []string{RuleEICAR, ""}},
		{"one so, one so", "Subject: " + g + "\r\n" + encoded(e), []string{RuleGTUBE, "", RuleEICAR, "1"}},
		{"one so, the other way round", "Subject: " + e + "\r\n" + encoded(g), []string{RuleEICAR, "", RuleGTUBE, "1"}},
		{"both", encoded(e + g), []string{RuleGTUBE, "1", RuleEICAR, "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range filtertest.Cuts(t, Module{}, filtertest.Message{Content: []byte(c.content)}) {
				got = append(got, f.Rule, f.Place)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A scanner that comes back from the pool knows nothing of its last message.
func TestNothingIsCarriedOver(t *testing.T) {
	half := []byte(GTUBE()[:40])
	rest := []byte(GTUBE()[40:])
	for range 10 {
		filtertest.Run(t, Module{}, filtertest.Message{Content: half, Aborted: true})
		if r := filtertest.Run(t, Module{}, filtertest.Message{Content: rest}); len(r.Findings) > 0 {
			t.Fatalf("found %v in half a string", r.Findings)
		}
	}
}

func FuzzLiteral(f *testing.F) {
	f.Add([]byte("hello "), uint8(1), uint64(1), 3, 3)
	f.Add([]byte("-STANDARD-ANTI"), uint8(2), uint64(9), 0, 7)
	f.Add([]byte{}, uint8(3), uint64(7), 50, 1)
	f.Fuzz(func(t *testing.T, filler []byte, which uint8, seed uint64, damage, at int) {
		var content []byte
		random := rand.New(rand.NewPCG(seed, 0))
		for range 3 {
			content = append(content, filler...)
			switch which % 4 {
			case 1:
				content = append(content, GTUBE()...)
			case 2:
				content = append(content, EICAR()...)
			case 3:
				content = append(content, GTUBE()[:random.IntN(size)]...)
			}
			which /= 4
		}
		if len(content) > 0 && damage%3 == 0 {
			content[uint(at)%uint(len(content))] ^= 1
		}
		found := filtertest.Run(t, Module{}, filtertest.Message{Content: content}, filtertest.RandomSizes(random, len(content))...)
		rules := filtertest.Rules(found.Findings)
		for _, n := range needles {
			if got, want := slices.Contains(rules, n.rule), bytes.Contains(content, n.text); got != want {
				t.Errorf("%s: found %v, is there %v", n.rule, got, want)
			}
		}
	})
}

func TestMessageWithoutStringsAllocatesNothingHere(t *testing.T) {
	chain, err := filter.New(filter.Entry{Module: Module{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	content := bytes.Repeat([]byte("A line of some message, neither short nor long.\r\n"), 100)
	visit := chain.Visit(&filter.Session{})
	envelope := &filter.Envelope{Recipients: make([]wire.Path, 1)}
	allocs := testing.AllocsPerRun(100, func() {
		run, _ := visit.Begin(ctx, envelope)
		run.Open()
		for range 50 {
			run.Write(content)
		}
		run.Finish(ctx)
		run.Close()
	})
	// The Run, its places, and the copy of the recipients.
	if allocs > 3 {
		t.Errorf("%v allocations a message, want 3", allocs)
	}
}

func BenchmarkWrite(b *testing.B) {
	texts := map[string][]byte{
		"text":   bytes.Repeat([]byte("A line of some message - neither short nor long, but well-meant.\r\n"), 1000),
		"base64": bytes.Repeat([]byte("TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n"), 800),
		"dashes": bytes.Repeat([]byte("-"), 1<<16),
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			s := Module{}.Open(nil, nil, nil)
			defer s.Close()
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s.Write(text)
			}
		})
	}
}
