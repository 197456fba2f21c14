package policy

import (
	"encoding/binary"
	"hash/maphash"
)

// A keySet maps texts to numbers. It holds hundreds of thousands of addresses in
// little more memory than their octets and without a pointer among them, so
// the garbage collector does not walk it: all texts stand in one slice, and a
// table of offsets, hashed and probed linearly, finds them. It answers
// exactly; there are no false hits. Once filled it may be read from anywhere.
type keySet struct {
	texts []byte   // entries: length (2 octets), number (4), text
	slots []uint32 // offset of an entry in texts + 1; 0: free. A power of two long
	n     int
}

const entryHead = 2 + 4

// maxTexts bounds one set: 2 GiB, what offsets of 32 bits reach with room to
// spare, some eighty million addresses.
const maxTexts = 2 << 30

// seed makes collisions unforeseeable to whoever chooses addresses.
var seed = maphash.MakeSeed()

// find returns the number of key.
func (s *keySet) find(key []byte) (number uint32, ok bool) {
	if s.n == 0 {
		return 0, false
	}
	at := s.slots[s.slot(key)]
	if at == 0 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(s.texts[at-1+2:]), true
}

// slot returns where key is, or where it would be put.
func (s *keySet) slot(key []byte) int {
	mask := uint64(len(s.slots) - 1)
	for i := maphash.Bytes(seed, key) & mask; ; i = (i + 1) & mask {
		at := s.slots[i]
		if at == 0 || string(s.text(at)) == string(key) {
			return int(i)
		}
	}
}

// text returns the text of the entry that slot value at points to.
func (s *keySet) text(at uint32) []byte {
	e := s.texts[at-1:]
	return e[entryHead : entryHead+int(binary.LittleEndian.Uint16(e))]
}

// put gives key a number. It reports false if there is no room: key is longer
// than 65,535 octets, or the set is full.
func (s *keySet) put(key []byte, number uint32) bool {
	if len(key) > 1<<16-1 || len(s.texts)+entryHead+len(key) > maxTexts {
		return false
	}
	if s.n >= len(s.slots)*3/4 {
		s.grow()
	}
	i := s.slot(key)
	if at := s.slots[i]; at != 0 {
		binary.LittleEndian.PutUint32(s.texts[at-1+2:], number)
		return true
	}
	s.slots[i] = uint32(len(s.texts)) + 1
	s.texts = binary.LittleEndian.AppendUint16(s.texts, uint16(len(key)))
	s.texts = binary.LittleEndian.AppendUint32(s.texts, number)
	s.texts = append(s.texts, key...)
	s.n++
	return true
}

// grow doubles the table. Entries keep their places.
func (s *keySet) grow() {
	s.slots = make([]uint32, max(4, 2*len(s.slots)))
	for at := 0; at < len(s.texts); {
		n := int(binary.LittleEndian.Uint16(s.texts[at:]))
		s.slots[s.slot(s.texts[at+entryHead:at+entryHead+n])] = uint32(at) + 1
		at += entryHead + n
	}
}
