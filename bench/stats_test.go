package main

import (
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		before := slices.Clone(c.in)
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
		if !slices.Equal(before, c.in) {
			t.Errorf("median changed its input to %v", c.in)
		}
	}
	if got := spreadOf([]float64{2, 9, 4}); got != (spread{2, 4, 9}) {
		t.Errorf("spread %v", got)
	}
}

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for _, c := range []struct {
		in   []time.Duration
		q    float64
		want time.Duration
	}{{nil, 0.5, 0}, {hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {[]time.Duration{7}, 0.99, 7}, {[]time.Duration{1, 2, 3}, 0.5, 2}} {
		if got := quantile(c.in, c.q); got != c.want {
			t.Errorf("quantile of %d values at %v = %d, want %d", len(c.in), c.q, got, c.want)
		}
	}
}

func TestRotate(t *testing.T) {
	in := []int{1, 2, 3}
	for n, want := range [][]int{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}, {1, 2, 3}} {
		if got := rotate(in, n); !slices.Equal(got, want) {
			t.Errorf("rotate by %d: %v, want %v", n, got, want)
		}
	}
	if !slices.Equal(in, []int{1, 2, 3}) {
		t.Errorf("rotate changed its input to %v", in)
	}
}

// A ratio is taken within a round: a slow round of both must not show.
func TestPaired(t *testing.T) {
	got := paired(map[int]float64{1: 100, 2: 10, 3: 50}, map[int]float64{1: 50, 2: 5, 4: 1})
	if !slices.Equal(got, []float64{2, 2}) {
		t.Errorf("paired: %v, want [2 2]", got)
	}
}

func TestSummariseAndTargets(t *testing.T) {
	var samples []sample
	for round, pair := range [][2]float64{{110, 100}, {60, 50}, {90, 100}} {
		samples = append(samples, sample{Round: round, Peer: peerSluice, Size: 50e3, Rate: pair[0], CPU: 0.4},
			sample{Round: round, Peer: peerHAProxy, Size: 50e3, Rate: pair[1]})
	}
	m := summarise(samples, peerHAProxy, 50e3)
	if m.SluiceToThis != (spread{0.9, 1.1, 1.2}) {
		t.Errorf("ratio %v", m.SluiceToThis)
	}
	targets := (&sideRun{}).targets([]sideSummary{m, summarise(samples, peerSluice, 50e3)})
	if len(targets) != 2 || !targets[0].Met || targets[1].Met {
		t.Errorf("targets %+v: want the ratio met and the CPU missed", targets)
	}
}
