package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/smtptest"
	"sluice/policy"
	"sluice/stream"
)

// TestI3Corpora sends every message of the corpora through a server with the
// whole chain, in shadow mode: what is stored, less our Received field, is what
// was sent, by DATA and by BDAT, judged inside the window and while it flows.
func TestI3Corpora(t *testing.T) {
	needCorpora(t)
	smtptest.CheckLeaks(t)
	for _, lookahead := range []string{"256KiB", "0"} {
		for _, verb := range []string{"DATA", "BDAT"} {
			t.Run(fmt.Sprintf("%s, lookahead %s", verb, lookahead), func(t *testing.T) {
				d := &delivery{t: t, chunked: verb == "BDAT"}
				d.start("lookahead: " + lookahead + "\n")
				corpora(t, func(m corpusMessage) { d.send(m) })
				d.end()
			})
		}
	}
}

// batch is how many messages one session sends: 20, which take much less than
// what a scripted client has.
const batch = 20

// A delivery is a sender, a server of ours and a server in memory.
type delivery struct {
	t       *testing.T
	chunked bool
	up      *smtptest.Server
	addr    string
	client  *smtptest.Client
	n       int    // messages begun
	sent    []sent // and accepted, in order
	refused int
	would   atomic.Int64 // messages that would have been refused but for shadow mode
}

type sent struct {
	name string
	hash [sha256.Size]byte
	size int
}

func (d *delivery) start(settings string) {
	t := d.t
	t.Helper()
	d.up = &smtptest.Server{Extensions: []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "SIZE 104857600", "ENHANCEDSTATUSCODES"}}
	if err := d.up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.up.Close)
	conf := mustLoad(t, source{file: "-", stdin: strings.NewReader(settings + `
hostname: mx.test
listeners: [{address: "127.0.0.1:0"}]
shadow: true
routes: [{domains: [y.test], servers: [{address: "` + d.up.Addr() + `"}], tls: none}]
`)})
	modules, err := chain(conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := setup(conf, conf.policy, modules).WithDefaults()
	server := &stream.Server{
		Setup: func() *stream.Setup { return s },
		Record: func(r *stream.Record) {
			if r.Shadow == policy.Reject {
				d.would.Add(1)
			}
		},
		Log: slog.New(slog.DiscardHandler),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(&stream.Listener{Listener: l}) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := modules.Wait(ctx); err != nil {
			t.Error(err)
		}
	})
	d.probed()
}

// probed waits until the server has been asked what it offers.
func (d *delivery) probed() {
	for {
		changed := d.up.Changed()
		if total, open, _ := d.up.Connections(); total > 0 && open == 0 {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			d.t.Fatal("the server is not asked")
		}
	}
}

// send sends one message, with the line ends that a client must give it. Lone
// CRs and NULs stay.
func (d *delivery) send(m corpusMessage) {
	if d.n%batch == 0 {
		d.quit()
		d.client = smtptest.Dial(d.t, d.addr)
		d.client.Hello()
	}
	d.n++
	content := strings.ReplaceAll(strings.ReplaceAll(string(m.content), "\r\n", "\n"), "\n", "\r\n")
	if !strings.HasSuffix(content, "\r\n") {
		content += "\r\n"
	}
	d.client.Envelope("a@x.test", "b@y.test")
	reply := ""
	if d.chunked {
		half := len(content) / 2
		d.client.Write(fmt.Sprintf("BDAT %d\r\n%s", half, content[:half]))
		if reply = d.client.Reply(); strings.HasPrefix(reply, "250 ") {
			d.client.Write(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content)-half, content[half:]))
			reply = d.client.Reply()
		} else {
			d.client.Do("RSET")
		}
	} else {
		reply = d.client.Data(content)
	}
	if strings.HasPrefix(reply, "250 ") {
		d.sent = append(d.sent, sent{m.name, sha256.Sum256([]byte(content)), len(content)})
		return
	}
	// The one thing that the wire refuses, in shadow mode too.
	if bare := strings.ContainsAny(strings.ReplaceAll(content, "\r\n", ""), "\r\n"); !bare || !strings.HasPrefix(reply, "550 5.5.2 ") {
		d.t.Errorf("%s: %s", m.name, reply)
	}
	d.refused++
}

func (d *delivery) quit() {
	if d.client != nil {
		d.client.Quit()
		d.client.Close()
	}
}

// end compares what was stored.
func (d *delivery) end() {
	d.quit()
	stored := d.up.Messages()
	if len(stored) != len(d.sent) {
		d.t.Fatalf("%d messages stored, %d accepted", len(stored), len(d.sent))
	}
	octets := 0
	for i, m := range d.sent {
		octets += m.size
		got := withoutTrace(d.t, stored[i].Content)
		if sha256.Sum256(got) != m.hash {
			d.t.Errorf("%s: stored %d octets that are not the %d sent", m.name, len(got), m.size)
		}
		if stored[i].BDAT != d.chunked && d.chunked {
			d.t.Errorf("%s: not by BDAT", m.name)
		}
	}
	if d.would.Load() == 0 && os.Getenv("SLUICE_CORPORA") != "" {
		d.t.Error("there was nothing to refuse: the chain has not run")
	}
	d.t.Logf("%d messages of %d octets stored as they were sent, %d of which policy would have refused; %d refused for a bare CR or LF",
		len(d.sent), octets, d.would.Load(), d.refused)
}

// withoutTrace returns what stands behind our trace field: in shadow mode there
// is one, Received.
func withoutTrace(t *testing.T, b []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("Received: from client.test ")) {
		t.Fatalf("no trace: %.200q", b)
	}
	for {
		_, b, _ = bytes.Cut(b, []byte("\r\n"))
		if !bytes.HasPrefix(b, []byte("\t")) {
			return b
		}
	}
}
