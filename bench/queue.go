package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// queueMain makes Postfix a sender that retries at once. %[1]s: Sluice's
// address as relayhost takes it. Bounces are discarded: their text is no part
// of the books. The header is left as it is.
const queueMain = `relayhost = %[1]s
transport_maps = inline:{ x.test=discard: }
local_header_rewrite_clients =
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
default_destination_concurrency_failed_cohort_limit = 0
initial_destination_concurrency = 20
default_destination_concurrency_limit = 20
smtp_tls_security_level = none
smtp_connect_timeout = 5s
disable_mime_output_conversion = yes
in_flow_delay = 0
qmgr_message_active_limit = 1000
`

// queueSlack: lines of Postfix's log are stamped as they are read, some time
// after the event.
const queueSlack = 500 * time.Millisecond

// queueBacklog is how many messages may wait in Postfix's queue before the
// injection pauses.
const queueBacklog = 200

// queueScenario has Postfix deliver its queue through a Sluice that is killed,
// to a server that fails.
func queueScenario(ctx context.Context, l *ledgerRun) error {
	l.book.books.Slack = queueSlack
	if err := l.startSink(ctx, killPlan+","+l.fail, 50*time.Millisecond); err != nil {
		return err
	}
	proxy, err := l.startProxy(ctx)
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(proxy.config.Listen, ":")
	sender, err := l.startPostfix(ctx, l.folder+"-postfix", fmt.Sprintf(queueMain, "["+host+"]:"+port))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := &queueSender{ledgerRun: l, postfix: sender}
	reading := make(chan error, 1)
	go func() { reading <- q.readLog(ctx) }()
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() { done <- q.inject(ctx, &stop) }()
	err = l.killing(ctx, proxy)
	stop.Store(true)
	if ierr := <-done; err == nil {
		err = ierr
	}
	if err == nil {
		err = q.drainQueue(ctx)
	}
	q.stop.Store(true)
	return errors.Join(err, <-reading)
}

// A queueSender is a Postfix whose log becomes the book of the sender.
type queueSender struct {
	*ledgerRun
	*postfix
	injected, settled atomic.Int64 // recipients
	stop              atomic.Bool  // no more log is worth waiting for
}

