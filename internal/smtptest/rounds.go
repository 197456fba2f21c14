package smtptest

// Rounds is how often a test does again what one goroutine does alone, or how
// much it takes for it: n, and under the race detector a tenth. The detector
// makes code some ten times slower and finds nothing where only one runs.
func Rounds(n int) int {
	if Race {
		return max(n/10, 1)
	}
	return n
}
