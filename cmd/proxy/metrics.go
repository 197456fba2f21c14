package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"sluice/policy"
	"sluice/stream"
)

// latencyBuckets are seconds, from half a millisecond to ten seconds.
var latencyBuckets = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

var addedLatency = metrics.NewPrometheusHistogramExt("sluice_added_latency_seconds", latencyBuckets)

// User rules that failed are counted as modules are, by those who can count:
// policy, which evaluates them, knows no metrics.
var (
	userErrors    = metrics.NewCounter(`sluice_engine_errors_total{engine="user",kind="error"}`)
	userUnscanned = metrics.NewCounter(`sluice_messages_unscanned_total{engine="user",policy="closed"}`)
)

// counts are the counters with labels, made when first used.
type counts struct {
	mu       sync.RWMutex // guards counters
	counters map[labels]*metrics.Counter
}

// labels name one series. Nothing in them comes from a sender.
type labels struct {
	metric, a, b string
}

// maxSeries bounds the series: more rules than this have no module.
const maxSeries = 2000

// add counts one record.
func (c *counts) add(rec *stream.Record) {
	if rec.ID == "" {
		c.get(labels{"sluice_sessions_total", string(rec.Verdict), ""}).Inc()
		return
	}
	c.get(labels{"sluice_messages_total", string(rec.Verdict), rec.Stage}).Inc()
	if rec.Tenant != "" {
		c.get(labels{"sluice_tenant_messages_total", rec.Tenant, string(rec.Verdict)}).Inc()
	}
	if rec.Verdict == stream.Rejected || rec.Verdict == stream.Deferred {
		c.get(labels{"sluice_reject_total", rec.Rule, rec.Stage}).Inc()
	}
	if rec.Tagged {
		c.get(labels{"sluice_tagged_total", rec.Rule, ""}).Inc()
	}
	if slices.ContainsFunc(rec.Findings, func(f policy.Finding) bool { return f.Rule == policy.RuleUserFailed }) {
		userErrors.Inc()
		userUnscanned.Inc()
	}
	if rec.Shadow == policy.Reject || rec.Shadow == policy.Defer {
		c.get(labels{"sluice_shadow_would_reject_total", rec.Rule, ""}).Inc()
	}
	if rec.Verdict != stream.Aborted {
		addedLatency.Update(rec.Own.Seconds())
	}
}