// inject hands mail to Postfix until stop is set. What Postfix takes is
// entered as sent: from then on it is the sender.
func (q *queueSender) inject(ctx context.Context, stop *atomic.Bool) error {
	d := dialer{address: q.address}
	c, err := d.dial(ctx)
	if err != nil {
		return fmt.Errorf("postfix: %w", err)
	}
	defer c.quit()
	make := q.next(stop, 0, []mailKind{kindGTUBE, kindStranger})
	for n := 0; ctx.Err() == nil; n++ {
		m, more := make(n)
		if !more {
			return nil
		}
		o := c.send(envelope{m.from, m.Recipients}, m.content, m.data, manner{pipelining: true})
		if !o.ok() {
			return fmt.Errorf("postfix did not queue a message: %s: %d %s", o.stage, o.code, o.text)
		}
		q.injected.Add(int64(len(m.Recipients)))
		for q.injected.Load()-q.settled.Load() > queueBacklog && !stop.Load() && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// drainQueue flushes until Postfix has settled every recipient.
func (q *queueSender) drainQueue(ctx context.Context) error {
	deadline := time.Now().Add(q.patience)
	for q.settled.Load() < q.injected.Load() && ctx.Err() == nil {
		if time.Now().After(deadline) {
			q.broken = append(q.broken, fmt.Sprintf("%d recipients were still in the queue after %v",
				q.injected.Load()-q.settled.Load(), q.patience))
			break
		}
		if out, err := exec.CommandContext(ctx, "postqueue", "-c", q.config(), "-f").CombinedOutput(); err != nil {
			return fmt.Errorf("postqueue -f: %w\n%s", err, out)
		}
		time.Sleep(time.Second)
	}
	q.extra = append(q.extra, fmt.Sprintf("Postfix took %d recipients and settled %d", q.injected.Load(), q.settled.Load()))
	return nil
}

// readLog enters every delivery attempt in Postfix's log into the book, as it
// is written.
func (q *queueSender) readLog(ctx context.Context) error {
	var file *os.File
	var err error
	for file == nil {
		if file, err = os.Open(q.maillog()); err != nil && (ctx.Err() != nil || q.stop.Load()) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	defer file.Close()
	r := bufio.NewReader(file)
	var partial string
	for {
		part, err := r.ReadString('\n')
		partial += part
		switch {
		case err == nil:
			q.enter(partial)
			partial = ""
		case !errors.Is(err, io.EOF):
			return err
		case ctx.Err() != nil || q.stop.Load():
			return nil
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func (q *queueSender) enter(line string) {
	a, settled, ok := parseDelivery(line, time.Now())
	if !ok {
		return
	}
	if settled {
		q.settled.Add(1)
	}
	q.book.attempt(a)
}

// A delivery line of Postfix's smtp client: recipient, relay, time spent in
// connection set-up and transmission, status and its reason.
var deliveryLine = regexp.MustCompile(`postfix/smtp\[\d+\]: \w+: to=<([^>]*)>, .*?relay=([^,]*), .*?delays=[\d.]+/[\d.]+/([\d.]+)/([\d.]+), .*?status=(\w+) \((.*)\)\s*$`)

// Where in the dialogue Postfix says that it was. A reply to the end of data
// and the loss of the connection there are the same stage.
var deliveryStages = []struct{ text, stage string }{
	{"while sending end of data", stageEnd},
	{"in reply to end of DATA command", stageEnd},
	{"while sending message body", stageBody},
	{"in reply to DATA command", stageData}, {"while sending DATA command", stageData},
	{"in reply to RCPT TO command", stageRcpt}, {"while sending RCPT TO", stageRcpt},
	{"in reply to MAIL FROM command", stageMail}, {"while sending MAIL FROM", stageMail},
	{"HELO", stageEhlo}, {"EHLO", stageEhlo},
	{"greeting", stageGreeting},
}

// parseDelivery reads one line of Postfix's log that was seen at now. settled
// means that Postfix is done with the recipient.
func parseDelivery(line string, now time.Time) (a attempt, settled, ok bool) {
	f := deliveryLine.FindStringSubmatch(line)
	if f == nil {
		return attempt{}, false, false
	}
	to, relay, status, reason := f[1], f[2], f[5], f[6]
	connecting, _ := strconv.ParseFloat(f[3], 64) // the expression admits numbers only
	sending, _ := strconv.ParseFloat(f[4], 64)
	took := time.Duration((connecting + sending) * float64(time.Second))
	a = attempt{ID: idIn(to), Stage: stageConnect, Text: reason, Start: now.Add(-took), End: now}
	switch {
	case status == "sent":
		a.Stage = stageEnd
	case relay != "none":
		for _, s := range deliveryStages {
			if strings.Contains(reason, s.text) {
				a.Stage = s.stage
				break
			}
		}
	}
	a.Code = deliveryCode(reason)
	if a.Stage == stageEnd {
		a.Accepted = []string{to}
	} else {
		a.Refused = map[string]int{to: a.Code}
	}
	return a, status == "sent" || status == "bounced", true
}

// deliveryCode finds the server's code in a reason: at its start for "sent",
// behind "said:" or "refused to talk to me:" otherwise; 0: there was no reply.
func deliveryCode(reason string) int {
	text := reason
	for _, mark := range []string{" said: ", " refused to talk to me: "} {
		if _, after, found := strings.Cut(reason, mark); found {
			text = after
		}
	}
	code, err := strconv.Atoi(text[:min(3, len(text))])
	if err != nil || code < 200 || code > 599 {
		return 0
	}
	return code
}
