package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sluice/policy"
	"sluice/stream/wire"
)

// printerOf returns how results are printed. What goes wrong with out shows
// when it is flushed.
func printerOf(c *scanCommand, out *bufio.Writer) func(*scanResult) {
	switch {
	case c.JSON:
		return func(r *scanResult) { r.json(out) }
	case c.Quiet:
		return func(r *scanResult) { r.line(out) }
	}
	return func(r *scanResult) { r.tree(out, c.Explain) }
}

// line prints what becomes of the message.
func (r *scanResult) line(out io.Writer) {
	fmt.Fprintf(out, "%s: %s\n", onScreen(r.file), r.scanOutcome.words())
}

// words say what becomes of the message, and why.
func (o *scanOutcome) words() string {
	d := &o.disposition
	what := d.Action.String()
	if d.Route != nil {
		what += " to " + d.Route.Name
	}
	if d.Mark != "" {
		what += fmt.Sprintf(" with %q in the subject", d.Mark)
	}
	switch {
	case d.Shadow && d.Soft:
		what += ", in shadow mode (would reject, softly: defer)"
	case d.Shadow:
		what += ", in shadow mode (would " + d.Would.String() + ")"
	case d.Soft:
		what += ", in soft mode (would reject)"
	}
	switch {
	case d.Rule != "":
		what += " by " + d.Rule
	case o.reply != nil:
		what += fmt.Sprintf(" at RCPT: %d %s %s", o.reply.Code, o.reply.Enhanced, o.reply.Text)
	}
	return what + ", score " + score(d.Score)
}

// tree prints everything.
func (r *scanResult) tree(out io.Writer, explain bool) {
	r.line(out)
	for i := range r.others {
		fmt.Fprintf(out, "  but %s for %s\n", r.others[i].words(), addresses(r.others[i].class.paths))
	}
	fmt.Fprintln(out)
	r.printParts(out)
	fmt.Fprintln(out)
	r.printFindings(out, explain)
	if explain {
		fmt.Fprintf(out, "  thresholds%s: %s\n", r.class.whose(), thresholdWords(r.thresholds))
	}
	if explain || len(r.findings) > 0 {
		fmt.Fprintln(out)
	}
}

// whose says who was asked for, behind aliases, and what tenant's they are:
// whose settings these are is half of an explanation.
func (c *scanClass) whose() string {
	if len(c.paths) == 0 {
		return ""
	}
	words := " for " + addresses(c.paths)
	if tenant := c.tenant(); tenant != "" {
		words += " (tenant " + onScreen(tenant) + ")"
	}
	return words
}

// addresses are those that the command line gave: they are no secret to whom
// they are shown.
func addresses(paths []wire.Path) string {
	var all []string
	for _, p := range paths {
		all = append(all, string(p.AppendTo(nil)))
	}
	return onScreen(strings.Join(all, ", "))
}

// printFindings prints a line a finding: what it does, which, where, and what about it.
func (r *scanResult) printFindings(out io.Writer, explain bool) {
	var lines strings.Builder
	w := tabwriter.NewWriter(&lines, 0, 0, 2, ' ', 0)
	for i := range r.findings {
		f := &r.findings[i]
		place := ""
		if f.Place != "" {
			place = "in " + f.Place
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", effectWords(&r.effects[i]), f.Rule, onScreen(place), onScreen(f.Detail))
	}
	w.Flush()
	told := map[string]bool{}
	i := 0
	for line := range strings.Lines(lines.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
		rule := r.findings[i].Rule
		i++
		if text := explanation(rule); explain && !told[rule] && text != "" {
			fmt.Fprintf(out, "    %s\n", text)
		}
		told[rule] = true
	}
	if rule := r.disposition.Rule; explain && formRules[rule] != "" {
		fmt.Fprintf(out, "  %s\n    %s\n", rule, formRules[rule])
	}
}

// formRules are the rules about a message's form that no policy changes.
var formRules = map[string]string{
	"smtp.bare_newline":   "The message has a line end that is not CRLF (bare_newline).",
	"smtp.loop":           "The header has more hops than mail takes: it runs in circles.",
	"smtp.authres_forged": "An Authentication-Results field was written in our name (authres_forged).",
}

// explanation is what a rule means.
func explanation(rule string) string {
	if text := ruleTexts()[rule]; text != "" {
		return text
	}
	if strings.HasPrefix(rule, "user.") {
		return "A rule of your own."
	}
	return ""
}

// effectWords say what a finding does, in few columns.
func effectWords(e *policy.Effect) string {
	words := ""
	switch {
	case e.Off:
		return "off"
	case e.Action == policy.Deliver:
		words = fmt.Sprintf("%+.1f", e.Score)
	case e.Score != 0:
		words = fmt.Sprintf("%s %+.1f", e.Action, e.Score)
	default:
		words = e.Action.String()
	}
	if e.Shadow {
		words = "(" + words + ")"
	}
	return words
}

func thresholdWords(t [3]float64) string {
	var set []string
	for i, name := range []string{"tag", "quarantine", "reject"} {
		if t[i] > 0 {
			set = append(set, name+" from "+score(t[i]))
		}
	}
	if set == nil {
		return "none, the score does nothing"
	}
	return strings.Join(set, ", ")
}

func score(s float64) string { return fmt.Sprintf("%.1f", s) }
