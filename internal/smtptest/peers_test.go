package smtptest_test

import (
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"testing"

	"sluice/internal/smtptest"
)

// Two real Postfixes, one sending through its queue to the other: what the
// tests of stream put Sluice between.
func TestPostfixToPostfix(t *testing.T) {
	server := smtptest.StartPostfix(t, smtptest.PostfixOptions{})
	sender := smtptest.StartPostfix(t, smtptest.PostfixOptions{Hostname: "sender.test", Relay: server.Addr})
	body := "X-Ledger: 1\r\n\r\n.\r\n..dots\r\n" + strings.Repeat("long", 3000) + "\r\n8 bit \xff\r\n"
	if err := smtp.SendMail(sender.Addr, nil, "a@x.test", []string{"b@y.test"}, []byte(body)); err != nil {
		t.Fatal(err)
	}
	got := server.AwaitDelivered(1)
	if content := smtptest.Content(got[0], "X-Ledger: "); string(content) != body {
		t.Errorf("got %d octets %.80q, want %d", len(content), content, len(body))
	}
	sender.AwaitQuiet()
	server.AwaitQuiet()
	if n := len(server.Delivered()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// The bare-newline switch must be what the attack tests take it for.
func TestPostfixBareNewlineSwitch(t *testing.T) {
	for forbid, want := range map[bool]int{false: 2, true: 1} {
		server := smtptest.StartPostfix(t, smtptest.PostfixOptions{ForbidBareNewline: forbid})
		c, err := net.Dial("tcp", server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		envelope := "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n"
		fmt.Fprint(c, "EHLO x\r\n"+envelope+"X-Ledger: 1\r\n\r\none\n.\r\n"+envelope+"X-Ledger: 2\r\n\r\ntwo\r\n.\r\nQUIT\r\n")
		buf := make([]byte, 512)
		for err == nil {
			_, err = c.Read(buf)
		}
		c.Close()
		server.AwaitQuiet()
		if got := len(server.Delivered()); got != want && !(forbid && got == 0) {
			t.Errorf("forbidding %v: %d messages, want %d", forbid, got, want)
		}
	}
}

func TestSMTPSourceToSinkThroughHAProxy(t *testing.T) {
	sink := smtptest.SMTPSink(t)
	front := smtptest.StartHAProxy(t, sink, "")
	smtptest.SMTPSource(t, front, "-m", "20", "-s", "4", "-l", "5000")
}
