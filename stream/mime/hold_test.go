package mime

import (
	"bytes"
	"strings"
	"testing"
)

// A purse is a Hold that keeps count.
type purse struct {
	room      int
	held, top int
}

func (p *purse) hold(n int) bool {
	if p.held+n > p.room {
		return false
	}
	p.held += n
	p.top = max(p.top, p.held)
	return true
}

// What TNEF holds is asked for and given back; what there is no room for is
// told all the same.
func TestTNEFAsks(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 200_000)
	title := attribute(2, attTitle, []byte("a.exe"))
	in := tnefStream(attribute(2, attRendering, nil), title, attribute(2, attData, big),
		attribute(1, attProps, props(prop(propHTML, mapiBinary, big))), attribute(2, attRendering, nil), attribute(2, attData, big))
	for _, room := range []int{1 << 30, 1 << 20, 0} {
		p := &purse{room: room}
		files, defects := readTNEF(&tnef{ask: p.hold}, in[:1000], in[1000:3_000_000], in[3_000_000:])
		if len(files) != 3 || !bytes.Equal(files[0].content, big) || !bytes.Equal(files[2].content, big) {
			t.Errorf("room for %d: %d files", room, len(files))
		}
		if large := strings.Contains(details(defects), "too large"); large != (room < 1<<30) {
			t.Errorf("room for %d: defects %v", room, defects)
		}
		if p.held != 0 || room == 1<<30 && p.top < len(big) {
			t.Errorf("room for %d: %d still held, at most %d", room, p.held, p.top)
		}
	}
	p := &purse{}
	if _, defects := readTNEF(&tnef{ask: p.hold}, tnefStream(attribute(2, attRendering, nil), title, attribute(2, attData, big[:1000]))); len(defects) > 0 {
		t.Errorf("a small one asks: %v", defects)
	}
}

// What a text holds for further readings likewise.
func TestTextAsks(t *testing.T) {
	text := []byte("<meta charset=windows-1251>" + strings.Repeat("\xc3\xa9 x ", 1<<20))
	for _, room := range []int{1 << 30, 1 << 20} {
		p := &purse{room: room}
		x := &Text{Hold: p.hold}
		for range 2 {
			var told int
			x.Reset("utf-8", true, func(b []byte) { told += len(b) })
			for _, c := range [][]byte{text[:5], text[5:70_000], text[70_000:]} {
				x.Write(c)
			}
			lost := strings.Contains(details(x.Close()), "not held")
			if told < len(text) || lost != (room == 1<<20) {
				t.Errorf("room for %d: %d octets told, lost %t", room, told, lost)
			}
			if p.held != 0 || p.top > 2*textHeld {
				t.Errorf("room for %d: %d still held, at most %d", room, p.held, p.top)
			}
		}
		x.Reset("utf-8", true, func([]byte) {})
		x.Write(text[:100_000])
		if p.held == 0 {
			t.Error("nothing is held: the test shows nothing")
		}
		x.Reset("", false, nil) // an aborted message
		if p.held != 0 {
			t.Errorf("%d still held", p.held)
		}
	}
}
