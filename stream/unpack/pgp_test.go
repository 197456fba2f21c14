package unpack

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// armoured is packets in armour.
func armoured(packets ...[]byte) []byte {
	text := base64.StdEncoding.EncodeToString(slices.Concat(packets...))
	var b strings.Builder
	b.WriteString(pgpMark + "\r\nVersion: x\r\n\r\n")
	for ; text != ""; text = text[min(len(text), 64):] {
		b.WriteString(text[:min(len(text), 64)] + "\r\n")
	}
	return []byte(b.String() + "=AAAA\r\n-----END PGP MESSAGE-----\r\n")
}

// packet is one with a length of five octets.
func packet(tag byte, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xC0 | tag, 255}, uint32(len(body))), body...)
}

func literalOf(name string, content []byte) []byte {
	return slices.Concat([]byte{'b', byte(len(name))}, []byte(name), make([]byte, 4), content)
}

func TestPGP(t *testing.T) {
	literal := literalOf("run.js", payload)
	file := packet(pgpLiteral, literal...)
	p := "run.js:" + string(payload)
	partial := slices.Concat([]byte{0xC0 | pgpLiteral, 0xE4}, literal[:16], []byte{byte(len(literal) - 16)}, literal[16:])
	deep := file
	for range pgpDepth + 1 {
		deep = packet(pgpCompressed, append([]byte{0}, deep...)...)
	}
	for _, c := range []struct {
		what string
		in   []byte
		want string
		rule string
	}{
		{"literal", armoured(file), p, ""},
		{"signed", armoured(packet(4, make([]byte, 13)...), file, packet(2, 4, 0)), p, ""},
		{"packed by zip", armoured(packet(pgpCompressed, append([]byte{1}, deflatedOctets(file)...)...)), p, ""},
		{"packed by zlib", armoured(packet(pgpCompressed, append([]byte{2}, zlibbedOctets(file)...)...)), p, ""},
		{"not packed", armoured(packet(pgpCompressed, append([]byte{0}, file...)...)), p, ""},
		{"old header", armoured(append([]byte{0x80 | pgpLiteral<<2, byte(len(literal))}, literal...)), p, ""},
		{"old header, to the end", armoured(append([]byte{0x80 | pgpLiteral<<2 | 3}, literal...)), p, ""},
		{"in pieces", armoured(partial), p, ""},
		{"console", armoured(packet(pgpLiteral, literalOf("_CONSOLE", payload)...)), ":" + string(payload), ""},
		{"no end", bytes.Split(armoured(file), []byte("=AAAA"))[0], p, ""},
		{"encrypted", armoured(packet(pgpKeyed, 3), packet(pgpProtected, 1, 2, 3)), "", RuleEncryptedMail},
		{"encrypted, a file behind", armoured(packet(pgpEncrypted, 1), file), "", RuleEncryptedMail},
		{"packed too often", armoured(deep), "", RuleDepth},
		{"packed in an unknown way", armoured(packet(pgpCompressed, 9, 1)), "", RuleMethod},
		{"packed and damaged", armoured(packet(pgpCompressed, 1, 0xFF, 0xFF)), "", RuleBroken},
		{"packed by bzip2, randomised", armoured(packet(pgpCompressed, append([]byte{3}, "BZh91AY&SY\x00\x00\x00\x00\x80"...)...)), "", RuleUnread},
		{"cut", armoured(packet(pgpLiteral, 'b')), "", RuleBroken},
		{"no packet", armoured([]byte("text")), "", ""},
		{"two", slices.Concat(armoured(file), []byte("text\n"), armoured(file)), p + p, ""},
		{"behind an encrypted one", slices.Concat(armoured(packet(pgpKeyed, 3)), armoured(file)), p, RuleEncryptedMail},
	} {
		r := readCuts(t, TypePGP, "", c.in)
		got := ""
		for _, m := range r.members {
			got += m.names + ":" + string(m.data)
		}
		if got != c.want || c.rule == "" && len(r.notes) > 0 || c.rule != "" && !r.has(c.rule) {
			t.Errorf("%s: %q, %v", c.what, got, r.notes)
		}
		if types := Detect(c.in); !slices.Equal(types, []Type{TypePGP}) {
			t.Errorf("%s: %v", c.what, types)
		}
	}
}

// What Detect cannot know is opened all the same.
func TestPGPUndetected(t *testing.T) {
	file := packet(pgpLiteral, literalOf("run.js", payload)...)
	cleartext := []byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\ntext\n")
	utf16 := []byte{0xFF, 0xFE}
	for _, c := range armoured(file) {
		utf16 = append(utf16, c, 0)
	}
	for _, c := range []struct {
		what string
		in   []byte
		want int
	}{
		{"packets", file, 1},
		{"signed packets", slices.Concat(packet(4, make([]byte, 13)...), file, packet(2, 4, 0)), 1},
		{"behind text", append([]byte("text\n\n"), armoured(file)...), 1},
		{"behind a mark", append([]byte("\xEF\xBB\xBF"), armoured(file)...), 1},
		{"in UTF-16", utf16, 1},
		{"behind signed text", append(cleartext, bytes.ReplaceAll(armoured(packet(2, 4, 0)), []byte("MESSAGE"), []byte("SIGNATURE"))...), 0},
		{"in another armour", bytes.ReplaceAll(armoured(file), []byte("MESSAGE"), []byte("SIGNATURE")), 1},
		{"text", []byte("text\n"), 0},
		{"nothing", nil, 0},
	} {
		r := readCuts(t, TypePGP, "", c.in)
		if len(r.members) != c.want || len(r.notes) > 0 || c.want > 0 && !bytes.Equal(r.members[0].data, payload) {
			t.Errorf("%s: %d members, %v", c.what, len(r.members), r.notes)
		}
	}
}

func FuzzPGP(f *testing.F) {
	file := packet(pgpLiteral, literalOf("a", payload)...)
	fuzz(f, TypePGP, armoured(file), armoured(packet(pgpCompressed, append([]byte{1}, deflatedOctets(file)...)...)), armoured([]byte{0xC0 | pgpLiteral, 0xE0, 'b'}), file)
}

// Each compressed packet costs a decoder, so it counts as a member does.
func TestPGPCompressedCounts(t *testing.T) {
	for n, want := range map[int]bool{10: false, 10_001: true} {
		packets := bytes.Repeat([]byte("\xC8\x03\x01\x03\x00"), n) // deflate of nothing
		message := pgpMark + "\n\n" + base64.StdEncoding.EncodeToString(packets) + "\n-----END PGP MESSAGE-----\n"
		s := tellAll(t, func(b *Budget, s Sink) Reader { return Open(TypePGP, "", b, s) }, []byte(message), 0)
		if s.has(RuleEntries) != want {
			t.Errorf("%d packets: %v", n, s.notes)
		}
	}
}
