package main

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// A fieldWriter appends one log line, in JSON or as key=value, laid out as
// slog's own handlers do it. Empty values are left out. It exists because a
// slog.Record of twenty attributes costs ten times as much, once a message.
type fieldWriter struct {
	b     []byte
	json  bool
	first bool // nothing stands yet in the innermost list or map
	inMap string
}

func (w *fieldWriter) begin(at time.Time, message string) {
	if w.json {
		w.b = append(w.b, `{"time":"`...)
		w.b = at.AppendFormat(w.b, time.RFC3339Nano)
		w.b = append(w.b, `","level":"INFO","msg":"`...)
		w.b = append(w.b, message...)
		w.b = append(w.b, '"')
		return
	}
	w.b = append(w.b, "time="...)
	w.b = at.AppendFormat(w.b, "2006-01-02T15:04:05.000Z07:00")
	w.b = append(w.b, " level=INFO msg="...)
	w.b = append(w.b, message...)
}

func (w *fieldWriter) end() {
	if w.json {
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, '\n')
}

// key begins a field; names are ours.
func (w *fieldWriter) key(name string) {
	if !w.json {
		w.b = append(w.b, ' ')
		if w.inMap != "" {
			w.b = append(append(w.b, w.inMap...), '.')
		}
		w.b = append(append(w.b, name...), '=')
		return
	}
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, `":`...)
}

func (w *fieldWriter) comma() {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
}

func (w *fieldWriter) text(name, value string) {
	if value != "" {
		w.key(name)
		w.b = appendValue(w.b, value, w.json)
	}
}

func (w *fieldWriter) octets(name string, value []byte) {
	if len(value) > 0 {
		w.key(name)
		w.b = appendValue(w.b, value, w.json)
	}
}

func (w *fieldWriter) number(name string, n int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, n, 10)
}

func (w *fieldWriter) decimal(name string, f float64) {
	w.key(name)
	w.b = strconv.AppendFloat(w.b, f, 'f', -1, 64)
}

func (w *fieldWriter) truth(name string, v bool) {
	if v {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

// milliseconds has up to three digits behind the point: microseconds.
func (w *fieldWriter) milliseconds(name string, d time.Duration) {
	w.key(name)
	micro := d.Microseconds()
	w.b = strconv.AppendInt(w.b, micro/1000, 10)
	if rest := micro % 1000; rest > 0 {
		w.b = append(w.b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
}

func (w *fieldWriter) openMap(name string) {
	if !w.json {
		w.inMap = name
		return
	}
	w.key(name)
	w.b = append(w.b, '{')
	w.first = true
}

func (w *fieldWriter) closeMap() {
	w.inMap, w.first = "", false
	if w.json {
		w.b = append(w.b, '}')
	}
}

// openList begins a list; as key=value its items stand behind commas.
func (w *fieldWriter) openList(name string) {
	w.key(name)
	if w.json {
		w.b = append(w.b, '[')
	}
	w.first = true
}

func (w *fieldWriter) closeList() {
	w.first = false
	if w.json {
		w.b = append(w.b, ']')
	}
}

func (w *fieldWriter) item(value string) {
	w.comma()
	if w.json {
		w.b = appendValue(w.b, value, true)
	} else {
		w.b = appendClean(w.b, value)
	}
}

// engine is {"name":…,"result":…,"ms":…} or name:result:ms.
func (w *fieldWriter) engine(name, result string, took time.Duration) {
	w.comma()
	if !w.json {
		w.b = appendClean(w.b, name)
		w.b = append(appendClean(append(w.b, ':'), result), ':')
		w.b = strconv.AppendInt(w.b, took.Milliseconds(), 10)
		return
	}
	w.b = appendValue(append(w.b, `{"name":`...), name, true)
	w.b = appendValue(append(w.b, `,"result":`...), result, true)
	w.b = strconv.AppendInt(append(w.b, `,"ms":`...), took.Milliseconds(), 10)
	w.b = append(w.b, '}')
}

// recipient is {"to":…,"code":…} or to:code.
func (w *fieldWriter) recipient(to []byte, code int) {
	w.comma()
	if !w.json {
		w.b = append(append(w.b, to...), ':')
		w.b = strconv.AppendInt(w.b, int64(code), 10)
		return
	}
	w.b = append(w.b, '{')
	if len(to) > 0 {
		w.b = append(w.b, `"to":`...)
		w.b = append(appendValue(w.b, to, true), ',')
	}
	w.b = append(w.b, `"code":`...)
	w.b = strconv.AppendInt(w.b, int64(code), 10)
	w.b = append(w.b, '}')
}

// appendValue appends a string: always quoted in JSON, in key=value only where
// it needs it. Controls and invalid octets become \uNNNN or \ufffd, whoever let
// them through.
func appendValue[T string | []byte](b []byte, value T, always bool) []byte {
	if !always && !needsQuotes(value) {
		return append(b, value...)
	}
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(value); {
		c := value[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(value[i:min(len(value), i+utf8.UTFMax)]))
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, value[from:i]...), `\ufffd`...)
				from = i + n
			}
			i += n
			continue
		}
		if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
			b = append(b, value[from:i]...)
			if c == '"' || c == '\\' {
				b = append(b, '\\', c)
			} else {
				b = append(b, `\u00`...)
				b = append(b, digits[c>>4], digits[c&15])
			}
			from = i + 1
		}
		i++
	}
	return append(append(b, value[from:]...), '"')
}

func needsQuotes[T string | []byte](value T) bool {
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f {
			return true
		}
	}
	return len(value) == 0
}
