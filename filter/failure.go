package filter

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// failedRule ends the rule name of a module's failure.
const failedRule = ".failed"

// A failure is why a module could not do its work. Its word is the finding's
// Detail and a label in metrics.
type failure uint8

const (
	panicked  failure = iota
	faulty            // returned an error
	overdue           // did not answer in time
	cancelled         // the session ended first; no fault, and not counted
	busy              // too many of its scanners were left behind
	flooded           // too many findings or nested events
	confused          // answered with a reply that is no refusal
	failures          // how many there are
)

var failureWords = [failures]string{"panic", "error", "deadline", "cancelled", "busy", "flood", "reply"}

func (f failure) String() string { return failureWords[f] }

// Counted here because this is where it happens. The module's own counters are
// in its entry.
var (
	panics  = metrics.NewCounter("sluice_panics_total")
	dropped = metrics.NewCounter("sluice_channel_dropped_total")
)

// counters makes the entry's counters. A chain built anew goes on with those
// of the one before.
func (e *entry) counters() {
	e.unscanned = metrics.GetOrCreateCounter(
		fmt.Sprintf("sluice_messages_unscanned_total{engine=%q,policy=%q}", e.name, e.OnFailure))
	for f := range failures {
		e.errors[f] = metrics.GetOrCreateCounter(
			fmt.Sprintf("sluice_engine_errors_total{engine=%q,kind=%q}", e.name, f))
	}
}

func (e *entry) count(why failure) {
	if why == cancelled {
		return
	}
	e.errors[why].Inc()
	e.unscanned.Inc()
}
