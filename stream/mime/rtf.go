package mime

import (
	"encoding/binary"
	"hash/crc32"
)

// rtfStart is what the window holds at the beginning (MS-OXRTFCP section
// 2.1.3.1.1): phrases that most RTF begins with.
const rtfStart = `{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}` +
	`{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans SerifSymbolArialTimes New RomanCourier` +
	`{\colortbl\red0\green0\blue0` + "\r\n" + `\par \pard\plain\f0\fs20\b\i\u\tab\tx`

// rtfWindow is the size of that window: 4,096 octets (section 2.1.3.1).
const rtfWindow = 4096

// rtfHeader is the size of the header: four numbers of 4 octets.
const rtfHeader = 16

// decompressRTF writes the text that v holds (MS-OXRTFCP) to out and tells
// whether v was sound. 17 octets of v give 144 at most, so v bounds the cost.
func decompressRTF(v []byte, out *output, emit func([]byte)) bool {
	if len(v) < rtfHeader {
		return false
	}
	want := binary.LittleEndian.Uint32(v[12:])
	kind := string(v[8:12])
	v = v[rtfHeader:]
	switch kind {
	case "MELA": // not compressed
		out.put(v, emit)
		return true
	case "LZFu":
	default:
		out.put(v, emit)
		return false
	}
	used, ended := expandLZFu(v, out, emit)
	// The checksum is CRC-32 without the inversions.
	return ended && ^crc32.Update(^uint32(0), crc32.IEEETable, v[:used]) == want
}

// expandLZFu expands tokens until their end mark. It returns how many octets
// of v they were, and whether the mark was there.
func expandLZFu(v []byte, out *output, emit func([]byte)) (used int, ended bool) {
	var window [rtfWindow]byte
	at := copy(window[:], rtfStart)
	for i := 0; i < len(v); {
		flags := v[i]
		i++
		for bit := 0; bit < 8 && i < len(v); bit, flags = bit+1, flags>>1 {
			if flags&1 == 0 {
				window[at] = v[i]
				out.put1(v[i], emit)
				at = (at + 1) % rtfWindow
				i++
				continue
			}
			if len(v)-i < 2 {
				return len(v), false
			}
			ref := binary.BigEndian.Uint16(v[i:])
			i += 2
			from, n := int(ref>>4), int(ref&0xF)+2
			if from == at {
				return len(v), true
			}
			for ; n > 0; n-- {
				c := window[from]
				window[at] = c
				out.put1(c, emit)
				from, at = (from+1)%rtfWindow, (at+1)%rtfWindow
			}
		}
	}
	return len(v), false
}
