package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// headSearch is how far into a message the ledger field is looked for: beyond
// what any proxy prepends.
const headSearch = 64 << 10

// A digest hashes a message from its ledger field on, whatever was prepended.
type digest struct {
	id     string
	length int64 // octets hashed

	sum    hash.Hash
	head   []byte // what came before the field was found
	missed bool   // there is no field
}

// write takes the next octets of the content, dots unstuffed.
func (d *digest) write(p []byte) {
	switch {
	case d.sum != nil:
		d.add(p)
	case !d.missed:
		d.head = append(d.head, p...)
		d.search()
	}
}

func (d *digest) add(p []byte) {
	d.sum.Write(p) //nolint:errcheck // a hash does not fail
	d.length += int64(len(p))
}

// search looks for the field, whole, at the start of a line.
func (d *digest) search() {
	at := 0
	if !bytes.HasPrefix(d.head, []byte(ledgerField)) {
		at = bytes.Index(d.head, []byte("\n"+ledgerField)) + 1
	}
	if at == 0 && !bytes.HasPrefix(d.head, []byte(ledgerField)) {
		d.missed = len(d.head) > headSearch
		return
	}
	value, _, whole := bytes.Cut(d.head[at+len(ledgerField):], []byte("\r\n"))
	if !whole {
		return
	}
	d.id, d.sum = string(value), sha256.New()
	d.add(d.head[at:])
	d.head = nil
}

// hex is the SHA-256, or "" if there was no ledger field.
func (d *digest) hex() string {
	if d.sum == nil {
		return ""
	}
	return hex.EncodeToString(d.sum.Sum(nil))
}
