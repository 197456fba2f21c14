//go:build !race

package smtptest

// Race tells that the race detector runs; tags choose only this constant.
const Race = false
