package main

import "testing"

func TestGrowth(t *testing.T) {
	last := mostGrowth + 1
	for _, c := range []struct {
		live uint64
		want int
	}{{0, mostGrowth}, {1 << 10, mostGrowth}, {4 << 20, 1500}, {32 << 20, 100}, {60 << 20, leastGrowth}, {64 << 20, leastGrowth}, {10 << 30, leastGrowth}} {
		got := growthFor(c.live)
		if got != c.want {
			t.Errorf("%d octets: %d %%, want %d", c.live, got, c.want)
		}
		if got > last {
			t.Errorf("%d octets may grow more than less", c.live)
		}
		last = got
	}
}
