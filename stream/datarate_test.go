package stream

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"sluice/internal/smtptest"
)

// pacing is a session whose sender is the other end of a pipe.
func pacing(t *testing.T) (*session, net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	server := &Server{}
	server.budget.limit.Store(1 << 30)
	setup := Defaults()
	s := &session{server: server, conn: newConn(a), setup: &setup}
	s.tx.session, s.tx.setup = s, &setup
	s.phase.Store(phaseOpen)
	return s, b
}

// TestPace has a sender write a number of octets every second, and the server
// take its time: only the sender's own slowness ends the message.
func TestPace(t *testing.T) {
	for name, test := range map[string]struct {
		octets int           // a second
		server time.Duration // between two reads
		want   error         // within ten minutes
		after  time.Duration
	}{
		"fast enough":         {512, 0, nil, 0},
		"an octet too slow":   {511, 0, errSenderSlow, 180 * time.Second},
		"silent":              {0, 0, errWouldBlock, 180 * time.Second},
		"the server is slow":  {512, 10 * time.Second, nil, 0},
		"one octet at a time": {1, 0, errSenderSlow, 180 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			smtptest.Bubble(t, func(t *testing.T) {
				s, sender := pacing(t)
				began := time.Now()
				var running sync.WaitGroup
				running.Go(func() {
					p := make([]byte, max(test.octets, 1))
					for test.octets > 0 {
						time.Sleep(time.Second)
						if _, err := sender.Write(p); err != nil {
							return
						}
					}
				})
				p := pace{session: s, began: began}
				b := make([]byte, chunkSize)
				var err error
				for err == nil && time.Since(began) < 10*time.Minute {
					time.Sleep(test.server)
					_, err = p.read(b)
				}
				after := time.Since(began)
				sender.Close()
				s.conn.Close()
				running.Wait()
				if name == "silent" {
					if !isTimeout(err) || after != test.after {
						t.Errorf("%v after %s", err, after)
					}
				} else if !errors.Is(err, test.want) || test.want != nil && after != test.after {
					t.Errorf("%v after %s, want %v after %s", err, after, test.want, test.after)
				}
			})
		})
	}
}

// TestPaceOfAWholeMessage: however steady, a message ends.
func TestPaceOfAWholeMessage(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		s, sender := pacing(t)
		began := time.Now()
		var running sync.WaitGroup
		running.Go(func() {
			for {
				time.Sleep(time.Second)
				if _, err := sender.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		})
		p := pace{session: s, began: began}
		b := make([]byte, chunkSize)
		var err error
		for err == nil {
			_, err = p.read(b)
		}
		if after := time.Since(began); err != errSenderLong || after != time.Hour+time.Second {
			t.Errorf("%v after %s", err, after)
		}
		sender.Close()
		s.conn.Close()
		running.Wait()
	})
}

// TestPaceUnderStrain: with memory short the sender must be quicker.
func TestPaceUnderStrain(t *testing.T) {
	smtptest.Bubble(t, func(t *testing.T) {
		s, _ := pacing(t)
		s.server.budget.used.Store(900 << 20)
		began := time.Now()
		p := pace{session: s, began: began}
		_, err := p.read(make([]byte, 1))
		if after := time.Since(began); !isTimeout(err) || after != strainedData {
			t.Errorf("%v after %s", err, after)
		}
	})
}
