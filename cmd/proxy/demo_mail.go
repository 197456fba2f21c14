package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/emersion/go-smtp"

	"sluice/filter/literal"
)

// A demoMail is one message of the demo and what should become of it.
type demoMail struct {
	name    string
	to      string
	body    string
	cut     bool   // the sender hangs up in the middle
	sender  string // prefix of what the sender must hear
	commits int    // messages the server must have taken
	note    string
}

func demoMails() []demoMail {
	large := strings.Repeat(strings.Repeat("Sluice ", 10)+"\r\n", 15000)
	return []demoMail{
		{name: "clean", to: "demo@example.test", body: "\r\nHello.\r\n", sender: "250", commits: 1,
			note: "its 250 is the server's own"},
		{name: "clean, 1 MB", to: "demo@example.test", body: "\r\n" + large, sender: "250", commits: 1,
			note: "streamed: only a window was ever held"},
		{name: "GTUBE", to: "demo@example.test", body: "\r\n" + literal.GTUBE() + "\r\n", sender: "550",
			note: "the server never saw it"},
		{name: "report.zip", to: "demo@example.test", body: attaching("report.zip", demoZip(textFile("report.txt", "Good news.\r\n"))), sender: "250", commits: 1,
			note: "looked into, and let through"},
		{name: "EICAR", to: "demo@example.test", body: attaching("eicar.txt", []byte(literal.EICAR())), sender: "550 5.7.1 [literal.eicar]",
			note: "found behind base64"},
		{name: "EICAR in a zip", to: "demo@example.test", body: attaching("docs.zip", zipWithEICAR()), sender: "550 5.7.1 [literal.eicar]",
			note: "and inside of archives"},
		{name: "zip bomb", to: "demo@example.test", body: attaching("zeros.zip", zipBomb()), sender: "550 5.7.1 [archive.bomb]",
			note: "48 MiB in 48 kB, refused on the way"},
		{name: "macro that runs", to: "demo@example.test", body: attaching("offer.xlsx", macroWorkbook()), sender: "550 5.7.1 [office.autorun]",
			note: "found by content, whatever its name"},
		{name: "broken MIME", to: "demo@example.test", body: hiddenProgram(), sender: "550 5.7.1 [attachment.banned]",
			note: "an .exe that only some programs see"},
		{name: "GTUBE behind 1 MB", to: "demo@example.test", body: "\r\n" + large + literal.GTUBE() + "\r\n", sender: "550",
			note: "the server saw octets, never an end"},
		{name: "unknown user", to: "nobody@example.test", body: "\r\nHello.\r\n", sender: "550",
			note: "the server's own answer, at RCPT"},
		{name: "not our domain", to: "demo@elsewhere.test", body: "\r\nHello.\r\n", sender: "550",
			note: "no open relay"},
		{name: "sender hangs up", to: "demo@example.test", body: "\r\n" + large, cut: true, sender: "(gone)",
			note: "half a message is never delivered"},
		{name: "server dies", to: "demo@dies.test", body: "\r\nHello.\r\n", sender: "451",
			note: "no confirmation, no 250"},
	}
}

