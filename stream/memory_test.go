package stream_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// A drain is a server that counts the octets of its messages and keeps none.
type drain struct {
	l       net.Listener
	running sync.WaitGroup
	sizes   chan int64
}

func startDrain(t testing.TB) *drain {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &drain{l: l, sizes: make(chan int64, 10)}
	d.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.running.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); d.running.Wait() })
	return d
}

func (d *drain) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	say := func(s string) { io.WriteString(c, s+"\r\n") }
	say("220 drain.test ESMTP")
	var size int64
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		words := strings.Fields(strings.ToUpper(string(line)))
		switch words[0] {
		case "EHLO":
			say("250-drain.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 SIZE 1000000000")
		case "DATA":
			say("354 go on")
			for string(line) != ".\r\n" {
				line, err = in.ReadSlice('\n')
				if err != nil && err != bufio.ErrBufferFull {
					return
				}
				size += int64(len(line))
			}
			d.sizes <- size - int64(len(".\r\n"))
			size = 0
			say("250 2.0.0 ok")
		case "BDAT":
			n, _ := strconv.ParseInt(words[1], 10, 64)
			if _, err := io.CopyN(io.Discard, in, n); err != nil {
				return
			}
			if size += n; len(words) > 2 {
				d.sizes <- size
				size = 0
			}
			say("250 2.0.0 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 2.0.0 ok")
		}
	}
}

func startBefore(t testing.TB, d *drain, change ...func(*config)) *sluice {
	return startSluice(t, nil, append([]func(*config){func(c *config) {
		c.Route.Servers = []policy.Server{{Address: d.l.Addr().String()}}
		c.Setup.Limits.MaxMessage = 1 << 30
	}}, change...)...)
}

// heap returns the octets of objects in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flatMemory is what one session may add to the heap whatever it sends: 4 MiB,
// many times the window of these tests and far below what is sent.
const flatMemory = 4 << 20

// TestMemoryIsFlat sends far more than may be held, in forms that tempt to
// hold it.
func TestMemoryIsFlat(t *testing.T) {
	smtptest.CheckLeaks(t)
	lines := bytes.Repeat([]byte("0123456789 0123456789 0123456789 0123456789 0123456789 012345\r\n"), 1024)
	t.Run("256 MiB", func(t *testing.T) {
		d := startDrain(t)
		s := startBefore(t, d, lookahead(128<<10))
		c := s.dial()
		c.Envelope("a@x.test", "b@y.test")
		c.Send("DATA")
		c.Want("354 *")
		head := "Subject: large\r\n\r\n"
		c.Write(head)
		before, most := heap(), int64(0)
		var m runtime.MemStats
		total := int64(len(head))
		for i := 0; total < 256<<20; i++ {
			if _, err := c.Conn().Write(lines); err != nil {
				t.Fatal(err)
			}
			if total += int64(len(lines)); i%256 == 0 {
				most = max(most, heap())
			}
		}
		runtime.ReadMemStats(&m)
		c.Write(".\r\n")
		c.Want("250 *")
		c.Quit()
		if most-before > flatMemory {
			t.Errorf("the heap grew by %d octets", most-before)
		}
		if got := <-d.sizes; got < total || got > total+4096 {
			t.Errorf("%d octets arrived of %d", got, total)
		}
	})
	t.Run("one-octet chunks", func(t *testing.T) {
		d := startDrain(t)
		s := startBefore(t, d, lookahead(1000))
		c := withOffer(t, s.addr, "CHUNKING")
		c.Envelope("a@x.test", "b@y.test")
		before := heap()
		const group = 500
		for range 20000 / group {
			c.Write(strings.Repeat("BDAT 1\r\nx", group))
			for range group {
				c.Want("250 *")
			}
		}
		if grown := heap() - before; grown > flatMemory {
			t.Errorf("the heap grew by %d octets", grown)
		}
		c.Write("BDAT 1\r\nx")
		c.Want("421 4.7.0 *")
		c.Closed()
		if len(d.sizes) != 0 {
			t.Error("committed")
		}
	})
	t.Run("endless command", func(t *testing.T) {
		s := startSluice(t, nil)
		c := s.dial()
		before := heap()
		for range 16 { // the connection ends long before
			if _, err := c.Conn().Write(bytes.Repeat([]byte("N"), 64<<10)); err != nil {
				break
			}
		}
		if grown := heap() - before; grown > flatMemory {
			t.Errorf("the heap grew by %d octets", grown)
		}
		s.awaitSessions(0)
	})
	t.Run("endless line of text", func(t *testing.T) {
		d := startDrain(t)
		s := startBefore(t, d, lookahead(1000))
		c := s.dial()
		c.Envelope("a@x.test", "b@y.test")
		c.Send("DATA")
		c.Want("354 *")
		before := heap()
		for range 64 {
			c.Write(strings.Repeat("x", 64<<10))
		}
		if grown := heap() - before; grown > flatMemory {
			t.Errorf("the heap grew by %d octets", grown)
		}
		c.Close()
		if r := s.records(1)[0]; r.Verdict != stream.Aborted {
			t.Errorf("verdict %s", r.Verdict)
		}
	})
}
