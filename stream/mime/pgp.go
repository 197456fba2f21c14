package mime

import "bytes"

// A pgpArmour is how far an armour of OpenPGP (RFC 9580 section 6.2) has come.
type pgpArmour uint8

const (
	pgpFields pgpArmour = iota // what says more, up to an empty line
	pgpBody                    // no packet yet
	pgpFile                    // it is told, as the file that it is
)

// pgpLine takes a line of an armour, or a piece of a longer one. If the first
// packet shows that the message is for a key there is nothing to be told.
func (e *embedded) pgpLine(raw []byte, first bool) {
	line := bytes.TrimSpace(raw)
	if first && bytes.HasPrefix(line, []byte("-----")) {
		e.pgpData(raw)
		e.finish()
		return
	}
	switch {
	case e.armour == pgpFields:
		if first && len(line) == 0 {
			e.armour = pgpBody
		}
	case e.armour == pgpBody && len(line) > 0:
		if first && isPGPLocked(line) {
			e.finish()
			return
		}
		e.armour = pgpFile
		e.ready()
		e.data([]byte(pgpMark + "\n\n"))
		e.data(raw)
	default:
		e.pgpData(raw)
	}
}

// pgpData tells octets of the armour, if that has begun to be told.
func (e *embedded) pgpData(b []byte) {
	if e.armour == pgpFile {
		e.data(b)
	}
}

// isPGPLocked tells whether the packet whose base64 begins so belongs to a
// message that is encrypted (RFC 9580 section 5): a key for someone, one for a
// password, or encrypted data.
func isPGPLocked(code []byte) bool {
	if len(code) < 2 {
		return false
	}
	v := base64Table[0][code[0]] | base64Table[1][code[1]]
	c := byte(v >> 16)
	if v&kindNone != 0 || c&0x80 == 0 {
		return false
	}
	tag := c & 0x3F
	if c&0x40 == 0 {
		tag = c >> 2 & 0xF // of the older form
	}
	switch tag {
	case 1, 3, 9, 18, 20:
		return true
	}
	return false
}
