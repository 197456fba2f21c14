package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A mailKind is what a message is made to provoke.
type mailKind string

const (
	kindOrdinary mailKind = "ordinary"
	kindGTUBE    mailKind = "gtube"        // holds the literal that every filter refuses
	kindBareLF   mailKind = "bare newline" // smuggling material: refused by default
	kindStranger mailKind = "stranger"     // to a domain that has no route
)

// mustFail reports whether the only right answer is 5xx.
func (k mailKind) mustFail() bool { return k != kindOrdinary && k != "" }

// gtube is the agreed test literal, in two halves so that no filter takes this
// source file for one.
const gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// A mail is a message ready for the wire.
type mail struct {
	sentMail
	from    string
	content []byte // as meant, beginning with X-Ledger
	data    []byte // dots stuffed, terminator appended
}

// makeMail builds message number of a run, the same for the same arguments.
// size is about the length of the content; it is never less than the header.
// The id stands in every address too, so that a sink knows it at MAIL and RCPT.
func makeMail(seed uint64, number, size int, kind mailKind, recipients int) mail {
	id := fmt.Sprintf("%d-%d", seed, number)
	m := mail{from: "s." + id + "@x.test"}
	m.sentMail = sentMail{ID: id, Seed: seed, Number: number, Size: size, Kind: kind}
	domain := "y.test"
	if kind == kindStranger {
		domain = "stranger.test"
	}
	for i := range recipients {
		m.Recipients = append(m.Recipients, fmt.Sprintf("r%d.%s@%s", i, id, domain))
	}
	m.content = makeContent(id, m.from, m.Recipients[0], seed, number, size, kind)
	m.Length = int64(len(m.content))
	sum := sha256.Sum256(m.content)
	m.Sum = hex.EncodeToString(sum[:])
	m.data = stuff(m.content)
	return m
}

// prefixOf makes a message anew and hashes its first n octets.
func prefixOf(m sentMail, n int64) string {
	again := makeMail(m.Seed, m.Number, m.Size, m.Kind, len(m.Recipients))
	sum := sha256.Sum256(again.content[:min(n, int64(len(again.content)))])
	return hex.EncodeToString(sum[:])
}

// idIn returns the id in an address made by makeMail, or "".
func idIn(address string) string {
	local, _, _ := strings.Cut(address, "@")
	_, id, _ := strings.Cut(local, ".")
	return id
}

// ledgerField begins every message of the generator.
const ledgerField = "X-Ledger: "

func makeContent(id, from, to string, seed uint64, number, size int, kind mailKind) []byte {
	var b bytes.Buffer
	b.Grow(size + 1200)
	fmt.Fprintf(&b, ledgerField+"%s\r\n", id)
	fmt.Fprintf(&b, "From: <%s>\r\nTo: <%s>\r\nSubject: ledger %s\r\nMessage-ID: <%s@ledger.test>\r\n", from, to, id, id)
	// A fixed date: the same arguments give the same octets.
	fmt.Fprintf(&b, "Date: %s\r\n", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC1123Z))
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n")
	switch kind {
	case kindGTUBE:
		b.WriteString(gtube + "\r\n")
	case kindBareLF:
		b.WriteString("one line\nstill the same line\r\n")
	}
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	for b.Len() < size {
		writeLine(&b, random, size-b.Len())
	}
	return b.Bytes()
}

// letters has no pattern that a content filter could find worth a finding.
const letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789"

// writeLine adds one line: mostly text, now and then one that breaks careless
// dot handling. Lines stay below 900 octets: Postfix folds those over 998.
func writeLine(b *bytes.Buffer, random *rand.Rand, left int) {
	dice := random.Uint32()
	n := int(dice>>8) % 78
	switch dice & 0xff {
	case 0:
		b.WriteString(".\r\n")
		return
	case 1:
		b.WriteString("..\r\n")
		return
	case 2, 3:
		b.WriteByte('.')
	case 4:
		n = 850
	case 5:
		n = 0
	}
	n = max(0, min(n, left-2))
	var bits uint64
	for i := range n {
		if i%10 == 0 {
			bits = random.Uint64()
		}
		b.WriteByte(letters[bits&63%uint64(len(letters))])
		bits >>= 6
	}
	b.WriteString("\r\n")
}

// stuff doubles dots that begin a line and appends the terminator (RFC 5321
// section 4.5.2). Content ends with CRLF.
func stuff(content []byte) []byte {
	out := bytes.ReplaceAll(content, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(out, []byte(".")) {
		out = append([]byte("."), out...)
	}
	return append(out[:len(out):len(out)], ".\r\n"...)
}

// variants returns copies of one message that differ in their Message-ID, in
// turn: enough that no server takes the next for a repetition, made ahead so
// that the generator has nothing to do while it sends.
func variants(m mail, count int) func(n int) mail {
	list := make([]mail, min(count, variantsMost))
	for i := range list {
		list[i] = m
		list[i].content = replaceID(m.content, m.ID, i)
		list[i].data = replaceID(m.data, m.ID, i)
	}
	return func(n int) mail { return list[n%len(list)] }
}

// variantsMost bounds the memory variants take: 128 MB for messages of 1 MB.
const variantsMost = 64

// replaceID returns a copy of a message with another Message-ID. The figures
// of its book no longer hold.
func replaceID(p []byte, id string, n int) []byte {
	old := fmt.Appendf(nil, "Message-ID: <%s@", id)
	return bytes.Replace(p, old, fmt.Appendf(nil, "Message-ID: <%s.%08d@", id, n), 1)
}
