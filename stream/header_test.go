package stream

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
)

// headerLength is the plain reading of headerEnd: the block ends behind the
// first empty line.
func headerLength(p []byte) (n int, found bool) {
	if bytes.HasPrefix(p, []byte("\r\n")) {
		return 2, true
	}
	if i := bytes.Index(p, []byte("\n\r\n")); i >= 0 {
		return i + 3, true
	}
	return len(p), false
}

// TestHeaderEndInEveryCutting cuts every short text over the octets that
// matter in every way.
func TestHeaderEndInEveryCutting(t *testing.T) {
	const octets, length = "a\r\n", 7
	texts := []string{""}
	for first := 0; len(texts[first]) < length; first++ {
		for _, c := range octets {
			texts = append(texts, texts[first]+string(c))
		}
	}
	for _, text := range texts {
		want, wantFound := headerLength([]byte(text))
		for cuts := range 1 << max(len(text)-1, 0) {
			var h headerEnd
			from := 0
			for i := 1; i <= len(text); i++ {
				if i == len(text) || cuts>>(i-1)&1 == 1 {
					h.scan([]byte(text[from:i]))
					from = i
				}
			}
			if h.size != want || h.found != wantFound {
				t.Fatalf("%q cut by %b: %d %v, want %d %v", text, cuts, h.size, h.found, want, wantFound)
			}
		}
	}
}

func TestReadHeader(t *testing.T) {
	own := "Received: from a (b [192.0.2.1])\r\n\tby mx.test (Sluice) with SMTP id x; date\r\n"
	for text, want := range map[string]headerFacts{
		"":                        {},
		"\r\n":                    {},
		"Subject: x\r\n\r\n":      {},
		own + "\r\n":              {received: 1, own: 1},
		strings.Repeat(own, 3):    {received: 3, own: 3},
		"received : a\r\n b\r\n":  {received: 1},
		"X-Received: a\r\n":       {},
		" Received: a\r\n":        {},
		"a\r\n Received: b\r\n":   {},
		"MESSAGE-ID:\r\n":         {hasMessageID: true},
		"Message-ID\r\n: x\r\n":   {},
		"Subject: Message-ID: x":  {},
		"Received: x":             {received: 1},
		"Received:by mx.test\r\n": {received: 1},
		":\r\nReceived: x\r\n":    {received: 1},
		"A: b\r\nAuthentication-Results: mx.test; spf=pass\r\n c\r\nB: d\r\n": {forgedAuthres: [][2]int{{6, 53}}},
		"authentication-results:\r\n \"MX.test\" 1;\r\n":                      {forgedAuthres: [][2]int{{0, 40}}},
		"Authentication-Results: mx.test.example; a\r\n":                      {},
	} {
		got := readHeader([]byte(text), "mx.test")
		if got.received != want.received || got.own != want.own || got.hasMessageID != want.hasMessageID ||
			len(got.forgedAuthres) != len(want.forgedAuthres) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
			continue
		}
		for i := range got.forgedAuthres {
			if got.forgedAuthres[i] != want.forgedAuthres[i] {
				t.Errorf("%q: at %v, want %v", text, got.forgedAuthres, want.forgedAuthres)
			}
		}
	}
}

func TestLoops(t *testing.T) {
	for _, test := range []struct {
		received, own int
		want          bool
	}{{100, 0, false}, {101, 0, true}, {5, 5, false}, {6, 6, true}} {
		h := headerFacts{received: test.received, own: test.own}
		if h.loops() != test.want {
			t.Errorf("%+v: %v", test, !test.want)
		}
	}
}

// FuzzHeader holds headerEnd against its plain reading in any cutting, and
// readHeader against the standard library where that can read the block.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("Received: a\r\nMessage-ID: b\r\n c\r\n\r\nbody"), uint8(3))
	f.Add([]byte("Message-ID :b\r\n c\r\n\r\n"), uint8(3))
	f.Add([]byte("\r\n\r\n"), uint8(1))
	f.Add([]byte("a\r\n\r"), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, n uint8) {
		var h headerEnd
		for rest, size := p, int(n)+1; len(rest) > 0; size = size*7%11 + 1 {
			k := min(size, len(rest))
			h.scan(rest[:k])
			rest = rest[k:]
		}
		size, found := headerLength(p)
		if h.size != size || h.found != found {
			t.Fatalf("%d %v, want %d %v", h.size, h.found, size, found)
		}
		facts := readHeader(p[:size], "mx.test")
		for _, place := range facts.forgedAuthres {
			if place[0] >= place[1] || place[1] > size || !bytes.EqualFold(p[place[0]:place[0]+4], []byte("auth")) {
				t.Fatalf("place %v", place)
			}
		}
		if bytes.Contains(bytes.ReplaceAll(p[:size], []byte("\r\n"), nil), []byte("\r")) {
			return // net/mail takes other line ends, too
		}
		if bytes.Count(p[:size], []byte("\n")) != bytes.Count(p[:size], []byte("\r\n")) {
			return
		}
		m, err := mail.ReadMessage(bytes.NewReader(p[:size]))
		if err != nil || !found {
			return
		}
		// net/mail keeps blanks before the colon in the name; RFC 5322 section 4.5
		// has them belong to none.
		fields := make(map[string]int)
		for name, values := range m.Header {
			fields[strings.ToLower(strings.TrimRight(name, " \t"))] += len(values)
		}
		if facts.received != fields["received"] {
			t.Errorf("%d Received fields, want %d", facts.received, fields["received"])
		}
		if want := fields["message-id"] > 0; facts.hasMessageID != want {
			t.Errorf("Message-ID %v, want %v", facts.hasMessageID, want)
		}
	})
}
