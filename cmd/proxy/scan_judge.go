package main

import (
	"cmp"
	"context"

	"sluice/filter"
	"sluice/policy"
	"sluice/stream"
	"sluice/stream/wire"
)

// A scanResult is what came of one message, for the class that fares worst.
type scanResult struct {
	file string
	scanOutcome
	parts  []*filter.Part
	others []scanOutcome // of the other classes
	octets int64
}

// A scanOutcome is what came of a message for one class.
type scanOutcome struct {
	class       *scanClass
	disposition policy.Disposition
	reply       *wire.Reply // of a module that answered the sender itself; nil: none
	findings    []policy.Finding
	effects     []policy.Effect // of the findings
	thresholds  [3]float64      // tag, quarantine, reject
}

// exitCode is what the disposition means to a script.
func (o *scanOutcome) exitCode() int {
	switch o.disposition.Action {
	case policy.Divert, policy.Quarantine:
		return exitAside
	case policy.Defer:
		return exitDeferred
	case policy.Reject, policy.Discard:
		return exitRefused
	}
	return exitDone
}

// exitCode is the highest of all classes.
func (r *scanResult) exitCode() int {
	code := r.scanOutcome.exitCode()
	for i := range r.others {
		code = max(code, r.others[i].exitCode())
	}
	return code
}

// scan judges one message.
func (s *mailScanner) scan(name string, content []byte) *scanResult {
	classes := s.classes
	if len(classes) == 0 {
		classes = nobody
	}
	result := &scanResult{file: name, octets: int64(len(content))}
	for i, c := range classes {
		o := s.judge(c, content)
		switch {
		case i == 0:
			result.scanOutcome, result.parts = o, s.parts.take()
		case o.disposition.Action.Over(result.disposition.Action):
			o, result.scanOutcome = result.scanOutcome, o
			fallthrough
		default:
			result.others = append(result.others, o)
		}
	}
	return result
}

// judge has one transaction, as stream has it with a sender.
func (s *mailScanner) judge(c *scanClass, content []byte) scanOutcome {
	ctx := s.ctx
	if limit := s.setup.Timeouts.Scan; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	visit := s.chain.Visit(&s.session)
	reply := visit.CheckSession(ctx)
	envelope := filter.Envelope{ID: "scan", From: s.from, Size: -1, Scope: c.scope, Tenant: c.tenant()}
	run, refused := visit.Begin(ctx, &envelope)
	defer run.Close()
	reply = cmp.Or(reply, refused)
	for _, to := range c.paths {
		reply = cmp.Or(reply, run.Recipient(ctx, to))
		envelope.Recipients = append(envelope.Recipients, to)
	}
	run.Open()
	var liner wire.Liner
	liner.Scan(content, true)
	run.Write(content)
	findings := stream.WireFindings(run.Finish(ctx), liner.Faults)
	o := s.decide(c, findings, content)
	shadow := s.policy.Shadow(c.route, c.scope)
	if rule := s.setup.WireRefusal(content, liner.Faults, shadow); rule != "" {
		o.disposition = policy.Disposition{Action: policy.Reject, Rule: rule, Score: o.disposition.Score}
	}
	if reply != nil && !shadow {
		o.answered(reply, s.policy.Soft(c.route, c.scope))
	}
	return o
}

// decide asks policy.
func (s *mailScanner) decide(class *scanClass, findings []policy.Finding, content []byte) scanOutcome {
	c := policy.Case{
		Route: class.route, Scope: class.scope,
		Sender: mailboxOf(s.from), Peer: s.session.Peer.Addr(), Helo: s.session.Helo,
		Size: int64(len(content)), Findings: findings,
		Header: func(name string) []string { return stream.HeaderValues(content, name) },
	}
	for _, to := range class.paths {
		c.Recipients = append(c.Recipients, mailboxOf(to))
	}
	o := scanOutcome{class: class, disposition: s.policy.Decide(&c)}
	o.findings = c.Findings
	for i := range c.Findings {
		o.effects = append(o.effects, s.policy.Effect(&c, &c.Findings[i]))
	}
	o.thresholds[0], o.thresholds[1], o.thresholds[2] = s.policy.ThresholdsFor(&c)
	return o
}

// answered notes that a module answered the sender before there was content.
func (o *scanOutcome) answered(r *wire.Reply, soft bool) {
	action := policy.Reject
	if soft || r.Code < 500 {
		action = policy.Defer
	}
	o.disposition, o.reply = policy.Disposition{Action: action, Score: o.disposition.Score, Soft: soft}, r
}
