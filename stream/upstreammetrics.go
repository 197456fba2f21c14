package stream

import (
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// replyBuckets reach from a server in the same rack to the last moment a
// sender waits for the end of data (RFC 5321 section 4.5.3.2.6).
var replyBuckets = []float64{.0005, .001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 600}

var (
	rcptSeconds   = metrics.NewPrometheusHistogramExt(`sluice_upstream_reply_seconds{command="rcpt"}`, replyBuckets)
	commitSeconds = metrics.NewPrometheusHistogramExt(`sluice_upstream_reply_seconds{command="commit"}`, replyBuckets)

	staleSessions  = metrics.NewCounter("sluice_upstream_stale_sessions_total")
	reusedSessions = metrics.NewCounter("sluice_upstream_reused_sessions_total")
	garbledReplies = metrics.NewCounter("sluice_upstream_garbled_total")
	injectedOctets = metrics.NewCounter("sluice_upstream_starttls_injection_total")
	breakersOpened = metrics.NewCounter("sluice_upstream_breaker_opened_total")
)

// A dialResult is the label of one connection attempt.
type dialResult string

const (
	dialOK      dialResult = "ok"
	dialDNS     dialResult = "dns"
	dialRefused dialResult = "refused"
	dialTimeout dialResult = "timeout"
	dialTLS     dialResult = "tls"
	dialBanner  dialResult = "banner" // greeting, EHLO, or what follows them
)

// labelEscape makes a route's name fit into a label's value.
var labelEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// dialled counts an attempt. Attempts are rare enough for the look-up.
func dialled(route string, result dialResult) {
	metrics.GetOrCreateCounter(`sluice_upstream_dial_total{route="` + labelEscape.Replace(route) + `",result="` + string(result) + `"}`).Inc()
}
