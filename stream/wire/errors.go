package wire

import (
	"errors"
	"fmt"
)

// What the parsers of arguments return, plain or wrapped. None holds a word
// of the input.
var (
	// ErrSyntax: the argument is missing or has no recognisable form.
	ErrSyntax = errors.New("syntax error in argument")
	// ErrPath: a path is malformed (RFC 5321 section 4.1.2).
	ErrPath = errors.New("malformed path")
	// ErrPathLong: a path, local part or domain is too long (RFC 5321 section 4.5.3.1).
	ErrPathLong = errors.New("path too long")
	// ErrUTF8: a path has UTF-8, and the transaction has no SMTPUTF8 (RFC 6531 section 3.5).
	ErrUTF8 = errors.New("address needs SMTPUTF8")
	// ErrParameter: a parameter is unknown or was not offered (RFC 5321 section 4.1.1.11).
	ErrParameter = errors.New("parameter not offered")
	// ErrParamTwice: a parameter was given twice.
	ErrParamTwice = errors.New("parameter given twice")
	// ErrParamValue: a parameter lacks a value, must not have one, or has a wrong one.
	ErrParamValue = errors.New("bad parameter value")
	// ErrSizeHuge: SIZE does not fit 63 bits (RFC 1870 section 6).
	ErrSizeHuge = errors.New("declared size too large")
)

// errReversePath is ErrPath in MAIL, which has a code of its own.
var errReversePath = fmt.Errorf("reverse-path: %w", ErrPath)

// ReplyForParse returns the reply to an argument that a parser refused with
// err. All are mistakes of the peer, so they are 5xx; an error it does not
// know is a syntax error.
func ReplyForParse(err error) Reply {
	for _, known := range parseReplies {
		if errors.Is(err, known.err) {
			return known.reply
		}
	}
	return Reply{501, "5.5.4", "Syntax error in argument"}
}

// parseReplies is in order: errReversePath is an ErrPath as well. RFC 3463
// sections 3.2 and 3.6, RFC 6531 section 3.5, RFC 1870 section 6.1.
var parseReplies = []struct {
	err   error
	reply Reply
}{
	{errReversePath, Reply{501, "5.1.7", "Malformed sender address"}},
	{ErrPath, Reply{501, "5.1.3", "Malformed recipient address"}},
	{ErrPathLong, Reply{501, "5.5.4", "Address too long"}},
	{ErrUTF8, Reply{553, "5.6.7", "Address needs SMTPUTF8"}},
	{ErrParameter, Reply{555, "5.5.4", "Parameter not recognised"}},
	{ErrParamTwice, Reply{501, "5.5.4", "Parameter given twice"}},
	{ErrParamValue, Reply{501, "5.5.4", "Bad parameter value"}},
	{ErrSizeHuge, Reply{552, "5.3.4", "Message too large"}},
}
