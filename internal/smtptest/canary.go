package smtptest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
)

// The canaries stand in every address and message of the tests. None may be
// seen in a log, in metrics, or in an error (I6).
const (
	CanarySender    = "canary-sender@x.test"
	CanaryRecipient = "canary-rcpt@y.test"
	CanaryWord      = "canary-content"
)

// canary is what all canaries have in common; scripts make up their own.
const canary = "canary"

// CheckCanary fails the test if output, named what, shows a canary: in clear,
// or hidden in hexadecimal or base64.
func CheckCanary(t testing.TB, what string, output []byte) {
	t.Helper()
	if err := findCanary(output); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// findCanary returns an error that says where a canary is.
func findCanary(output []byte) error {
	low := bytes.ToLower(output)
	if i := bytes.Index(low, []byte(canary)); i >= 0 {
		return fmt.Errorf("a canary is in it: …%s…", around(output, i))
	}
	if i := bytes.Index(low, []byte(hex.EncodeToString([]byte(canary)))); i >= 0 {
		return fmt.Errorf("a canary is in it, in hexadecimal: …%s…", around(output, i))
	}
	for shift := range 3 {
		// Of base64 only the characters that hold nothing but the canary count.
		b := base64.StdEncoding.EncodeToString(append(make([]byte, shift), canary...))
		b = b[(shift*8+5)/6 : (shift+len(canary))*8/6]
		if i := bytes.Index(output, []byte(b)); i >= 0 {
			return fmt.Errorf("a canary is in it, in base64: …%s…", around(output, i))
		}
	}
	return nil
}

// around returns the octets near i.
func around(b []byte, i int) []byte { return b[max(0, i-60):min(len(b), i+60)] }
