package main

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"
)

func TestFrames(t *testing.T) {
	for _, size := range []int{0, 1, frameSize, frameSize + 1, 3*frameSize - 1} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		rest, ok := bytes.CutPrefix(frames(content), []byte("zINSTREAM\x00"))
		var got []byte
		for ok && len(rest) >= 4 {
			n := int(binary.BigEndian.Uint32(rest))
			if rest = rest[4:]; n == 0 {
				break
			}
			if n > frameSize || n > len(rest) {
				t.Fatalf("%d octets: a frame of %d with %d behind it", size, n, len(rest))
			}
			got, rest = append(got, rest[:n]...), rest[n:]
		}
		if !ok || len(rest) > 0 || !bytes.Equal(got, content) {
			t.Errorf("%d octets: command %v, %d octets in frames, %d behind the end", size, ok, len(got), len(rest))
		}
	}
}

func TestCleanAnswer(t *testing.T) {
	for answer, clean := range map[string]bool{"stream: OK\x00": true, "stream: Eicar FOUND\x00": false,
		"INSTREAM size limit exceeded. ERROR\x00": false, "": false, "other: OK\x00": false} {
		if err := cleanAnswer(answer); (err == nil) != clean {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestWritePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := make([]byte, 3*paceChunk+5)
		for pace, want := range map[int]pacing{
			0:               {1, len(p), 0},
			100 * paceChunk: {4, len(p), 30 * time.Millisecond}, // the first chunk does not wait
		} {
			var got pacing
			start := time.Now()
			err := writePaced(&got, p, pace)
			got.took = time.Since(start) // the bubble's clock
			if err != nil || got != want {
				t.Errorf("pace %d: %+v, %v; want %+v", pace, got, err, want)
			}
		}
	})
}

// A pacing is what was written, and how.
type pacing struct {
	writes, octets int
	took           time.Duration
}

func (o *pacing) Write(p []byte) (int, error) {
	o.writes++
	o.octets += len(p)
	return len(p), nil
}

// Beyond the window the end counts alone; inside it, what is added may be all
// that clamd needs and a little more.
func TestSummariseAntivirus(t *testing.T) {
	samples := []antivirusSample{
		{Round: 1, Size: 50e3, Clamd: 10, ClamdEnd: 8, End: 31, Plain: 1},
		{Round: 1, Size: 5e6, Clamd: 200, ClamdEnd: 100, End: 130, Plain: 10},
		{Round: 2, Size: 50e3, Clamd: 20, ClamdEnd: 16, End: 25, Plain: 5},
		{Round: 2, Size: 5e6, Clamd: 200, ClamdEnd: 200, End: 220, Plain: 10},
		{Round: 3, Size: 50e3, Clamd: 10, ClamdEnd: 8, End: 62, Plain: 2},
	}
	small := summariseAntivirus(samples, 50e3)
	if small.Over != (spread{0, 20, 50}) || small.Added != (spread{20, 30, 60}) {
		t.Errorf("50 kB: %+v", small)
	}
	if g := small.target(); !g.Met || g.Got != 20 {
		t.Errorf("50 kB: %+v, want the limit just met", g)
	}
	large := summariseAntivirus(samples, 5e6)
	if large.Ratio != (spread{1.1, 1.2000000000000002, 1.3}) || large.Inside {
		t.Errorf("5 MB: %+v", large)
	}
	large.Ratio.Median = 1.21
	if large.target().Met {
		t.Error("5 MB: 1.21 is over the limit")
	}
}
