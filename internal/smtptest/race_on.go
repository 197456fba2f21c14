//go:build race

package smtptest

// raceEnabled tells Bubble that the race detector runs; tags choose only this constant.
const raceEnabled = true
