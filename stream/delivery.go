package stream

import (
	"context"
	"net"
	"time"

	"sluice/stream/wire"
)

// A delivery is one message on its way into a server's session: by DATA, or
// by BDAT if the sender used it and the server has it (RFC 3030).
type delivery struct {
	ctx   context.Context // ends when the program must stop
	up    *upstream
	bdat  bool        // server's side uses BDAT
	stuff bool        // content must be stuffed to become DATA octets
	trace []byte      // header fields that go first
	first bool        // they have not gone yet
	bufs  net.Buffers // scratch
}

// gather puts the trace fields, unless they are gone already, before held.
func (d *delivery) gather(held net.Buffers, last ...[]byte) net.Buffers {
	d.bufs = d.bufs[:0]
	if d.first {
		d.bufs = append(d.bufs, d.trace)
		d.first = false
	}
	d.bufs = append(d.bufs, held...)
	d.bufs = append(d.bufs, last...)
	return d.bufs
}

// send writes more of the message, never its end.
func (d *delivery) send(held net.Buffers) error {
	bufs := d.gather(held)
	if len(bufs) == 0 {
		return nil
	}
	if !d.bdat {
		return d.up.write(bufs)
	}
	if err := d.up.bdat(total(bufs), false, bufs); err != nil {
		return err
	}
	r, err := d.up.reply(d.ctx, d.up.times.ServerData)
	if err != nil {
		return err
	}
	if r.Class() != 2 {
		return &serverRefusal{r}
	}
	return nil
}

// commit writes the rest and end, the end of data, and returns the server's
// replies: one, or from an LMTP server one for each accepted recipient.
func (d *delivery) commit(held net.Buffers, end []byte, recipients int, deadline time.Time) ([]wire.Reply, error) {
	if !d.bdat {
		return d.up.commit(d.gather(held, end), recipients, deadline)
	}
	bufs := d.gather(held)
	if err := d.up.bdat(total(bufs), true, bufs); err != nil {
		return nil, err
	}
	return d.up.lateReplies(recipients, deadline)
}

// serverRefusal is a server's reply that came before the end of data.
type serverRefusal struct{ reply wire.Reply }

func (*serverRefusal) Error() string { return "server refused before the end of data" }

func total(bufs net.Buffers) (n int64) {
	for _, b := range bufs {
		n += int64(len(b))
	}
	return n
}