// playDemo sends the messages one after the other, prints a row each, and
// returns how many ended otherwise than they should.
func playDemo(out io.Writer, proxy string, servers ...*demoServer) (surprises int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tSENDER GOT\tTAKEN\tTIME\t")
	for _, m := range demoMails() {
		before := taken(servers)
		start := time.Now()
		got := m.send(proxy)
		spent := time.Since(start)
		commits := taken(servers) - before
		mark := m.note
		if !strings.HasPrefix(got, m.sender) || commits != m.commits {
			surprises++
			mark = "NOT AS IT SHOULD BE: want " + m.sender + ", " + fmt.Sprint(m.commits) + " taken"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", m.name, firstWords(got), commits, milliseconds(spent), mark)
	}
	w.Flush()
	return surprises
}

func taken(servers []*demoServer) (n int) {
	for _, s := range servers {
		n += s.accepted()
	}
	return n
}

// message is the mail as it goes out.
func (m *demoMail) message() string {
	return fmt.Sprintf("From: <sender@elsewhere.test>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@elsewhere.test>\r\n",
		m.to, m.name, strings.ReplaceAll(m.name, " ", "-")) + m.body
}

// send sends the mail and returns the last reply as text.
func (m *demoMail) send(addr string) string {
	if m.cut {
		return m.hangUp(addr)
	}
	c, err := smtp.Dial(addr)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	return m.sendOn(c)
}

func (m *demoMail) sendOn(c *smtp.Client) string {
	if err := c.Mail("sender@elsewhere.test", nil); err != nil {
		return replyText(err)
	}
	if err := c.Rcpt(m.to, nil); err != nil {
		return replyText(err)
	}
	w, err := c.Data()
	if err != nil {
		return replyText(err)
	}
	if _, err := io.WriteString(w, m.message()); err != nil {
		return replyText(err)
	}
	r, err := w.CloseWithResponse()
	if err != nil {
		return replyText(err)
	}
	return "250 " + r.StatusText
}

// hangUp sends half of the mail and closes. It returns when the proxy has
// closed, too, and so is through with it.
func (m *demoMail) hangUp(addr string) string {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer raw.Close()
	c := textproto.NewConn(raw)
	if _, _, err := c.ReadResponse(220); err != nil {
		return err.Error()
	}
	for _, step := range []struct {
		line string
		code int
	}{{"EHLO elsewhere.test", 250}, {"MAIL FROM:<sender@elsewhere.test>", 250}, {"RCPT TO:<" + m.to + ">", 250}, {"DATA", 354}} {
		if err := c.PrintfLine("%s", step.line); err != nil {
			return err.Error()
		}
		if _, _, err := c.ReadResponse(step.code); err != nil {
			return replyText(err)
		}
	}
	text := m.message()
	if _, err := io.WriteString(raw, text[:len(text)/2]); err != nil {
		return err.Error()
	}
	if err := raw.(*net.TCPConn).CloseWrite(); err != nil {
		return err.Error()
	}
	if rest, err := io.ReadAll(raw); err != nil || len(rest) > 0 {
		return "more than a close"
	}
	return "(gone)"
}

// replyText is the reply that an error of go-smtp or textproto stands for.
func replyText(err error) string {
	if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return fmt.Sprintf("%d %d.%d.%d %s", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2], e.Message)
	}
	return err.Error()
}

// firstWords cuts a reply for the table: the id is in the log.
func firstWords(reply string) string {
	reply, _, _ = strings.Cut(reply, " (id=")
	return reply
}

// latencyRounds is how many messages go each way to measure what Sluice adds.
const latencyRounds = 101

// printAddedLatency sends the same message directly and through Sluice, in
// turn, on kept connections, and prints the difference of the medians.
func printAddedLatency(out io.Writer, proxy string, server *demoServer) error {
	m := &demoMails()[0]
	direct, err := smtp.Dial(server.addr)
	if err != nil {
		return err
	}
	defer direct.Close()
	through, err := smtp.Dial(proxy)
	if err != nil {
		return err
	}
	defer through.Close()
	var with, without []time.Duration
	for range latencyRounds {
		for _, way := range []struct {
			c     *smtp.Client
			times *[]time.Duration
		}{{direct, &without}, {through, &with}} {
			start := time.Now()
			if got := m.sendOn(way.c); !strings.HasPrefix(got, "250") {
				return errors.New("latency run: " + firstWords(got))
			}
			*way.times = append(*way.times, time.Since(start))
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	mid := latencyRounds / 2
	fmt.Fprintf(out, "\nAdded latency of a clean message: %s (median of %d, %s through Sluice, %s directly).\n",
		milliseconds(with[mid]-without[mid]), latencyRounds, milliseconds(with[mid]), milliseconds(without[mid]))
	return nil
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
