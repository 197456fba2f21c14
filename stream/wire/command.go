package wire

// A Verb is the first word of a command.
type Verb uint8

// The verbs a session tells apart. VerbHTTP is any method of HTTP: a browser
// was led here to send what its page wants, and must not be talked to.
const (
	VerbUnknown Verb = iota
	VerbHELO
	VerbEHLO
	VerbLHLO
	VerbMAIL
	VerbRCPT
	VerbDATA
	VerbBDAT
	VerbRSET
	VerbNOOP
	VerbQUIT
	VerbVRFY
	VerbHELP
	VerbSTARTTLS
	VerbEXPN
	VerbAUTH
	VerbETRN
	VerbXCLIENT
	VerbXFORWARD
	VerbHTTP
)

// longestVerb is the length of XFORWARD and STARTTLS, in octets.
const longestVerb = 8

// ParseCommand splits a line from Line into its verb, in any case, and the
// argument without white space around it. arg is a part of line.
func ParseCommand(line []byte) (v Verb, arg []byte) {
	end := 0
	for end < len(line) && !isBlank(line[end]) {
		end++
	}
	return verbOf(line[:end]), trimBlank(skipBlank(line[end:]))
}

func verbOf(word []byte) Verb {
	var name [longestVerb]byte
	if len(word) > len(name) {
		return VerbUnknown
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		name[i] = c
	}
	switch string(name[:len(word)]) {
	case "HELO":
		return VerbHELO
	case "EHLO":
		return VerbEHLO
	case "LHLO":
		return VerbLHLO
	case "MAIL":
		return VerbMAIL
	case "RCPT":
		return VerbRCPT
	case "DATA":
		return VerbDATA
	case "BDAT":
		return VerbBDAT
	case "RSET":
		return VerbRSET
	case "NOOP":
		return VerbNOOP
	case "QUIT":
		return VerbQUIT
	case "VRFY":
		return VerbVRFY
	case "HELP":
		return VerbHELP
	case "STARTTLS":
		return VerbSTARTTLS
	case "EXPN":
		return VerbEXPN
	case "AUTH":
		return VerbAUTH
	case "ETRN":
		return VerbETRN
	case "XCLIENT":
		return VerbXCLIENT
	case "XFORWARD":
		return VerbXFORWARD
	case "GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE":
		return VerbHTTP
	}
	return VerbUnknown
}

// String returns the verb as it is written in commands.
func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return verbNames[VerbUnknown]
}

var verbNames = [...]string{
	VerbUnknown: "unknown", VerbHELO: "HELO", VerbEHLO: "EHLO", VerbLHLO: "LHLO", VerbMAIL: "MAIL",
	VerbRCPT: "RCPT", VerbDATA: "DATA", VerbBDAT: "BDAT", VerbRSET: "RSET", VerbNOOP: "NOOP",
	VerbQUIT: "QUIT", VerbVRFY: "VRFY", VerbHELP: "HELP", VerbSTARTTLS: "STARTTLS", VerbEXPN: "EXPN",
	VerbAUTH: "AUTH", VerbETRN: "ETRN", VerbXCLIENT: "XCLIENT", VerbXFORWARD: "XFORWARD", VerbHTTP: "HTTP",
}
