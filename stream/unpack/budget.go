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
	Time       time.Duration // inside decoders, without waiting for a processor: 5 s
	Memory     int64         // octets held by decoders and held containers: 128 MiB
	Held       int64         // octets of one container held for random access: 40 MiB
	Dictionary int64         // octets of one dictionary or window: 64 MiB
}

// defaults are the limits of a message nobody configured anything for. The
// reasons: Output is 20 times a large message, and what good mail has never
// been seen to reach. A blank bitmap exceeds Ratio by far, but is smaller than
// RatioFrom. Held is the largest attachment of the largest message. xz -9
// declares a Dictionary of 64 MiB.
var defaults = Limits{
	Output:     512 << 20,
	Leaf:       256 << 20,
	Ratio:      250,
	RatioFrom:  32 << 20,
	Depth:      8,
	Entries:    10_000,
	Time:       5 * time.Second,
	Memory:     128 << 20,
	Held:       40 << 20,
	Dictionary: 64 << 20,
}

// A clock does not tell work from waiting for a processor, and on a busy
// machine that is most of the time: good mail would be deferred just when
// there is much of it. A thread's own clock does not help, since goroutines
// change threads. So from one look at the clock to the next no more counts
// than the work done meanwhile can have taken: what the slowest decoder needs
// on a slow machine, 10 MB/s, and a little for what is done without octets.
const (
	octetTime = 100 * time.Nanosecond
	stepTime  = 2 * time.Millisecond
)

// shareFrom is from how many octets on it matters that members of a file share
// them: 8 MiB, which costs nothing and lets broken files be read.
const shareFrom = 8 << 20

// grantSize is how much memory a Budget takes from the Memory of all at once:
// 256 KiB, so that the common lock is taken rarely.
const grantSize = 256 << 10

// A Budget is what is left to one message. It belongs to its goroutine. Once
// anything in it is exhausted, all of it is: every Reader tells so and stops.
type Budget struct {
	Limits Limits

	memory *Memory
	net    string
	used   int64         // octets in use
	taken  int64         // octets taken from memory, at least used
	waited time.Duration // for memory

	in      int64 // octets of outermost containers
	out     int64 // octets of all members
	entries int
	rars    int // decoders made
	locks   int // documents that the password of Excel was tried on
	depth   int

	now     func() time.Time
	running bool // a decoder is
	since   time.Time
	spent   time.Duration
	worked  int64 // octets read and told since then

	end    Note // why it is exhausted; Rule "": it is not
	pulled map[*puller]struct{}
}

