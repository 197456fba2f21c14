package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// A failure is what a sink does wrong, on purpose, in one transaction.
type failure string

const (
	failNothing  failure = ""
	failGreeting failure = "greet"    // 421 instead of the greeting
	failMail4    failure = "mail4"    // 4xx to MAIL
	failRcpt4    failure = "rcpt4"    // 4xx to RCPT
	failRcpt5    failure = "rcpt5"    // 5xx to RCPT
	failData4    failure = "data4"    // 4xx to DATA
	failEnd4     failure = "end4"     // 4xx to the end of data
	failEnd5     failure = "end5"     // 5xx to the end of data
	failRcptCut  failure = "rcptcut"  // closes at RCPT
	failBodyCut  failure = "bodycut"  // resets in the middle of the data
	failEarly    failure = "early"    // 5xx in the middle of the data, reading on
	failCut      failure = "cut"      // closes after the terminator, commits nothing
	failLostCut  failure = "lostcut"  // commits, then closes without a reply
	failHalfCut  failure = "halfcut"  // commits, then closes after half a reply
	failDelay    failure = "delay"    // commits and replies, late
	failReplyCut failure = "replycut" // commits, replies, then resets
)

// failures lists all, in the order of help texts.
func failures() []failure {
	return []failure{failGreeting, failMail4, failRcpt4, failRcpt5, failData4, failEnd4, failEnd5, failRcptCut, failBodyCut,
		failEarly, failCut, failLostCut, failHalfCut, failDelay, failReplyCut}
}

// A plan says how often which failure happens. The zero value never fails.
// Equal seeds and equal histories give equal failures.
type plan struct {
	seed  uint64
	delay time.Duration // of failDelay, at most
	rates []rate
}

type rate struct {
	failure failure
	share   float64 // of transactions, 0 to 1
}

// parsePlan reads rcpt4:2,end5:1.5 in percent; "all:1" gives every failure
// that share.
func parsePlan(text string, seed uint64, delay time.Duration) (plan, error) {
	p := plan{seed: seed, delay: delay}
	if text == "" || text == "none" {
		return p, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, percent, _ := strings.Cut(part, ":")
		share, err := strconv.ParseFloat(percent, 64)
		if err != nil || share < 0 || share > 100 {
			return plan{}, fmt.Errorf("failure %q: want NAME:PERCENT", part)
		}
		known := false
		for _, f := range failures() {
			if string(f) == name || name == "all" {
				p.rates = append(p.rates, rate{f, share / 100})
				known = true
			}
		}
		if !known {
			return plan{}, fmt.Errorf("failure %q: want one of %v", part, failures())
		}
	}
	return p, nil
}

// choose returns what goes wrong in the nth transaction of a message, and a
// source for what is random in it.
func (p plan) choose(id string, nth int) (failure, *rand.Rand) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", id, nth)
	random := rand.New(rand.NewPCG(p.seed, h.Sum64()))
	u := random.Float64()
	for _, r := range p.rates {
		if u -= r.share; u < 0 {
			return r.failure, random
		}
	}
	return failNothing, random
}
