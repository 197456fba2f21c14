package antivirus

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"sluice/internal/smtptest"
)

// serve listens on loopback and plays one of the scripts for each connection:
// the first for the first, the last for all that follow. It returns the
// address; everything ends with the test.
func serve(t testing.TB, scripts ...func(net.Conn)) string {
	t.Helper()
	smtptest.CheckLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		open    []net.Conn
		over    = make(chan struct{})
	)
	running.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			script := scripts[min(n, len(scripts)-1)]
			running.Go(func() {
				defer c.Close()
				script(&served{c, over})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(over)
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String()
}

// served is a connection of serve's.
type served struct {
	net.Conn
	over chan struct{} // closed when the test ends
}

// A clamdSide is one connection as a scripted clamd sees it.
type clamdSide struct {
	net.Conn
	in   *bufio.Reader
	n    int // commands so far
	seen []byte
}

// asClamd makes a script of what one does for each scan. When do returns
// false, the connection ends.
func asClamd(do func(s *clamdSide) bool) func(net.Conn) {
	return func(c net.Conn) {
		s := &clamdSide{Conn: c, in: bufio.NewReader(c)}
		for s.command() && do(s) {
		}
	}
}

// command reads up to the next scan, and answers PING and VERSION.
func (s *clamdSide) command() bool {
	for {
		word, err := s.in.ReadString(0)
		if err != nil {
			return false
		}
		switch word {
		case "zIDSESSION\x00":
			continue
		case "zEND\x00":
			return false
		}
		s.n++
		switch word {
		case "zPING\x00":
			s.say("PONG")
		case "zVERSION\x00":
			s.say("ClamAV 1.4.6/27800/Thu Jan  1 10:00:00 2026")
		case "zINSTREAM\x00":
			s.seen = nil
			return true
		default:
			return false
		}
	}
}

// frame reads one frame; none at the end.
func (s *clamdSide) frame() []byte {
	var head [4]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > chunkSize {
		panic("a frame of more than 64 KiB")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil
	}
	s.seen = append(s.seen, b...)
	return b
}

// content reads all of it.
func (s *clamdSide) content() []byte {
	for len(s.frame()) > 0 {
	}
	return s.seen
}

// say answers with the number of the command.
func (s *clamdSide) say(text string) {
	s.raw(strconv.Itoa(s.n) + ": " + text + "\x00")
}

func (s *clamdSide) raw(text string) {
	_, _ = io.WriteString(s.Conn, text) // who is not there to read it fails its test
}
