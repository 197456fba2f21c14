package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A sentMail is what the generator meant to send: one line of its book.
type sentMail struct {
	ID         string   `json:"id"`
	Seed       uint64   `json:"seed"`
	Number     int      `json:"number"`
	Size       int      `json:"size"` // as asked for; Length is what it became
	Kind       mailKind `json:"kind"` // ordinary, or what must be refused
	Recipients []string `json:"recipients"`
	Length     int64    `json:"length"` // of the content, dots unstuffed
	Sum        string   `json:"sha256"` // of the content
}

// An attempt is one try to hand a message over, as the sender saw it.
type attempt struct {
	ID       string         `json:"id"`
	Accepted []string       `json:"accepted,omitempty"` // recipients that got 2xx
	Refused  map[string]int `json:"refused,omitempty"`  // recipients that did not, and their code; 0: no reply
	Stage    string         `json:"stage"`              // where it ended: connect, greeting, ehlo, mail, rcpt, data, end
	Code     int            `json:"code"`               // of the last reply; 0: the connection failed first
	Text     string         `json:"text,omitempty"`     // of the last reply
	Start    time.Time      `json:"start"`
	End      time.Time      `json:"end"`
}

// accepted reports whether the sender was told that the message is taken.
func (a *attempt) accepted() bool { return a.Stage == stageEnd && a.Code/100 == 2 }

// A commit is a message that a sink took responsibility for.
type commit struct {
	ID         string    `json:"id"` // from X-Ledger; empty if it had none
	Recipients []string  `json:"recipients"`
	Length     int64     `json:"length"` // from X-Ledger on
	Sum        string    `json:"sha256"` // from X-Ledger on
	At         time.Time `json:"at"`     // before the reply was written
	Replied    bool      `json:"replied"`
	Sink       string    `json:"sink,omitempty"`
}

// A refusal is a negative reply a sink gave on purpose.
type refusal struct {
	ID    string    `json:"id"`
	Stage string    `json:"stage"`
	Code  int       `json:"code"`
	At    time.Time `json:"at"`
}

// A kill is one end of the proxy that nobody asked it for.
type kill struct {
	At    time.Time `json:"at"`    // just before the signal
	Until time.Time `json:"until"` // the process was gone
}

// Books are all that was noted in one run. The checker needs nothing else.
type books struct {
	Sent     []sentMail `json:"sent"`
	Attempts []attempt  `json:"attempts"`
	Commits  []commit   `json:"commits"`
	Refusals []refusal  `json:"refusals"`
	Kills    []kill     `json:"kills"`
	// Slack is how far apart the clocks of the books may be: attempts read from
	// a log have whole seconds only.
	Slack time.Duration `json:"slack"`
}

// A ledgerBook collects books from many goroutines. The zero value is ready.
type ledgerBook struct {
	mu    sync.Mutex // guards books
	books books
}

func (l *ledgerBook) send(s sentMail) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Sent = append(l.books.Sent, s)
}

func (l *ledgerBook) attempt(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Attempts = append(l.books.Attempts, a)
}

// commit notes c and returns its place for replied.
func (l *ledgerBook) commit(c commit) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Commits = append(l.books.Commits, c)
	return len(l.books.Commits) - 1
}

// replied notes that the reply to a commit was written in full.
func (l *ledgerBook) replied(place int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Commits[place].Replied = true
}

func (l *ledgerBook) refuse(r refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Refusals = append(l.books.Refusals, r)
}

func (l *ledgerBook) kill(k kill) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books.Kills = append(l.books.Kills, k)
}

// close returns the books. Nobody may write in them afterwards.
func (l *ledgerBook) close() books {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.books
}

// merge adds other's entries to b.
func (b *books) merge(other books) {
	b.Sent = append(b.Sent, other.Sent...)
	b.Attempts = append(b.Attempts, other.Attempts...)
	b.Commits = append(b.Commits, other.Commits...)
	b.Refusals = append(b.Refusals, other.Refusals...)
	b.Kills = append(b.Kills, other.Kills...)
	b.Slack = max(b.Slack, other.Slack)
}

// writeBooks and readBooks keep books in a file, as JSON.
func writeBooks(name string, b books) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriter(f)
	if err := json.NewEncoder(w).Encode(b); err != nil {
		return err
	}
	return w.Flush()
}

func readBooks(r io.Reader) (books, error) {
	var b books
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return books{}, fmt.Errorf("read books: %w", err)
	}
	return b, nil
}
