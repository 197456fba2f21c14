package stream

import (
	"strconv"

	"github.com/VictoriaMetrics/metrics"

	"sluice/stream/wire"
)

// Counters stand beside the code that counts; these are told from several
// files. docs/reference/metrics.md describes them.
var (
	senderGone   = metrics.NewCounter("sluice_sender_gone_total")
	uncertain    = metrics.NewCounter("sluice_commit_uncertain_total")
	duplicates   = metrics.NewCounter("sluice_duplicate_suppressed_total")
	remembered   = metrics.NewCounter("sluice_guard_remembered_total")
	discarded    = metrics.NewCounter("sluice_discarded_total")
	panics       = metrics.GetOrCreateCounter("sluice_panics_total") // filter counts there, too
	acceptErrors = metrics.NewCounter("sluice_accept_errors_total")
	proxyRefused = metrics.NewCounter("sluice_proxy_header_refused_total")
	turnedAway   = metrics.NewCounter(`sluice_sessions_total{result="turned_away"}`)
)

// enhancedCodes are the codes that get a label of their own (OPERATIONS:
// metrics); a server's own inventions are "other".
var enhancedCodes = []string{
	"", "2.0.0", "2.1.0", "2.1.5", "2.6.0", "2.7.0",
	"4.1.1", "4.2.0", "4.2.1", "4.2.2", "4.3.0", "4.3.1", "4.3.2", "4.3.5", "4.4.1", "4.4.2", "4.4.5", "4.4.6", "4.5.3", "4.7.0", "4.7.1", "4.7.5",
	"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.7", "5.1.10", "5.2.1", "5.2.2", "5.3.3", "5.3.4", "5.4.6", "5.5.0", "5.5.1", "5.5.2", "5.5.4", "5.6.0", "5.6.3", "5.6.7", "5.7.1", "5.7.20", "5.7.23", "5.7.25", "5.7.26", "5.7.30",
}

type replyLabel struct {
	class    int
	enhanced string
}

// replyCounters is read only, so counting a reply takes no lock.
var replyCounters = makeReplyCounters()

func makeReplyCounters() map[replyLabel]*metrics.Counter {
	m := map[replyLabel]*metrics.Counter{}
	add := func(class int, enhanced, label string) {
		name := `sluice_replies_total{direction="sender",code_class="` + strconv.Itoa(class) + `xx",enhanced="` + label + `"}`
		m[replyLabel{class, enhanced}] = metrics.GetOrCreateCounter(name)
	}
	for class := 2; class <= 5; class++ {
		add(class, "other", "other")
		for _, e := range enhancedCodes {
			if e == "" || int(e[0]-'0') == class {
				add(class, e, e)
			}
		}
	}
	return m
}

// countReply counts a reply to a sender.
func countReply(r wire.Reply) {
	c := replyCounters[replyLabel{r.Code / 100, r.Enhanced}]
	if c == nil {
		c = replyCounters[replyLabel{r.Code / 100, "other"}]
	}
	if c != nil {
		c.Inc()
	}
}

func countTLS(direction, version string) {
	metrics.GetOrCreateCounter(`sluice_tls_sessions_total{direction="` + direction + `",version="` + version + `"}`).Inc()
}