// NewBudget returns a full budget that takes its memory from m, on behalf of
// the sender's network. Nil m: no limit for all.
func NewBudget(l Limits, m *Memory, net string) *Budget {
	orDefault(&l.Output, defaults.Output)
	orDefault(&l.Leaf, defaults.Leaf)
	orDefault(&l.Ratio, defaults.Ratio)
	orDefault(&l.RatioFrom, defaults.RatioFrom)
	orDefault(&l.Depth, defaults.Depth)
	orDefault(&l.Entries, defaults.Entries)
	orDefault(&l.Time, defaults.Time)
	orDefault(&l.Memory, defaults.Memory)
	orDefault(&l.Held, defaults.Held)
	orDefault(&l.Dictionary, defaults.Dictionary)
	return &Budget{Limits: l, memory: m, net: net, now: time.Now}
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Release stops every Reader that was not closed and gives back all memory.
// The budget is at its end.
func (b *Budget) Release() {
	defer b.giveAll()
	for p := range b.pulled {
		p.Close(false)
	}
}

func (b *Budget) giveAll() {
	if b.memory != nil && b.taken > 0 {
		b.memory.give(b.net, b.taken)
	}
	b.used, b.taken = 0, 0
}

// Enter goes one container deeper. It is called before Open; false: too deep,
// the container stays shut, and the caller tells it under RuleDepth. Only
// after true is there a Leave.
func (b *Budget) Enter() bool {
	if b.depth >= b.Limits.Depth {
		return false
	}
	b.depth++
	return true
}

// Leave is called after the container's Reader was closed.
func (b *Budget) Leave() { b.depth-- }

// exhausted returns why nothing more can be had of the budget, if so.
func (b *Budget) exhausted() (Note, bool) { return b.end, b.end.Rule != "" }

// exhaust ends the budget. The first reason stays.
func (b *Budget) exhaust(rule string, c Class, detail string) {
	if b.end.Rule == "" {
		b.end = Note{Rule: rule, Class: c, Detail: detail}
	}
}

// input counts octets of a container. Only those of the outermost are what the
// sender paid for.
func (b *Budget) input(n int) {
	b.worked += int64(n)
	if b.depth <= 1 {
		b.in += int64(n)
	}
}

// output counts n decoded octets of a member that has had leaf before. False:
// they may not be told.
func (b *Budget) output(n int, leaf int64) bool {
	b.out += int64(n)
	b.worked += int64(n)
	switch {
	case b.out > b.Limits.RatioFrom && b.out/b.Limits.Ratio > b.in:
		b.exhaust(RuleBomb, Exhausted, "ratio")
	case b.out > b.Limits.Output:
		b.exhaust(RuleOutput, Exhausted, "all")
	case leaf+int64(n) > b.Limits.Leaf:
		b.exhaust(RuleOutput, Exhausted, "one")
	}
	return b.inTime()
}

// entry counts a member. False: there may be none.
func (b *Budget) entry() bool {
	if b.end.Rule == "" {
		b.entries++
		if b.entries > b.Limits.Entries {
			b.exhaust(RuleEntries, Exhausted, "")
		}
	}
	return b.end.Rule == ""
}

// grow takes n octets of memory and may wait for them. False: there are none,
// and nothing was taken.
func (b *Budget) grow(n int64) bool {
	if b.end.Rule != "" {
		return false
	}
	if n > b.Limits.Memory-b.used {
		b.exhaust(RuleMemory, Strained, "message")
		return false
	}
	if need := b.used + n - b.taken; need > 0 && b.memory != nil {
		need = (need + grantSize - 1) / grantSize * grantSize
		if !b.take(need) {
			b.exhaust(RuleMemory, Strained, "all")
			return false
		}
		b.taken += need
	}
	b.used += n
	return true
}

// spare is grow for what can be done without: if the message may not have so
// much, nothing is exhausted.
func (b *Budget) spare(n int64) bool {
	return n <= b.Limits.Memory-b.used && b.grow(n)
}

// Hold takes n octets for content that is held outside of any Reader; with -n
// they are given back. False: the message may not have so much, or there is
// none left for all; then the Note says so.
func (b *Budget) Hold(n int64) (Note, bool) {
	if n <= 0 {
		b.shrink(-n)
		return Note{}, true
	}
	ok := b.spare(n)
	return b.end, ok
}

// take waits for memory; no decoder runs meanwhile.
func (b *Budget) take(n int64) bool {
	was := b.watch(false)
	defer b.watch(was)
	waited, ok := b.memory.take(b.net, n, maxWait-b.waited)
	b.waited += waited
	return ok
}

// shrink gives n octets back. What is spare goes back to all when it is more
// than a grant.
func (b *Budget) shrink(n int64) {
	b.used -= n
	if spare := (b.taken - b.used) / grantSize * grantSize; spare > grantSize {
		b.memory.give(b.net, spare)
		b.taken -= spare
	}
}

// watch starts or stops the clock of the decoders and returns what it did
// before. It stands while a Sink is told something, for that is not theirs.
func (b *Budget) watch(on bool) (was bool) {
	was = b.running
	if was == on {
		return was
	}
	b.look(was)
	b.running = on
	return was
}

// inTime looks at the clock and tells whether the budget still lasts.
func (b *Budget) inTime() bool {
	if b.running {
		b.look(true)
	}
	if b.spent > b.Limits.Time {
		b.exhaust(RuleTime, Strained, "")
	}
	return b.end.Rule == ""
}

// look looks at the clock. If a decoder ran since the last look, that counts.
func (b *Budget) look(ran bool) {
	now := b.now()
	if ran {
		b.spent += min(now.Sub(b.since), stepTime+time.Duration(b.worked)*octetTime)
		b.worked = 0
	}
	b.since = now
}
