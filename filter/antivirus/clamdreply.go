package antivirus

import (
	"bytes"
	"strconv"
	"time"
)

// parseClamd reads the answer to scan number n of a session. An error is the
// daemon's fault; the connection is of no use then.
func parseClamd(line []byte, n int) (Vote, error) {
	text, isError := bytes.CutSuffix(line, []byte(" ERROR"))
	if isError {
		// clamd/scanner.c and session.c; with or without the number.
		if bytes.Contains(text, []byte("size limit exceeded")) {
			return unscannable(TooLarge), nil
		}
		return fail(Refused), errRefused
	}
	number, rest, found := bytes.Cut(line, []byte(": "))
	if !found || string(number) != strconv.Itoa(n) {
		return fail(Garbled), errGarbled
	}
	said, ok := bytes.CutPrefix(rest, []byte("stream: "))
	if !ok {
		return fail(Garbled), errGarbled
	}
	if string(said) == "OK" {
		return clean(), nil
	}
	if name, ok := bytes.CutSuffix(said, []byte(" FOUND")); ok {
		return infected(name), nil
	}
	return fail(Garbled), errGarbled
}

// A version is what VERSION answered.
type version struct {
	text       string
	signatures time.Time // when they were made; zero: it did not say
}

// clamdDate is how clamd writes the time of its signatures, in its own time
// zone, which it does not name: taken as UTC, it is wrong by half a day at
// most.
const clamdDate = "Mon Jan _2 15:04:05 2006"

// parseVersion reads "ClamAV 1.4.6/27800/Thu Jan  1 10:00:00 2026"; what
// follows the program's version is missing if the signatures are not the
// official ones.
func parseVersion(line []byte) (version, bool) {
	if !bytes.HasPrefix(line, []byte("ClamAV ")) {
		return version{}, false
	}
	v := version{text: sanitise(line)}
	parts := bytes.Split(line, []byte("/"))
	if len(parts) == 3 {
		if t, err := time.Parse(clamdDate, string(parts[2])); err == nil {
			v.signatures = t
		}
	}
	return v, true
}
