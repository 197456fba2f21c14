package unpack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
)

// The standard security handler with an empty user password (ISO 32000-2
// section 7.6.4): what anyone opens without being asked.

// pdfPad fills passwords up to 32 octets (section 7.6.4.3.2).
const pdfPad = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08" +
	"\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

// A pdfCipher undoes the encryption of strings and streams.
type pdfCipher struct {
	key           []byte
	streams, text string // method: "V2", "AESV2", "AESV3", "None"
}

// pdfSecurity is an encryption dictionary.
type pdfSecurity struct {
	filter          string
	v, r, length, p int
	o, u, oe, ue    []byte
	metadata        bool // is encrypted too
	stmf, strf      string
	methods         map[string]string // by name of the crypt filter
}

// unlock looks for the encryption dictionary and the key that an empty
// password gives.
func (p *pdf) unlock() {
	if !p.encrypt {
		return
	}
	var places []int
	for _, at := range marksAt(p.data, "obj", 10*pdfKept) {
		if num, _, ok := p.objectNumber(at); ok && slices.Contains(p.encryptRef[:min(len(p.encryptRef), 8)], num) {
			lex := pdfLexer{b: p.data, at: at + len("obj")}
			if lex.next().kind == pdfDictOpen && len(places) < 64 {
				places = append(places, lex.at)
			}
		}
	}
	if p.encryptAt > 0 {
		places = append(places, p.encryptAt)
	}
	for _, at := range places {
		if s := readSecurity(p.data[at:min(at+64<<10, len(p.data))]); s != nil {
			if key := s.unlock(p.id); key != nil {
				p.cipher = &pdfCipher{key: key, streams: s.method(s.stmf), text: s.method(s.strf)}
				return
			}
		}
	}
	p.t.note(RuleEncryptedDoc, Middle, "")
}

// readSecurity reads the dictionary behind its first brackets.
func readSecurity(b []byte) *pdfSecurity {
	s := &pdfSecurity{metadata: true, methods: make(map[string]string), length: 40}
	lex := pdfLexer{b: b}
	var path [4]string // keys on the way
	depth, key := 0, ""
	for {
		t := lex.next()
		switch t.kind {
		case pdfEnd:
			return nil
		case pdfDictOpen:
			if depth++; depth > 2 {
				return nil
			}
			path[depth], key = key, ""
		case pdfDictClose:
			if depth--; depth < 0 {
				return s
			}
			key = ""
		case pdfName:
			if key == "" || key == "CF" || depth == 1 && path[1] == "CF" {
				key = string(t.text)
				break
			}
			switch {
			case depth == 2 && path[1] == "CF" && key == "CFM":
				s.methods[path[2]] = string(t.text)
			case depth == 0 && key == "Filter":
				s.filter = string(t.text)
			case depth == 0 && key == "StmF":
				s.stmf = string(t.text)
			case depth == 0 && key == "StrF":
				s.strf = string(t.text)
			}
			key = ""
		case pdfNumber:
			if depth == 0 {
				s.number(key, t.n)
			}
			key = ""
		case pdfString, pdfHex:
			if depth == 0 {
				s.text(key, t.octets(256))
			}
			key = ""
		case pdfWord:
			if depth == 0 && key == "EncryptMetadata" {
				s.metadata = string(t.text) != "false"
			}
			key = ""
		}
	}
}

func (s *pdfSecurity) number(key string, n int) {
	switch key {
	case "V":
		s.v = n
	case "R":
		s.r = n
	case "P":
		s.p = n
	case "Length":
		s.length = n
	}
}

func (s *pdfSecurity) text(key string, b []byte) {
	b = bytes.Clone(b)
	switch key {
	case "O":
		s.o = b
	case "U":
		s.u = b
	case "OE":
		s.oe = b
	case "UE":
		s.ue = b
	}
}

// method returns how a crypt filter encrypts.
func (s *pdfSecurity) method(filter string) string {
	switch {
	case s.v < 4:
		return "V2"
	case filter == "Identity" || filter == "":
		return "None"
	}
	return s.methods[filter]
}

