package wire

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Rcpt is the argument of RCPT. It never prints its addresses.
type Rcpt struct {
	To     Path
	Notify string // NOTIFY (RFC 3461 section 4.1): "", "NEVER", or of "SUCCESS,FAILURE,DELAY"
	ORcpt  string // ORCPT (RFC 3461 section 4.2) as given: an address
}

// ParseRcpt reads what follows RCPT, "TO:<a@b.example> NOTIFY=NEVER". offered
// is what this transaction may use: any other parameter is ErrParameter, and a
// path in UTF-8 is ErrUTF8 without SMTPUTF8 in offered, so leave that out when
// MAIL did not ask for it. With an error the Rcpt is of no use.
func ParseRcpt(arg []byte, offered Extensions) (Rcpt, error) {
	if !foldPrefix(arg, "TO:") {
		return Rcpt{}, ErrSyntax
	}
	to, params, err := parsePath(arg[len("TO:"):], false)
	if err != nil {
		return Rcpt{}, err
	}
	r := Rcpt{To: to}
	if err := setParams(&r, rcptParams, params, offered); err != nil {
		return Rcpt{}, err
	}
	if to.NeedsUTF8() && !offered.Has(SMTPUTF8) {
		return Rcpt{}, ErrUTF8
	}
	return r, nil
}

var rcptParams = []paramRule[Rcpt]{
	{"NOTIFY", DSN, true, (*Rcpt).setNotify},
	{"ORCPT", DSN, true, (*Rcpt).setORcpt},
}

func (r *Rcpt) setNotify(value []byte, _ Extensions) error {
	r.Notify = upper(value)
	if !goodNotify(r.Notify) {
		return ErrParamValue
	}
	return nil
}

func (r *Rcpt) setORcpt(value []byte, offered Extensions) error {
	r.ORcpt = string(value)
	if !goodORcpt(r.ORcpt, offered) {
		return ErrParamValue
	}
	return nil
}

func goodNotify(s string) bool {
	if s == "NEVER" {
		return true
	}
	var seen [3]bool
	for word := range strings.SplitSeq(s, ",") {
		i := 0
		switch word {
		case "SUCCESS":
		case "FAILURE":
			i = 1
		case "DELAY":
			i = 2
		default:
			return false
		}
		if seen[i] {
			return false
		}
		seen[i] = true
	}
	return true
}

// goodORcpt checks "type;address" (RFC 3461 section 4.2), and of RFC 6533
// section 3 the form for UTF-8, which may hold it as it is under SMTPUTF8.
func goodORcpt(s string, offered Extensions) bool {
	kind, addr, ok := strings.Cut(s, ";")
	if !ok || kind == "" || addr == "" || len(s) > maxORcpt {
		return false
	}
	for i := 0; i < len(kind); i++ {
		if kind[i] >= 0x80 || !isAtext(kind[i]) || kind[i] == '+' || kind[i] == '=' {
			return false
		}
	}
	if foldEqual(kind, "utf-8") {
		return goodUTF8Xtext(addr) && (ascii(addr) || offered.Has(SMTPUTF8))
	}
	return goodXtext(addr)
}

// AppendTo appends the RCPT command with its CRLF for a server that offers
// server. Parameters it does not offer are left out, and so is any value that
// ParseRcpt would refuse.
func (r Rcpt) AppendTo(b []byte, server Extensions) []byte {
	b = append(b, "RCPT TO:"...)
	b = r.To.AppendTo(b)
	if server.Has(DSN) {
		if goodNotify(r.Notify) {
			b = append(append(b, " NOTIFY="...), r.Notify...)
		}
		if goodORcpt(r.ORcpt, server) {
			b = append(append(b, " ORCPT="...), r.ORcpt...)
		}
	}
	return append(b, "\r\n"...)
}

const hiddenRcpt = "[rcpt]"

// LogValue returns a placeholder (I6).
func (r Rcpt) LogValue() slog.Value { return slog.StringValue(hiddenRcpt) }

// MarshalText returns a placeholder, for JSON and what else encodes values.
func (r Rcpt) MarshalText() ([]byte, error) { return []byte(hiddenRcpt), nil }

// Format writes a placeholder, whatever the verb.
func (r Rcpt) Format(f fmt.State, _ rune) { io.WriteString(f, hiddenRcpt) }
