package unpack

// rtfExpanded bounds what compressed RTF expands to: 32 MiB.
const rtfExpanded = 32 << 20

// rtfDictionary fills the window before the first octet ([MS-OXRTFCP] section
// 2.1.2.1).
const rtfDictionary = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}" +
	"{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier" +
	"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// expandRTF expands compressed RTF ([MS-OXRTFCP] section 2.2): a header of
// compressed size, size, mark and checksum, then flag octets, each for eight
// tokens, literals or copies from a window of 4 KiB. Whole is false if there
// was a defect; what came before it is returned.
func expandRTF(b []byte, limit int) (out []byte, whole bool) {
	const header, packed, plain = 16, 0x75465A4C, 0x414C454D
	if len(b) < header {
		return nil, false
	}
	mark := le32(b, 8)
	b = b[header:]
	switch mark {
	case plain:
		return b[:min(limit, len(b))], true
	case packed:
	default:
		return nil, false
	}
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	put := func(c byte) {
		window[at] = c
		at = (at + 1) % len(window)
		out = append(out, c)
	}
	for len(b) > 0 {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if len(out) >= limit {
				return out, true
			}
			if flags>>bit&1 == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out, false
			}
			from, n := int(b[0])<<4|int(b[1])>>4, int(b[1]&15)+2
			b = b[2:]
			if from == at { // the end
				return out, true
			}
			for range n {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return out, false
}
