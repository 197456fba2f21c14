package antivirus

import (
	"bytes"
	"strconv"
	"time"
)

// until reads up to and without the octet end. More than roomSize octets are
// no answer.
func (c *conn) until(end byte) ([]byte, error) {
	for from := 0; ; {
		if i := bytes.IndexByte(c.buf[from:], end); i >= 0 {
			line := c.buf[:from+i]
			c.buf = c.buf[from+i+1:]
			return line, nil
		}
		from = len(c.buf)
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more behind what is there.
func (c *conn) fill() error {
	if len(c.buf) == len(c.room) {
		return errGarbled
	}
	c.buf = c.room[:copy(c.room, c.buf)]
	n, err := c.Read(c.room[len(c.buf):])
	c.buf = c.room[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

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
