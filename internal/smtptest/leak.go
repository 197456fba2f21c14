package smtptest

import (
	"testing"

	"go.uber.org/goleak"
)

// CheckLeaks makes the test fail if goroutines it started still run when it and
// its subtests have ended. Tests that start goroutines begin with it.
func CheckLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}
