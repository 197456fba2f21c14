package main

import (
	"log"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"

	"sluice/policy"
	"sluice/stream"
)

// A recorder makes one log line and some counts of every finished
// transaction, on the session's goroutine and without waiting.
type recorder struct {
	lines   *lineRing
	format  string // json, logfmt, postfix
	pod     string
	pid     string
	key     []byte // of pseudonyms, unless one is configured
	privacy atomic.Pointer[privacy]
	counts  counts
}

func newRecorder(lines *lineRing, format string) *recorder {
	pod, err := os.Hostname()
	if err != nil {
		pod = "localhost"
	}
	return &recorder{lines: lines, format: format, pod: pod, pid: strconv.Itoa(os.Getpid()), key: randomKey()}
}

func (r *recorder) setPrivacy(c privacyConfig) { r.privacy.Store(newPrivacy(c, r.key)) }

// record is stream.Server's Record.
func (r *recorder) record(rec *stream.Record) {
	r.counts.add(rec)
	l := getLine()
	l.b = r.append(l.b, rec)
	r.lines.put(l)
}

// append writes rec's line, or lines, in the format that was chosen.
func (r *recorder) append(b []byte, rec *stream.Record) []byte {
	p := r.privacy.Load()
	if r.format == "postfix" {
		return r.appendPostfix(b, rec, p)
	}
	w := fieldWriter{b: b, json: r.format == "json"}
	r.fields(&w, rec, p)
	return w.b
}

// newLogger makes the logger for operational lines, in the format of message
// lines as far as it has one for them.
func newLogger(lines *lineRing, c logConfig) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration allows only its words
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(lines, options))
	}
	return slog.New(slog.NewTextHandler(lines, options))
}

// quietLibraries sends what libraries tell package log to our log, at level
// debug: that metrics finds no /proc/self/io, which is closed to a process
// that forbids cores, is no news for an operator.
func quietLibraries(to *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(to.Handler(), slog.LevelDebug).Writer())
}

// fields writes a record's line. Absent fields are left out.
func (r *recorder) fields(w *fieldWriter, rec *stream.Record, p *privacy) {
	if rec.ID == "" {
		w.begin(rec.Time, "session")
	} else {
		w.begin(rec.Time, "message")
	}
	w.text("id", rec.ID)
	w.text("session", rec.Session)
	w.text("pod", r.pod)
	w.text("config", rec.Config)
	w.text("tenant", rec.Tenant)
	senderFields(w, rec, p)
	verdictFields(w, rec)
	serverFields(w, rec)
	w.openMap("delays")
	w.milliseconds("connect", rec.Connect)
	w.milliseconds("scan", rec.Scan)
	w.milliseconds("upstream", rec.Server)
	w.milliseconds("own", rec.Own)
	w.milliseconds("total", rec.Total)
	w.closeMap()
	w.end()
}

func senderFields(w *fieldWriter, rec *stream.Record, p *privacy) {
	var space [textSpace]byte
	w.octets("peer", p.appendPeer(space[:0], rec.Peer))
	w.octets("helo", appendForeign(space[:0], rec.Helo, nil))
	w.text("tls", rec.TLS)
	if rec.ID == "" {
		return
	}
	if p.level != "none" {
		w.octets("from", p.appendAddress(space[:0], rec.From))
	}
	w.openList("rcpts")
	for i := range rec.Recipients {
		var to []byte
		// A RCPT that was no command has no path: "<>" would be a null sender's.
		if p.level != "none" && !rec.Recipients[i].To.IsNull() {
			to = p.appendAddress(space[:0], rec.Recipients[i].To)
		}
		w.recipient(to, rec.Recipients[i].Code)
	}
	w.closeList()
	w.number("size", rec.Size)
}

// textSpace holds a foreign string with every octet made visible (\xNN).
const textSpace = 4 * foreignOctets

func verdictFields(w *fieldWriter, rec *stream.Record) {
	w.text("verdict", string(rec.Verdict))
	w.text("stage", rec.Stage)
	w.text("rule", rec.Rule)
	if rec.Score != 0 {
		w.decimal("score", rec.Score)
	}
	w.truth("tagged", rec.Tagged)
	if len(rec.Findings) > 0 {
		w.openList("rules")
		for i := range rec.Findings {
			w.item(rec.Findings[i].Rule)
		}
		w.closeList()
	}
	if len(rec.Engines) > 0 {
		w.openList("engines")
		for _, v := range rec.Engines {
			w.engine(v.Name, v.Result, v.Took)
		}
		w.closeList()
	}
	unscannedField(w, rec.Findings)
	if rec.Shadow != policy.Deliver {
		w.text("shadow", rec.Shadow.String())
	}
}

// unscannedField names the modules that did not look at the message to its end.
func unscannedField(w *fieldWriter, findings []policy.Finding) {
	open := false
	for i := range findings {
		if f := &findings[i]; f.Class != policy.Unscannable && f.Rule != f.Module+".failed" {
			continue
		}
		if !open {
			open = true
			w.openList("unscanned")
		}
		w.item(findings[i].Module)
	}
	if open {
		w.closeList()
	}
}

func serverFields(w *fieldWriter, rec *stream.Record) {
	var space [textSpace]byte
	w.text("route", rec.Route)
	w.text("upstream", rec.Upstream)
	w.octets("upstream_reply", appendForeign(space[:0], rec.Reply, rec))
	w.text("upstream_id", queueID(rec.Reply))
	if rec.Code != 0 {
		w.number("code", int64(rec.Code))
	}
	w.text("enhanced", rec.Enhanced)
	w.text("detour", string(rec.Detour))
	w.truth("duplicate", rec.Duplicate)
	w.truth("uncertain", rec.Uncertain)
}