// unlock returns the key of the file, nil if it takes a password.
func (s *pdfSecurity) unlock(id []byte) []byte {
	if s.filter != "Standard" {
		return nil
	}
	if s.r >= 5 {
		return s.unlock256()
	}
	n := 5
	if s.v >= 2 && s.length >= 40 && s.length <= 128 {
		n = s.length / 8
	}
	if s.v >= 4 {
		n = 16
	}
	if len(s.o) < 32 || len(s.u) < 16 {
		return nil
	}
	h := md5.New()
	h.Write([]byte(pdfPad))
	h.Write(s.o[:32])
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(s.p)))
	h.Write(id)
	if s.r >= 4 && !s.metadata {
		h.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF})
	}
	sum := h.Sum(nil)
	if s.r >= 3 {
		for range 50 {
			next := md5.Sum(sum[:n])
			sum = next[:]
		}
	}
	key := sum[:n]
	if s.r < 3 {
		if len(s.u) >= 32 && bytes.Equal(rc4ed(key, []byte(pdfPad)), s.u[:32]) {
			return key
		}
		return nil
	}
	check := md5.Sum(append([]byte(pdfPad), id...))
	u := check[:]
	for i := range 20 {
		k := make([]byte, n)
		for j := range k {
			k[j] = key[j] ^ byte(i)
		}
		u = rc4ed(k, u)
	}
	if bytes.Equal(u, s.u[:16]) {
		return key
	}
	return nil
}

func rc4ed(key, b []byte) []byte {
	out := make([]byte, len(b))
	c, err := rc4.NewCipher(key)
	if err != nil {
		return out
	}
	c.XORKeyStream(out, b)
	return out
}

// unlock256 is for AES-256 (section 7.6.4.3.4 algorithm 2.A).
func (s *pdfSecurity) unlock256() []byte {
	if len(s.u) < 48 || len(s.ue) < 32 {
		return nil
	}
	hash := pdfHash
	if s.r == 5 {
		hash = func(_, salt []byte) []byte { sum := sha256.Sum256(salt); return sum[:] }
	}
	if !bytes.Equal(hash(nil, s.u[32:40]), s.u[:32]) {
		return nil
	}
	block, err := aes.NewCipher(hash(nil, s.u[40:48]))
	if err != nil {
		return nil
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(key, s.ue[:32])
	return key
}

// pdfHash is algorithm 2.B for a user password. It ends within some 300
// rounds: the last octet decides, and is below 256.
func pdfHash(password, salt []byte) []byte {
	sum := sha256.Sum256(slices.Concat(password, salt))
	k := sum[:]
	for i := 0; ; i++ {
		e := bytes.Repeat(slices.Concat(password, k), 64)
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		mod := 0
		for _, c := range e[:16] {
			mod += int(c)
		}
		switch mod % 3 {
		case 0:
			h := sha256.Sum256(e)
			k = h[:]
		case 1:
			h := sha512.Sum384(e)
			k = h[:]
		case 2:
			h := sha512.Sum512(e)
			k = h[:]
		}
		if i >= 63 && int(e[len(e)-1]) <= i-31 {
			return k[:32]
		}
	}
}

// open decrypts a string or stream of an object (section 7.6.3).
func (c *pdfCipher) open(b []byte, num, gen int, text bool) []byte {
	method := c.streams
	if text {
		method = c.text
	}
	key := c.key
	if method == "V2" || method == "AESV2" {
		h := md5.New()
		h.Write(c.key)
		h.Write([]byte{byte(num), byte(num >> 8), byte(num >> 16), byte(gen), byte(gen >> 8)})
		if method == "AESV2" {
			h.Write([]byte("sAlT"))
		}
		key = h.Sum(nil)[:min(len(c.key)+5, 16)]
	}
	switch method {
	case "V2":
		return rc4ed(key, b)
	case "AESV2", "AESV3":
		block, err := aes.NewCipher(key)
		if err != nil || len(b) < 32 {
			return nil
		}
		body := b[16 : len(b)/16*16]
		out := make([]byte, len(body))
		cipher.NewCBCDecrypter(block, b[:16]).CryptBlocks(out, body)
		if pad := int(out[len(out)-1]); pad >= 1 && pad <= 16 {
			out = out[:len(out)-pad]
		}
		return out
	}
	return b
}
