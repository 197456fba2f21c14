package unpack

import "time"

// Limits bound what one message may cost. Zero fields mean the defaults named
// beside them.
type Limits struct {
	Output     int64         // decoded octets of all members: 512 MiB
	Leaf       int64         // decoded octets of one member: 256 MiB
	Ratio      int64         // output to input, once output is over RatioFrom: 250
	RatioFrom  int64         // octets: 32 MiB
	Depth      int           // containers in containers: 8
	Entries    int           // members of all containers: 10,000
	Time       time.Duration // inside decoders: 5 s
	Memory     int64         // octets held by decoders and held containers: 128 MiB
	Held       int64         // octets of one container held for random access: 40 MiB
	Dictionary int64         // octets of one dictionary or window: 64 MiB
}

// A Budget is what is left to one message. It belongs to its goroutine.
type Budget struct {
	Limits Limits
}

// NewBudget returns a full budget that takes its memory from m, on behalf of
// the sender's network. Nil m: no limit for all.
func NewBudget(l Limits, m *Memory, net string) *Budget { return &Budget{Limits: l} }

// Release gives back all memory. The budget is at its end.
func (b *Budget) Release() {}

// Memory is what all messages together may hold.
type Memory struct{}

// NewMemory returns a Memory of so many octets.
func NewMemory(limit int64) *Memory { return &Memory{} }
