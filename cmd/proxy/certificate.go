package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

func loadCertificate(f certificateConfig) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return cert, fmt.Errorf("load certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	return cert, nil
}

// A listenerTLS is one listener's TLS for the life of the process. Its
// tls.Config stays the same when certificates change, so that senders' session
// tickets go on working.
type listenerTLS struct {
	config *tls.Config
	certs  atomic.Pointer[[]tls.Certificate]
}

func newListenerTLS() *listenerTLS {
	l := &listenerTLS{}
	l.config = &tls.Config{
		DynamicRecordSizingDisabled: true,             // replies are short, and nothing else is written
		MinVersion:                  tls.VersionTLS12, // RFC 8997 section 4: no older version for mail
		GetCertificate:              l.choose,
	}
	return l
}

// choose takes the first certificate that carries the name a sender asks for,
// or else the first of all: mail servers verify little and name even less.
func (l *listenerTLS) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certs := *l.certs.Load()
	for i := range certs {
		if len(certs) > 1 && hello.SupportsCertificate(&certs[i]) == nil {
			return &certs[i], nil
		}
	}
	return &certs[0], nil
}

// set puts certificates in force; there is at least one once TLS is offered.
func (l *listenerTLS) set(certs []tls.Certificate) { l.certs.Store(&certs) }

func (l *listenerTLS) count() int { return len(*l.certs.Load()) }

// get is what stream asks for at each handshake.
func (l *listenerTLS) get() *tls.Config { return l.config }

// certificateInterval is how often certificate files are looked at: a minute
// is soon enough for files renewed weeks before they expire.
const certificateInterval = time.Minute

// A fileMark tells whether a file has been replaced.
type fileMark struct {
	changed time.Time
	size    int64
}

// certificateMarks notes the state of all certificate and key files. One that
// cannot be read has the zero mark.
func (l *loaded) certificateMarks() map[string]fileMark {
	marks := map[string]fileMark{}
	note := func(name string) {
		if name == "" {
			return
		}
		var m fileMark
		if info, err := os.Stat(name); err == nil {
			m = fileMark{info.ModTime(), info.Size()}
		}
		marks[name] = m
	}
	for _, c := range l.Listeners {
		for _, f := range append([]certificateConfig{{c.TLS.Cert, c.TLS.Key}}, c.TLS.Certs...) {
			note(f.Cert)
			note(f.Key)
		}
	}
	return marks
}
