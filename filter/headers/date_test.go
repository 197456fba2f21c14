package headers

import (
	"net/mail"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // empty: cannot be read
		zone bool
	}{
		{"Mon, 2 Dec 2002 15:30:27 -0500", "2002-12-02T20:30:27Z", true},
		{"2 Dec 2002 15:30 +0000 (UTC)", "2002-12-02T15:30:00Z", true},
		{"Mon,2 Dec 2002 15:30:27 GMT", "2002-12-02T15:30:27Z", true},
		{"Mon, 02 dec 02 15:30:27 EST", "2002-12-02T20:30:27Z", true},
		{"Mon 02 December 102 15:30:27 PST", "2002-12-02T23:30:27Z", true},
		{"Sat, 31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00Z", true},
		{"2 Dec 2002 15:30:27", "2002-12-02T15:30:27Z", false},
		{"2 Dec 2002 15:30:27 -2500", "2002-12-02T15:30:27Z", false},
		{"2 Dec 2002 15:30:27 +0090", "2002-12-02T15:30:27Z", false},
		{"2 Dec 2002 15:30:27 0100", "2002-12-02T15:30:27Z", false},
		{"2 Dec 2002 15:30:27 (CET)", "2002-12-02T15:30:27Z", false},
		{"2002-12-02 15:30:27", "", false},
		{"Mon, 31 Feb 2002 15:30:27 GMT", "", false},
		{"Mon, 0 Dec 2002 15:30:27 GMT", "", false},
		{"Mon, 2 Dez 2002 15:30:27 GMT", "", false},
		{"Mon, 2 Dec 2002 24:30:27 GMT", "", false},
		{"Mon, 2 Dec 2002", "", false},
		{"Mon, 2 Dec", "", false},
		{",", "", false},
		{"", "", false},
	} {
		m, ok := parseDate([]byte(c.text))
		got := ""
		if ok {
			got = m.time.Format(time.RFC3339)
		}
		if got != c.want || m.zone != c.zone {
			t.Errorf("%q: %s with zone %v, want %s with %v", c.text, got, m.zone, c.want, c.zone)
		}
	}
}

// What the standard library reads, ours reads alike.
func FuzzDate(f *testing.F) {
	for _, text := range []string{
		"Mon, 2 Dec 2002 15:30:27 -0500", "2 Dec 02 15:30 GMT", "2 Dec 2002 15:30:27 +0000 (UTC)", "Fri, 21 Nov 1997 09:55:06 -0600", ",,", "1 jan 0000 00:00 +1400",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := parseDate([]byte(text))
		want, err := mail.ParseDate(text)
		// The library knows the machine's own zone names, and offsets of more
		// than any place has.
		if err != nil || !m.zone {
			return
		}
		if _, offset := want.Zone(); offset%900 != 0 {
			return
		}
		if name, _ := want.Zone(); !ok || !m.time.Equal(want) && name == "" {
			t.Errorf("%q: %v %v, the library has %v", text, m.time, ok, want)
		}
	})
}
