package stream

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/smtptest"
	"sluice/policy"
)

// pipeSession connects a sender to a Server over net.Pipe, in a bubble.
func pipeSession(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	snapshot, err := policy.New(policy.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	setup := Setup{Hostname: "mx.test", Policy: snapshot}.WithDefaults()
	s := &Server{Setup: func() *Setup { return setup }}
	s.init()
	sender, ours := net.Pipe()
	s.start(&Listener{}, ours)
	t.Cleanup(func() {
		sender.Close()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r := bufio.NewReader(sender)
	wantReply(t, r, "220")
	return sender, r
}

func wantReply(t *testing.T, r *bufio.Reader, code string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, code) {
			t.Fatalf("got %q, %v, want %s", line, err, code)
		}
		if line[3] == ' ' {
			return
		}
	}
}

// Octets that trickle in do not make the wait for a command any longer.
func TestSlowCommandIsCut(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		c, r := pipeSession(t)
		began := time.Now()
		var writing sync.WaitGroup
		defer writing.Wait()
		writing.Go(func() {
			for _, err := fmt.Fprint(c, "N"); err == nil; _, err = fmt.Fprint(c, "O") {
				time.Sleep(time.Minute)
			}
		})
		wantReply(t, r, "421")
		if d := time.Since(began); d != Defaults().Timeouts.SenderCommand {
			t.Errorf("cut after %v", d)
		}
	})
}

// A chunk that no transaction wants is read, however slowly it comes.
func TestChunkWithoutTransaction(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		c, r := pipeSession(t)
		fmt.Fprint(c, "EHLO client.test\r\n")
		wantReply(t, r, "250")
		fmt.Fprint(c, "BDAT 6\r\n")
		fmt.Fprint(c, "QUIT\r\n")
		wantReply(t, r, "503")
		fmt.Fprint(c, "NOOP\r\n")
		wantReply(t, r, "250")
	})
}
