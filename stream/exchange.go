package stream

import (
	"bytes"
	"sync"
	"time"

	"sluice/stream/wire"
)

// commands hands out buffers for groups of commands.
var commands = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// commandsKeep is the largest buffer that goes back: many recipients once must
// not cost memory for ever.
const commandsKeep = 16 << 10

func getCommands() *[]byte { return commands.Get().(*[]byte) }

func putCommands(b *[]byte) {
	if cap(*b) <= commandsKeep {
		commands.Put(b)
	}
}

// send writes a group of commands under a deadline that holds for the answers,
// too. To a server that does not pipeline each goes out when its answer is
// waited for: b must stay until endTurn.
func (u *upstream) send(b []byte, deadline time.Time) error {
	if u.broken != nil {
		return u.fault(u.broken)
	}
	if err := u.c.SetDeadline(deadline); err != nil {
		return u.fault(err)
	}
	if !u.ehlo.Ext.Has(wire.Pipelining) {
		u.unsent = b
		return nil
	}
	return u.put(b)
}

func (u *upstream) put(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := u.c.Write(b); err != nil {
		return u.fault(err)
	}
	return nil
}

// turn reads the answer to the next command of the group. See read for fast.
func (u *upstream) turn(fast int) (wire.Reply, error) {
	if len(u.unsent) > 0 {
		n := bytes.IndexByte(u.unsent, '\n') + 1
		line := u.unsent[:n]
		if u.unsent = u.unsent[n:]; len(u.unsent) == 0 {
			u.unsent = nil
		}
		if err := u.put(line); err != nil {
			return wire.Reply{}, err
		}
	}
	return u.read(fast)
}

// endTurn ends a group: every command has its answer, and nothing is left over.
func (u *upstream) endTurn() error {
	u.unsent = nil
	if u.in.len() > 0 {
		return u.fault(errReplyGarbled)
	}
	u.in.release()
	u.answered = true
	return nil
}

// verdict reads the answer to MAIL or RCPT.
func (u *upstream) verdict(fast int) (wire.Reply, error) {
	r, err := u.turn(fast)
	if err != nil {
		return r, err
	}
	switch {
	case r.Code == 421:
		return r, u.parted(r)
	case r.Class() == 3:
		return r, u.fault(errReplyGarbled)
	case r.Class() != 2:
		u.refusals++
	}
	return r, nil
}

// read reads one reply, sanitised. If it is a single line with the code fast,
// or of the class fast, only its code is returned: nobody looks at the text.
func (u *upstream) read(fast int) (wire.Reply, error) {
	looked := 0
	for {
		b := u.in.bytes()
		if bytes.IndexByte(b[looked:], '\n') >= 0 {
			if r, n := u.known(b, fast); n > 0 {
				u.in.use(n)
				return r, nil
			}
			r, n, err := wire.ParseReply(b)
			if err == nil {
				r = r.Sanitised()
				if !u.terminated { // outcomes carry a queue id, each another
					u.learnReply(b[:n], r)
				}
				u.in.use(n)
				return r, nil
			}
			if err != wire.ErrShort {
				return wire.Reply{}, u.fault(errReplyGarbled)
			}
		}
		if looked = len(b); looked > wire.MaxReply {
			return wire.Reply{}, u.fault(errReplyGarbled)
		}
		if err := u.c.fill(&u.in); err != nil {
			return wire.Reply{}, u.fault(err)
		}
	}
}

// known parses without allocating: what needs no text, and what was said last.
func (u *upstream) known(b []byte, fast int) (wire.Reply, int) {
	if fast != 0 {
		if code, n := oneLine(b); n > 0 && (code == fast || code/100 == fast) {
			return wire.Reply{Code: code}, n
		}
	}
	if u.memoLen > 0 && bytes.HasPrefix(b, u.memo[:u.memoLen]) {
		return u.memoReply, u.memoLen
	}
	return wire.Reply{}, 0
}

// learnReply remembers a short reply of one line.
func (u *upstream) learnReply(raw []byte, r wire.Reply) {
	if r.Class() == 2 && len(raw) <= len(u.memo) && bytes.IndexByte(raw, '\n') == len(raw)-1 {
		u.memoLen, u.memoReply = copy(u.memo[:], raw), r
	}
}

// oneLine returns code and length of a well-formed reply of a single line at
// the start of b; length 0: wire.ParseReply must look.
func oneLine(b []byte) (code, n int) {
	n = bytes.IndexByte(b, '\n') + 1
	if n < 5 || n > 512 || bytes.IndexByte(b[:n], '\r') != n-2 || bytes.IndexByte(b[:n], 0) >= 0 {
		return 0, 0
	}
	if b[3] != ' ' && b[3] != '\r' {
		return 0, 0
	}
	for _, c := range b[:3] {
		if c < '0' || c > '9' {
			return 0, 0
		}
		code = code*10 + int(c-'0')
	}
	if code < 200 || code > 599 {
		return 0, 0
	}
	return code, n
}
