package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An arrival pattern says when messages are due.
//
//	closed      as soon as a worker is free
//	open:RATE   RATE a second, whatever becomes of the earlier ones
//	burst:N/D   N at once, every D
type arrival struct {
	every time.Duration // between bursts; 0: closed
	count int           // messages a burst
}

func parseArrival(s string) (arrival, error) {
	bad := fmt.Errorf("arrival %q: want closed, open:RATE or burst:N/DURATION", s)
	kind, value, _ := strings.Cut(s, ":")
	switch kind {
	case "closed":
		return arrival{}, nil
	case "open":
		rate, err := strconv.ParseFloat(value, 64)
		if err != nil || !(rate > 0) || rate > 1e6 {
			return arrival{}, bad
		}
		return arrival{time.Duration(float64(time.Second) / rate), 1}, nil
	case "burst":
		count, every, _ := strings.Cut(value, "/")
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return arrival{}, bad
		}
		d, err := time.ParseDuration(every)
		if err != nil || d <= 0 {
			return arrival{}, bad
		}
		return arrival{d, n}, nil
	}
	return arrival{}, bad
}

// due returns when message number (from 0) is due after the start.
func (a arrival) due(number int) time.Duration {
	if a.every == 0 {
		return 0
	}
	return time.Duration(number/a.count) * a.every
}

// feed puts the mail that next makes into queue when it is due, and closes
// queue when next has no more or ctx ends.
func (a arrival) feed(ctx context.Context, queue chan<- posted, next func(number int) (mail, bool)) {
	defer close(queue)
	start := time.Now()
	for n := 0; ; n++ {
		m, ok := next(n)
		if !ok {
			return
		}
		due := start.Add(a.due(n))
		if a.every == 0 {
			due = time.Now()
		} else if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		select {
		case <-ctx.Done():
			return
		case queue <- posted{m, due}:
		}
	}
}
