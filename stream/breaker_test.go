package stream

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	start := time.Now()
	// Steps: "f" failure, "s" success, "a" allowed, "t" allowed as trial, "n"
	// not allowed, "w" trial works, "x" trial abandoned; a number of seconds
	// passes before each.
	type step struct {
		after float64
		do    string
	}
	times := func(n int, s step) (all []step) {
		for range n {
			all = append(all, s)
		}
		return all
	}
	for name, steps := range map[string][]step{
		"five in a row":         append(times(4, step{0, "f"}), step{0, "a"}, step{0, "f"}, step{0, "n"}, step{4.9, "n"}, step{1.2, "t"}, step{0, "n"}, step{0, "w"}, step{0, "a"}),
		"a success between":     append(times(4, step{0, "f"}), step{0, "s"}, step{0, "f"}, step{0, "a"}),
		"trial fails, doubled":  append(times(5, step{0, "f"}), step{6.1, "t"}, step{0, "f"}, step{9.9, "n"}, step{2.2, "t"}, step{0, "f"}, step{19.9, "n"}, step{4.2, "t"}),
		"trial abandoned":       append(times(5, step{0, "f"}), step{6.1, "t"}, step{0, "x"}, step{0, "t"}),
		"pause bounded":         append(append(times(5, step{0, "f"}), times(8, step{80, "tf"})...), step{59.9, "n"}, step{12.2, "t"}),
		"works resets pause":    append(append(times(5, step{0, "f"}), step{6.1, "t"}, step{0, "f"}, step{12.1, "t"}, step{0, "w"}), append(times(5, step{0, "f"}), step{4.9, "n"}, step{1.2, "t"})...),
		"half of 20 is closed":  append(times(10, step{0, "sf"}), step{0, "a"}),
		"more than half":        append(times(10, step{0, "sf"}), step{0, "f"}, step{0, "n"}),
		"19 are too few":        append(times(9, step{0, "sf"}), step{0, "f"}, step{0, "a"}),
		"old ones do not count": append(times(10, step{0, "sf"}), step{31, "f"}, step{0, "a"}),
	} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			now := start
			for i, s := range steps {
				now = now.Add(time.Duration(s.after * float64(time.Second)))
				for _, do := range s.do {
					switch do {
					case 'f':
						b.failure(now)
					case 's':
						b.success(now)
					case 'w':
						b.works()
					case 'x':
						b.abandon()
					default:
						ok, trial := b.allow(now)
						got := map[[2]bool]rune{{true, false}: 'a', {true, true}: 't', {false, false}: 'n'}[[2]bool{ok, trial}]
						if got != do {
							t.Fatalf("step %d: %c, want %c", i, got, do)
						}
					}
				}
			}
		})
	}
}
