package unpack

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// appleFile is AppleSingle or AppleDouble with these entries.
func appleFile(mark string, forks ...appleFork) []byte {
	be := binary.BigEndian
	head := append([]byte(mark), 0, 2, 0, 0)
	head = append(head, make([]byte, 16)...)
	head = be.AppendUint16(head, uint16(len(forks)))
	at := len(head) + appleEntry*len(forks)
	var body []byte
	for _, f := range forks {
		head = be.AppendUint32(head, f.id)
		head = be.AppendUint32(head, uint32(at+len(body)))
		head = be.AppendUint32(head, uint32(len(f.data)))
		body = append(body, f.data...)
	}
	return append(head, body...)
}

// macBinary is MacBinary II.
func macBinary(name string, data, resources []byte) []byte {
	be := binary.BigEndian
	h := make([]byte, macBinaryHeader)
	h[1] = byte(len(name))
	copy(h[2:], name)
	copy(h[65:], "TEXTttxt")
	be.PutUint32(h[83:], uint32(len(data)))
	be.PutUint32(h[87:], uint32(len(resources)))
	h[122], h[123] = 129, 129
	be.PutUint16(h[124:], crcXModem(h[:124]))
	pad := func(b []byte) []byte { return append(bytes.Clone(b), make([]byte, -len(b)&(macBinaryHeader-1))...) }
	return slices.Concat(h, pad(data), pad(resources))
}

func TestApple(t *testing.T) {
	const single, double = appleSingleMark, appleDoubleMark
	name := appleFork{appleName, []byte("run.js")}
	info := appleFork{9, make([]byte, 32)}
	data, resource := appleFork{appleData, payload}, appleFork{appleResource, []byte("fork")}
	whole := appleFile(single, name, data)
	far := appleFile(single, data)
	binary.BigEndian.PutUint32(far[appleHeader+4:], 1<<31)
	many := appleFile(single, slices.Repeat([]appleFork{info}, 100)...)
	for _, c := range []struct {
		what    string
		content []byte
		want    []string // names and content of members
		broken  bool
	}{
		{"single", whole, []string{"run.js|name:" + string(payload)}, false},
		{"no name inside", appleFile(single, data), []string{"name:" + string(payload)}, false},
		{"both forks", appleFile(single, resource, info, name, data), []string{":fork", "run.js|name:" + string(payload)}, false},
		{"double", appleFile(double, info, resource), []string{":fork"}, false},
		{"nothing of use", appleFile(double, info), nil, false},
		{"two data forks", appleFile(single, data, appleFork{appleData, []byte("x")}), []string{"name:" + string(payload), "name:x"}, false},
		{"cut", whole[:len(whole)-1], []string{"run.js|name:" + string(payload[:len(payload)-1])}, true},
		{"begins behind the end", far, nil, true},
		{"more entries than are read", many, nil, false},
		{"header cut", whole[:20], nil, true},
		{"entries cut", whole[:30], nil, true},
	} {
		r := readCuts(t, TypeApple, "name", c.content)
		checkForks(t, c.what, r, c.want, c.broken)
		if types := Detect(c.content); len(types) == 0 || types[0] != TypeApple || polyglot(types) {
			t.Errorf("%s: %v", c.what, types)
		}
	}
}

func checkForks(t *testing.T, what string, r *recorder, want []string, broken bool) {
	t.Helper()
	var got []string
	for _, m := range r.members {
		got = append(got, m.names+":"+string(m.data))
	}
	if !slices.Equal(got, want) || r.has(RuleBroken) != broken {
		t.Errorf("%s:\n%s", what, r)
	}
}

func TestMacBinary(t *testing.T) {
	whole := macBinary("run.js", payload, []byte("fork"))
	first := bytes.Clone(whole)
	clear(first[99:128])
	second := slices.Concat(whole[:128], make([]byte, 128), whole[128:])
	second[121] = 7
	for _, c := range []struct {
		what    string
		content []byte
		want    []string
		broken  bool
		seen    bool
	}{
		{"both forks", whole, []string{"run.js|name:" + string(payload), ":fork"}, false, true},
		{"the first version", first, []string{"run.js|name:" + string(payload), ":fork"}, false, true},
		{"data only", macBinary("a", payload, nil), []string{"a|name:" + string(payload)}, false, true},
		{"second header", second, []string{"run.js|name:" + string(payload), ":fork"}, false, false},
		{"cut", whole[:130], []string{"run.js|name:" + string(payload[:2])}, true, true},
		{"header cut", whole[:100], nil, true, false},
	} {
		checkForks(t, c.what, readCuts(t, TypeMacBinary, "name", c.content), c.want, c.broken)
		if types := Detect(c.content); slices.Contains(types, TypeMacBinary) != c.seen || polyglot(types) {
			t.Errorf("%s: %v", c.what, types)
		}
	}
	if types := Detect(make([]byte, HeadSize)); types != nil {
		t.Errorf("zeros are %v", types)
	}
	if types := Detect(macBinary("a.zip", zipFile{entries: []zipEntry{harmless}}.bytes(), nil)); polyglot(types) {
		t.Errorf("a zip inside gives %v", types)
	}
}

func FuzzApple(f *testing.F)     { fuzz(f, TypeApple, appleFile(appleDoubleMark)) }
func FuzzMacBinary(f *testing.F) { fuzz(f, TypeMacBinary) }
