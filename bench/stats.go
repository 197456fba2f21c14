package main

import (
	"cmp"
	"slices"
)

// A spread is what several rounds gave for one figure.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spreadOf summarises values in any order; of none it is all zero.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{slices.Min(values), median(values), slices.Max(values)}
}

// median is the middle value, or the mean of the middle two; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Clone(values)
	slices.Sort(s)
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

// quantile is the smallest of the values that at least the share q of them
// does not exceed (the nearest-rank definition), q in (0, 1]; 0 of none.
func quantile[T cmp.Ordered](values []T, q float64) (value T) {
	if len(values) == 0 {
		return value
	}
	s := slices.Clone(values)
	slices.Sort(s)
	rank := int(q * float64(len(s)))
	if float64(rank) < q*float64(len(s)) {
		rank++
	}
	return s[min(max(rank, 1), len(s))-1]
}

// rotate returns list begun at its nth element, so that no peer always runs
// first. The list is not changed.
func rotate[T any](list []T, n int) []T {
	if len(list) == 0 {
		return nil
	}
	n %= len(list)
	return append(slices.Clone(list[n:]), list[:n]...)
}

// paired divides, round by round, the figure of one peer by another's of the
// same round. A round that lacks either gives nothing.
func paired(numerator, denominator map[int]float64) []float64 {
	rounds := make([]int, 0, len(numerator))
	for r := range numerator {
		if denominator[r] > 0 {
			rounds = append(rounds, r)
		}
	}
	slices.Sort(rounds)
	ratios := make([]float64, len(rounds))
	for i, r := range rounds {
		ratios[i] = numerator[r] / denominator[r]
	}
	return ratios
}
