package antivirus

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"sluice/policy"
)

// scanBuckets are seconds, from half a millisecond to ten seconds.
var scanBuckets = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// Counted here because this is where it happens.
var (
	inUse  = metrics.NewGauge("sluice_antivirus_memory_bytes_in_use", nil)
	panics = metrics.GetOrCreateCounter("sluice_panics_total") // of package filter
)

// engineCounts are the metrics of one engine. Engines of one name share them:
// after a reload counting goes on.
type engineCounts struct {
	name      string
	seconds   *metrics.PrometheusHistogram
	unscanned *metrics.Counter
}

// ofTenant is the label where the recipient's policy says what follows.
const ofTenant = "tenant"

func newEngineCounts(name string, p *policy.FailurePolicy) engineCounts {
	word := ofTenant
	if p != nil {
		word = p.String()
	}
	return engineCounts{
		name:    name,
		seconds: metrics.GetOrCreatePrometheusHistogramExt(fmt.Sprintf("sluice_scan_seconds{engine=%q}", name), scanBuckets),
		unscanned: metrics.GetOrCreateCounter(
			fmt.Sprintf("sluice_messages_unscanned_total{engine=%q,policy=%q}", name, word)),
	}
}

// vote counts an engine's vote on one message.
func (c *engineCounts) vote(v Vote, took time.Duration) {
	c.seconds.Update(took.Seconds())
	if v.Result == Unscannable || v.Result == Failed && v.Reason != Cancelled {
		c.unscanned.Inc()
	}
	if v.Result == Failed && v.Reason != Cancelled {
		metrics.GetOrCreateCounter(
			fmt.Sprintf("sluice_engine_errors_total{engine=%q,kind=%q}", c.name, v.Reason)).Inc()
	}
}

func ageMetric(name string) string {
	return fmt.Sprintf("sluice_signature_age_seconds{engine=%q}", name)
}

// setAge states how old an engine's signatures are.
func setAge(name string, age time.Duration) {
	metrics.GetOrCreateGauge(ageMetric(name), nil).Set(age.Seconds())
}

// forgetAge takes the statement back: nobody looks any more.
func forgetAge(name string) { metrics.UnregisterMetric(ageMetric(name)) }
