package unpack

import (
	"encoding/binary"
	"testing"
)

// cabinet is a CAB with nothing but names.
func cabinet(names ...string) []byte {
	le := binary.LittleEndian
	b := make([]byte, cabHead+8)
	copy(b, "MSCF")
	le.PutUint32(b[16:], cabHead+8)
	b[24], b[25] = 3, 1
	le.PutUint16(b[26:], 1)
	le.PutUint16(b[28:], uint16(len(names)))
	for _, n := range names {
		b = append(b, make([]byte, cabFile)...)
		b = append(append(b, n...), 0)
	}
	return b
}

// disc is an ISO with a file in the root and one in a folder.
func disc(root, folder, file string) []byte {
	b := make([]byte, 22*isoSector)
	record := func(name string, sector, size uint32, flags byte) []byte {
		r := make([]byte, isoRecord+len(name)+len(name)%2)
		r[0], r[25], r[32] = byte(len(r)), flags, byte(len(name))
		binary.LittleEndian.PutUint32(r[2:], sector)
		binary.LittleEndian.PutUint32(r[10:], size)
		copy(r[isoRecord:], name)
		return r
	}
	pvd := b[isoFirst*isoSector:]
	pvd[0] = isoMain
	copy(pvd[1:], "CD001\x01")
	copy(pvd[isoRoot:], record("\x00", 18, isoSector, isoFolder))
	end := pvd[isoSector:]
	end[0] = isoLast
	copy(end[1:], "CD001\x01")
	at := func(sector int, records ...[]byte) {
		off := sector * isoSector
		for _, r := range records {
			off += copy(b[off:], r)
		}
	}
	self, up := record("\x00", 18, isoSector, isoFolder), record("\x01", 18, isoSector, isoFolder)
	at(18, self, up, record(root, 20, 5, 0), record(folder, 19, isoSector, isoFolder))
	at(19, self, up, record(file, 21, 5, 0))
	return b
}

func TestNamesOnly(t *testing.T) {
	for _, c := range []struct {
		t      Type
		packed []byte
		want   []string
	}{
		{TypeCAB, cabinet("evil.exe", "b\\c.txt"), []string{"evil.exe", "b\\c.txt"}},
		{TypeISO, disc("EVIL.EXE;1", "DIR", "B.;1"), []string{"EVIL.EXE", "DIR/B"}},
		{TypeISO, disc("EVIL.EXE;1", "DIR", "B"), []string{"EVIL.EXE", "DIR/B"}},
		{TypeACE, []byte("1234567**ACE**"), nil},
		{TypeISO, []byte("none at all"), nil},
	} {
		r := readCuts(t, c.t, "", c.packed)
		if len(r.notes) != 1 || r.notes[0] != (Note{RuleUnsupported, Unsupported, ""}) || len(r.members) != len(c.want) {
			t.Errorf("%s:\n%s", c.t, r)
			continue
		}
		for i, m := range r.members {
			if m.names != c.want[i] || !m.Encrypted {
				t.Errorf("%s: %s", c.t, m.names)
			}
		}
		for n := range min(len(c.packed), 100) {
			read(t, c.t, "", c.packed[:len(c.packed)-n], 0, Limits{})
		}
	}
}

func TestISOCycle(t *testing.T) {
	d := disc("A", "DIR", "B")
	// The folder's entry of a file becomes a folder that leads to the root.
	off := 19*isoSector + 2*(isoRecord+1+1)
	d[off+25] = isoFolder
	binary.LittleEndian.PutUint32(d[off+2:], 18)
	binary.LittleEndian.PutUint32(d[off+10:], isoSector)
	if r := read(t, TypeISO, "", d, 0, Limits{}); !r.has(RuleBroken) {
		t.Errorf("cycle:\n%s", r)
	}
}
