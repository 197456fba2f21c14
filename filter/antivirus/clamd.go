package antivirus

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
)

// A clamd is an engine that speaks clamd's protocol (clamd(8), INSTREAM and
// IDSESSION), to one daemon or several alike.
//
//	zIDSESSION\0 once, then for each scan
//	  zINSTREAM\0  { length (4 octets, big-endian)  octets }  0000
//	  <n>: stream: OK\0 | <n>: stream: NAME FOUND\0 | ... ERROR\0
//
// A connection has one scan in flight. After an error clamd closes it.
type clamd struct {
	name    string
	daemons []*daemon
}

// clamdAnswer is the room for an answer: 4 KiB; a name is under 100 octets.
const clamdAnswer = 4 << 10

// A daemon is one clamd.
type daemon struct {
	endpoint

	mu      sync.Mutex // guards version
	version version
}

func newClamd(s *EngineSettings) *clamd {
	c := &clamd{name: s.Name}
	for _, a := range s.Addresses {
		c.daemons = append(c.daemons, &daemon{endpoint: endpoint{pool: newPool(dialer(a), clamdAnswer)}})
	}
	return c
}

// Scan asks the daemon with the fewest scans in flight, and when it cannot be
// asked the others.
func (c *clamd) Scan(ctx context.Context, content *Content) Vote {
	vote := fail(Down)
	for _, d := range c.order() {
		if !d.breaker.allow() {
			continue
		}
		var fault error
		if vote, fault = d.scan(ctx, content, instream); fault == nil || ctx.Err() != nil || !content.Rewind() {
			return vote
		}
	}
	return vote
}

// order returns the daemons, those with the fewest scans in flight first.
func (c *clamd) order() []*daemon {
	if len(c.daemons) == 1 {
		return c.daemons
	}
	sorted := slices.Clone(c.daemons)
	load := map[*daemon]int{}
	for _, d := range sorted {
		load[d] = d.pool.slots.inFlight()
	}
	slices.SortStableFunc(sorted, func(a, b *daemon) int { return load[a] - load[b] })
	return sorted
}

// instream has one scan on c. See endpoint.scan.
func instream(ctx context.Context, c *conn, content *Content) (Vote, bool, error) {
	sent := c.sendContent(ctx, content)
	if content.err != nil && content.err != io.EOF {
		return Vote{}, false, nil // it was not the daemon; see verdict
	}
	c.hurry(sent)
	line, err := c.until(0)
	if err != nil {
		return failed(cmp.Or(sent, err))
	}
	vote, err := parseClamd(line, c.used+1)
	if sent != nil && vote.Result != Unscannable {
		return failed(sent) // it cannot have seen the whole
	}
	return vote, vote.Result != Failed && vote.Reason != TooLarge, err
}

// Commands. The z form ends commands and answers with NUL.
var (
	idSession = []byte("zIDSESSION\x00")
	inStream  = []byte("zINSTREAM\x00")
	endStream = []byte{0, 0, 0, 0}
)

// mailMark comes before a message. clamd takes content for mail only if it
// begins with one of some fields, written as it knows them, or has a few of
// them within 2 KiB; what begins with DKIM-Signature or "from:" may be plain
// text to it, of which it decodes nothing. The server gets a Received field
// before the message too.
const mailMark = "Received: by sluice\r\n"

// sendContent sends a whole scan's side, a frame a chunk, each in one write.
func (c *conn) sendContent(ctx context.Context, content *Content) error {
	command := inStream
	if c.used == 0 {
		command = slices.Concat(idSession, inStream)
	}
	size, sent := content.Size(), int64(0)
	head := make([]byte, 0, len(command)+4+len(mailMark)+4)
	head = append(head, command...)
	if content.source.mail {
		head = binary.BigEndian.AppendUint32(head, uint32(len(mailMark)))
		head = append(head, mailMark...)
	}
	for {
		b, err := content.Next(ctx)
		if err == io.EOF {
			return c.writev(head, endStream)
		}
		if err != nil {
			return err
		}
		sent += int64(len(b))
		head = binary.BigEndian.AppendUint32(head, uint32(len(b)))
		if sent == size {
			return c.sendLast(ctx, content, head, b)
		}
		if err := c.writev(head, b); err != nil {
			return fmt.Errorf("send content: %w", err)
		}
		head = head[:0]
	}
}

// sendLast sends the last frame with the end in one write.
func (c *conn) sendLast(ctx context.Context, content *Content, head, b []byte) error {
	if err := c.writev(head, b, endStream); err != nil {
		return fmt.Errorf("send content: %w", err)
	}
	_, err := content.Next(ctx)
	if err != io.EOF {
		return err
	}
	return nil
}
