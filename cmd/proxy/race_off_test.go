//go:build !race

package main

// raceEnabled tells that the race detector runs; tags choose only this constant.
const raceEnabled = false
