package smtptest

import (
	"testing"
	"testing/synctest"
)

// Bubble runs f in virtual time. Under the race detector it skips the test:
// Go 1.26 crashes there in bubbles with many timers (golang/go#76691), and the
// deadlines of net.Pipe are such timers. The decision is made at run time and
// said aloud, so that no test vanishes by a build tag; run the same scenario
// under -race on loopback.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if Race {
		t.Skip("race: virtual time crashes under -race on Go 1.26 (golang/go#76691)")
	}
	synctest.Test(t, f)
}
