package headers

import (
	"bytes"
	"time"
)

// A moment is what a Date field says.
type moment struct {
	time time.Time
	zone bool // with a zone that exists
}

// parseDate reads a date (RFC 5322 section 3.3, and section 4.3 for obsolete
// zones and years), unfolded. It is as tolerant as mail programs: the day of the week is
// not looked at, seconds and zone may be missing.
func parseDate(v []byte) (m moment, ok bool) {
	if i := bytes.IndexByte(v, ','); i >= 0 {
		v = v[i+1:]
	} else if word, rest := nextWord(v); len(word) > 0 && word[0] > '9' {
		v = rest // QUIRK: a day of the week without a comma
	}
	word, v := nextWord(v)
	day, ok := number(word, 2)
	if !ok || day == 0 {
		return m, false
	}
	word, v = nextWord(v)
	month := monthOf(word)
	if month == 0 {
		return m, false
	}
	word, v = nextWord(v)
	year, ok := number(word, 4)
	if !ok || len(word) < 2 {
		return m, false
	}
	switch { // RFC 5322 section 4.3
	case len(word) == 2 && year < 50:
		year += 2000
	case len(word) <= 3:
		year += 1900
	}
	word, v = nextWord(v)
	clock, ok := clockOf(word)
	if !ok {
		return m, false
	}
	word, _ = nextWord(v)
	offset, zone := zoneOf(word)
	m.zone = zone
	m.time = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if m.time.Day() != day { // 31 February
		return moment{}, false
	}
	m.time = m.time.Add(clock - offset)
	return m, true
}

// nextWord returns what stands up to the next blank, and what follows.
func nextWord(v []byte) (word, rest []byte) {
	v = bytes.TrimLeft(v, " \t")
	if i := bytes.IndexAny(v, " \t"); i >= 0 {
		return v[:i], v[i:]
	}
	return v, nil
}

// number reads one to most digits.
func number(word []byte, most int) (n int, ok bool) {
	if len(word) == 0 || len(word) > most {
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// months are the names of months by their first three letters.
const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// monthOf returns the month whose name begins with word, 0 if none. QUIRK:
// programs write "June" and "Sept".
func monthOf(word []byte) time.Month {
	if len(word) < 3 {
		return 0
	}
	lower := [3]byte{word[0] | 0x20, word[1] | 0x20, word[2] | 0x20}
	for i := 0; i < len(months); i += 3 {
		if months[i:i+3] == string(lower[:]) {
			return time.Month(i/3 + 1)
		}
	}
	return 0
}

// clockOf reads hh:mm or hh:mm:ss.
func clockOf(word []byte) (time.Duration, bool) {
	hours, rest, ok := bytes.Cut(word, []byte(":"))
	if !ok {
		return 0, false
	}
	minutes, seconds, with := bytes.Cut(rest, []byte(":"))
	h, ok1 := number(hours, 2)
	m, ok2 := number(minutes, 2)
	s, ok3 := 0, true
	if with {
		s, ok3 = number(seconds, 2)
	}
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 { // 60: a leap second
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second, true
}

// utmostZone is the largest offset that any place on earth has had: 14 hours.
const utmostZone = 14

// zoneOf reads a zone, and tells whether there is one. Unknown letters count
// as UTC (RFC 5322 section 4.3).
func zoneOf(word []byte) (time.Duration, bool) {
	if len(word) == 0 || word[0] == '(' {
		return 0, false
	}
	if sign := word[0]; sign == '+' || sign == '-' {
		n, ok := number(word[1:], 4)
		if !ok || len(word) != 5 || n/100 > utmostZone || n%100 > 59 {
			return 0, false
		}
		offset := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
		if sign == '-' {
			offset = -offset
		}
		return offset, true
	}
	if word[0] >= '0' && word[0] <= '9' {
		return 0, false
	}
	switch string(word) {
	case "EDT":
		return -4 * time.Hour, true
	case "EST", "CDT":
		return -5 * time.Hour, true
	case "CST", "MDT":
		return -6 * time.Hour, true
	case "MST", "PDT":
		return -7 * time.Hour, true
	case "PST":
		return -8 * time.Hour, true
	}
	return 0, true
}
