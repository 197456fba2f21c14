package wire

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

// Body is the parameter BODY (RFC 6152 section 2).
type Body uint8

// The values of BODY. BINARYMIME (RFC 3030) is never offered.
const (
	BodyUnset Body = iota
	Body7Bit
	Body8BitMIME
)

// Mail is the argument of MAIL. It never prints its address.
type Mail struct {
	From       Path
	Size       int64  // SIZE (RFC 1870), octets; -1: not given
	Body       Body   // BODY
	SMTPUTF8   bool   // RFC 6531
	RequireTLS bool   // RFC 8689
	Ret        string // RET (RFC 3461 section 4.3): "", "FULL" or "HDRS"
	EnvID      string // ENVID (RFC 3461 section 4.4): xtext as given
}

// ParseMail reads what follows MAIL, "FROM:<a@b.example> SIZE=1". offered is
// what this session offered: any other parameter is ErrParameter. With an
// error the Mail is of no use. Errors: all but ErrShort and the errors of
// Line; ReplyForParse has the replies.
func ParseMail(arg []byte, offered Extensions) (Mail, error) {
	m := Mail{Size: -1}
	if !foldPrefix(arg, "FROM:") {
		return Mail{}, ErrSyntax
	}
	from, params, err := parsePath(arg[len("FROM:"):], true)
	if err == nil && from.IsPostmaster() {
		err = ErrPath // only recipients may lack a domain (RFC 5321 section 4.1.1.3)
	}
	if err == ErrPath {
		err = errReversePath
	}
	if err != nil {
		return Mail{}, err
	}
	m.From = from
	if err := setParams(&m, mailParams, params, offered); err != nil {
		return Mail{}, err
	}
	if m.From.NeedsUTF8() && !m.SMTPUTF8 {
		return Mail{}, ErrUTF8
	}
	return m, nil
}

var mailParams = []paramRule[Mail]{
	{"SIZE", Size, true, (*Mail).setSize},
	{"BODY", EightBitMIME, true, (*Mail).setBody},
	{"SMTPUTF8", SMTPUTF8, false, func(m *Mail, _ []byte, _ Extensions) error {
		m.SMTPUTF8 = true
		return nil
	}},
	{"REQUIRETLS", RequireTLS, false, func(m *Mail, _ []byte, _ Extensions) error {
		m.RequireTLS = true
		return nil
	}},
	{"RET", DSN, true, (*Mail).setRet},
	{"ENVID", DSN, true, (*Mail).setEnvID},
}

func (m *Mail) setSize(value []byte, _ Extensions) error {
	n, huge, ok := number(value)
	switch {
	case !ok:
		return ErrParamValue
	case huge:
		return ErrSizeHuge
	}
	m.Size = n
	return nil
}

func (m *Mail) setBody(value []byte, _ Extensions) error {
	switch {
	case foldEqual(value, "7BIT"):
		m.Body = Body7Bit
	case foldEqual(value, "8BITMIME"):
		m.Body = Body8BitMIME
	default:
		return ErrParamValue
	}
	return nil
}

func (m *Mail) setRet(value []byte, _ Extensions) error {
	switch {
	case foldEqual(value, "FULL"):
		m.Ret = "FULL"
	case foldEqual(value, "HDRS"):
		m.Ret = "HDRS"
	default:
		return ErrParamValue
	}
	return nil
}

func (m *Mail) setEnvID(value []byte, _ Extensions) error {
	m.EnvID = string(value)
	if !goodEnvID(m.EnvID) {
		return ErrParamValue
	}
	return nil
}

func goodEnvID(s string) bool { return s != "" && len(s) <= maxEnvID && goodXtext(s) }

// AppendTo appends the MAIL command with its CRLF for a server that offers
// server. Parameters it does not offer are left out, and so is SIZE if
// negative, and any value that ParseMail would refuse.
func (m Mail) AppendTo(b []byte, server Extensions) []byte {
	b = append(b, "MAIL FROM:"...)
	b = m.From.AppendTo(b)
	if m.Size >= 0 && server.Has(Size) {
		b = append(b, " SIZE="...)
		b = strconv.AppendInt(b, m.Size, 10)
	}
	if server.Has(EightBitMIME) {
		switch m.Body {
		case Body7Bit:
			b = append(b, " BODY=7BIT"...)
		case Body8BitMIME:
			b = append(b, " BODY=8BITMIME"...)
		}
	}
	if m.SMTPUTF8 && server.Has(SMTPUTF8) {
		b = append(b, " SMTPUTF8"...)
	}
	if m.RequireTLS && server.Has(RequireTLS) {
		b = append(b, " REQUIRETLS"...)
	}
	if server.Has(DSN) {
		if m.Ret == "FULL" || m.Ret == "HDRS" {
			b = append(append(b, " RET="...), m.Ret...)
		}
		if goodEnvID(m.EnvID) {
			b = append(append(b, " ENVID="...), m.EnvID...)
		}
	}
	return append(b, "\r\n"...)
}

const hiddenMail = "[mail]"

// LogValue returns a placeholder (I6).
func (m Mail) LogValue() slog.Value { return slog.StringValue(hiddenMail) }

// MarshalText returns a placeholder, for JSON and what else encodes values.
func (m Mail) MarshalText() ([]byte, error) { return []byte(hiddenMail), nil }

// Format writes a placeholder, whatever the verb.
func (m Mail) Format(f fmt.State, _ rune) { io.WriteString(f, hiddenMail) }
