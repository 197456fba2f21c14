package hostile

import "slices"

// A Case is one message with what must come of it.
type Case struct {
	// Row is the kind of trick, by its number in the design's table of hostile
	// content; above 32 are those it does not have.
	Row     int
	Name    string // unique together with Row
	Message []byte
	Want    Want
}

// A Want says what must come of a message under the default policy.
type Want struct {
	// Found: EICAR, as EICAR returns it or with blanks behind it, is content of
	// a part, and the message is treated as one that carries it plainly.
	Found bool
	// Or are rules one of which will do instead of Found.
	Or []string
	// Refused: the sender gets a 5xx, whatever for.
	Refused bool
	// Marked: the message is at least tagged.
	Marked bool
	// Rules must all be among the findings.
	Rules []string
	// Link is an address, as it is after all unwrapping, that must be told.
	Link string
}

// Cases returns all cases, in the order of their rows.
func Cases() []Case {
	return slices.Concat(
		fieldCases(), boundaryCases(), outsideCases(), headerEndCases(), octetCases(),
		base64Cases(), printableCases(), encodingCases(), embeddedCases(), tnefCases(),
		nestedCases(), elsewhereCases(), charsetCases(), nameCases(), typeCases(),
		zipCases(), zipLieCases(), polyglotCases(), archiveCases(), closedCases(), encryptedCases(),
		macroCases(), officeCases(), pdfCases(), htmlCases(), cryptoCases(), linkCases(),
		viewCases(), programCases(), fileCases(),
	)
}

// found wants EICAR found, and rules besides.
func found(rules ...string) Want { return Want{Found: true, Refused: true, Rules: rules} }

// foundOr wants EICAR found, or one of the rules.
func foundOr(rules ...string) Want { return Want{Found: true, Or: rules} }

// refused wants the message refused, by these rules among others.
func refused(rules ...string) Want { return Want{Refused: true, Rules: rules} }

// noted wants these rules found.
func noted(rules ...string) Want { return Want{Rules: rules} }

// linked wants the address told, and rules besides.
func linked(url string, rules ...string) Want { return Want{Link: url, Rules: rules} }