func (c *counts) get(l labels) *metrics.Counter {
	c.mu.RLock()
	counter := c.counters[l]
	c.mu.RUnlock()
	if counter != nil {
		return counter
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counters == nil {
		c.counters = map[labels]*metrics.Counter{}
	}
	if len(c.counters) >= maxSeries {
		l.a, l.b = "other", ""
	}
	counter = metrics.GetOrCreateCounter(l.name())
	c.counters[l] = counter
	return counter
}

// name is the series' name, labels included.
func (l labels) name() string {
	switch l.metric {
	case "sluice_messages_total":
		return fmt.Sprintf("%s{verdict=%q,stage=%q}", l.metric, l.a, l.b)
	case "sluice_tenant_messages_total":
		return fmt.Sprintf("%s{tenant=%q,verdict=%q}", l.metric, l.a, l.b)
	case "sluice_sessions_total":
		return fmt.Sprintf("%s{result=%q}", l.metric, l.a)
	case "sluice_reject_total":
		return fmt.Sprintf("%s{rule=%q,stage=%q}", l.metric, l.a, l.b)
	}
	return fmt.Sprintf("%s{rule=%q}", l.metric, l.a)
}

// A metricDoc is a line of docs/reference/metrics.md.
type metricDoc struct {
	name, kind, labels, help string
}

// metricDocs is every metric the program has. The exposition carries no help
// texts; this table does.
var metricDocs = []metricDoc{
	{"sluice_accept_errors_total", "counter", "", "Accepts that failed; out of descriptors, most likely."},
	{"sluice_added_latency_seconds", "histogram", "", "Our own time in a message, without the sender's and the server's."},
	{"sluice_antivirus_memory_bytes_in_use", "gauge", "", "Content held for antivirus engines, of all messages."},
	{"sluice_build_info", "gauge", "version", "1; which version runs."},
	{"sluice_channel_dropped_total", "counter", "", "Findings and events beyond what one message may have."},
	{"sluice_commit_uncertain_total", "counter", "", "Messages whose end of data went to the server without a reply coming back. Their senders try again."},
	{"sluice_config_info", "gauge", "hash", "1; hash of the configuration in force, secrets excluded."},
	{"sluice_config_last_reload_success", "gauge", "", "1 if the last reload worked, or none was tried; 0 if the old configuration stayed."},
	{"sluice_config_reload_failures_total", "counter", "", "Reloads that left the old configuration in force."},
	{"sluice_detours_evicted_total", "counter", "", "Detours forgotten before their time because there were too many; each costs its message one attempt."},
	{"sluice_detours_refused_total", "counter", "", "Detours not remembered because the sender's network had too many; each costs its message one attempt."},
	{"sluice_detours_remembered_total", "counter", "", "Messages over the window whose last judgement wanted another server than they flowed to; the retry begins there."},
	{"sluice_detours_taken_total", "counter", "", "Messages begun where the judgement of an earlier attempt wanted them."},
	{"sluice_discarded_total", "counter", "", "Messages answered with 250 and not delivered, as a rule's discard demands."},
	{"sluice_duplicate_suppressed_total", "counter", "", "Repeated messages answered with the reply of their first delivery (RFC 1047)."},
	{"sluice_engine_errors_total", "counter", "engine, kind", "Modules, antivirus engines and user rules (user) that could not do their work on a message."},
	{"sluice_guard_refused_total", "counter", "", "Replies not remembered because there was no room; each may cost one duplicate."},
	{"sluice_guard_remembered_total", "counter", "", "Replies remembered because their sender may not have got them."},
	{"sluice_log_dropped_total", "counter", "", "Log lines lost because the log's reader was too slow."},
	{"sluice_messages_total", "counter", "verdict, stage", "Transactions by outcome and by the stage it was found at."},
	{"sluice_messages_unscanned_total", "counter", "engine, policy", "Messages that a module, an antivirus engine or a user rule (user) did not look at to the end."},
	{"sluice_panics_total", "counter", "", "Panics that were caught; each deferred one message or marked it."},
	{"sluice_proxy_header_refused_total", "counter", "", "Connections without the PROXY header they had to begin with."},
	{"sluice_reject_total", "counter", "rule, stage", "Messages refused or deferred by us, by rule; no rule: by the rules of the wire or for want of a route."},
	{"sluice_replies_total", "counter", "direction, code_class, enhanced", "Replies to senders."},
	{"sluice_scan_seconds", "histogram", "engine", "An antivirus engine's time for a message, from when it was given the first of it."},
	{"sluice_sender_gone_total", "counter", "", "Senders that had gone before the end of data was passed on; nothing was delivered."},
	{"sluice_sessions_active", "gauge", "", "Senders' sessions open now."},
	{"sluice_sessions_max", "gauge", "", "limits.sessions."},
	{"sluice_sessions_total", "counter", "result", "Sessions that ended before MAIL (nomessage), and connections refused for a limit (turned_away)."},
	{"sluice_shadow_would_reject_total", "counter", "rule", "Messages that policy would have refused or deferred but for shadow mode."},
	{"sluice_signature_age_seconds", "gauge", "engine", "Age of an antivirus engine's signatures, of the oldest if it has several daemons."},
	{"sluice_tagged_total", "counter", "rule", "Messages delivered with the marks of tagged mail, by the rule that decided."},
	{"sluice_tenant_messages_total", "counter", "tenant, verdict", "Transactions for tenants' recipients, by outcome."},
	{"sluice_tls_cert_expiry_timestamp_seconds", "gauge", "name", "When a listener's certificate expires, in Unix seconds."},
	{"sluice_tls_cert_reload_failures_total", "counter", "", "Replaced certificate files that could not be used; the old ones stayed."},
	{"sluice_tls_sessions_total", "counter", "direction, version", "TLS handshakes with senders (in) and servers (out)."},
	{"sluice_unpack_memory_bytes_in_use", "gauge", "", "Memory that messages have taken for being unpacked."},
	{"sluice_upstream_breaker_opened_total", "counter", "", "Hosts that were left alone for a while after failures."},
	{"sluice_upstream_dial_total", "counter", "route, result", "Attempts to connect to servers: ok, dns, refused, timeout, tls, banner."},
	{"sluice_upstream_garbled_total", "counter", "", "Server replies that were none."},
	{"sluice_upstream_reply_seconds", "histogram", "command", "Servers' time until they answered."},
	{"sluice_upstream_reused_sessions_total", "counter", "", "Transactions on a kept server session."},
	{"sluice_upstream_stale_sessions_total", "counter", "", "Kept server sessions that had died unused."},
	{"sluice_upstream_starttls_injection_total", "counter", "", "Servers that sent octets behind their answer to STARTTLS."},
}

// metricsReference writes docs/reference/metrics.md.
func metricsReference() string {
	var out strings.Builder
	out.WriteString("# Metrics\n\n<!-- Generated by \"proxy metrics\" from cmd/proxy/metrics.go. Do not edit. -->\n\n" +
		"Served in Prometheus' text format at `/metrics` of `admin.address`. Names of Go's runtime (`go_…`) and of the process\n" +
		"(`process_…`) stand beside these. No label holds an address, a sender's domain, an IP address or an id.\n\n" +
		"| name | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range metricDocs {
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, m.help)
	}
	return out.String()
}
