package unpack

import (
	"bytes"
	"encoding/binary"
)

// Visual Basic keeps the source of a macro compressed, behind its compiled
// form ([MS-OVBA] section 2.4.1).

const (
	ovbaChunk = 4096 // octets that one chunk decompresses to
	// ovbaSource is how much of one module is decompressed: 4 MiB. The editor
	// itself takes 64 KiB a procedure and 65,534 lines a module.
	ovbaSource = 4 << 20
)

// decompressVBA decompresses a CompressedContainer. A defect ends it: what
// was read before is returned with whole false.
func decompressVBA(b []byte, limit int) (out []byte, whole bool) {
	if len(b) == 0 || b[0] != 1 {
		return nil, false
	}
	for b = b[1:]; len(b) >= 2; {
		head := le16(b, 0)
		size := head&0xFFF + 3 // with the header
		if head>>12&7 != 3 {
			return out, false
		}
		chunk := b[2:min(size, len(b))]
		if head&0x8000 == 0 { // raw
			chunk = b[2:min(2+ovbaChunk, len(b))]
			out = append(out, chunk...)
			b = b[2+len(chunk):]
		} else {
			var ok bool
			if out, ok = ovbaTokens(out, chunk); !ok {
				return out, false
			}
			b = b[min(size, len(b)):]
		}
		if len(out) >= limit {
			return out[:limit], false
		}
	}
	return out, true
}

// ovbaTokens decompresses one chunk to the end of out: flag octets, each for
// eight tokens, a literal or a copy of what came before in the chunk.
func ovbaTokens(out, b []byte) ([]byte, bool) {
	start := len(out)
	for len(b) > 0 {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags>>bit&1 == 0 {
				out = append(out, b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out, false
			}
			// How many bits are the offset depends on how far the chunk is.
			have := len(out) - start
			bits := 4
			for 1<<bits < have {
				bits++
			}
			token := le16(b, 0)
			b = b[2:]
			offset := token>>(16-bits) + 1
			length := token&(0xFFFF>>bits) + 3
			if offset > have || have+length > ovbaChunk {
				return out, false
			}
			for range length {
				out = append(out, out[len(out)-offset])
			}
		}
	}
	return out, true
}

// vbaMost bounds the modules of a project: 4,096. Large ones have hundreds.
const vbaMost = 4096

// A vbaModule is where the dir stream says that a module's source is.
type vbaModule struct {
	stream string // name of the stream, in the project's code page
	wide   string // the same in UTF-16, as UTF-8
	offset int    // of the source in the stream
}

// vbaModules takes the decompressed dir stream apart ([MS-OVBA] section
// 2.3.4.2): records of an id, a size, and as many octets.
func vbaModules(dir []byte) []vbaModule {
	var list []vbaModule
	var m vbaModule
	for len(dir) >= 6 {
		id, size := le16(dir, 0), int64(le32(dir, 2))
		if id == 0x0009 { // PROJECTVERSION: its size lies
			size = 6
		}
		if size > int64(len(dir)-6) {
			break
		}
		body := dir[6 : 6+size]
		dir = dir[6+size:]
		switch id {
		case 0x0019: // MODULENAME
			m = vbaModule{offset: -1}
		case 0x001A: // MODULESTREAMNAME
			m.stream = string(body)
		case 0x0032: // its Unicode form
			m.wide = string(utf16le(body))
		case 0x0031: // MODULEOFFSET
			m.offset = int(int32(le32(body, 0)))
		case 0x002B: // end of the module
			if len(list) < vbaMost && (m.stream != "" || m.wide != "") {
				list = append(list, m)
			}
			m = vbaModule{offset: -1}
		}
	}
	return list
}

// vbaSource returns the source in a module's stream. Where the dir stream does
// not tell, or lies, it is found by the word that every source begins with,
// Attribute, as the compression leaves it.
func vbaSource(stream []byte, offset int) []byte {
	if offset >= 0 && offset < len(stream) {
		if src, _ := decompressVBA(stream[offset:], ovbaSource); len(src) > 0 {
			return src
		}
	}
	at := bytes.Index(stream, []byte("\x00Attribut"))
	if at < 3 {
		return nil
	}
	if binary.LittleEndian.Uint16(stream[at-2:])>>12&7 != 3 {
		return nil
	}
	src, _ := decompressVBA(stream[at-3:], ovbaSource)
	return src
}

// vbaAuto are names of procedures that an Office program runs by itself, in
// lower case.
var vbaAuto = map[string]bool{
	"autoexec": true, "autoopen": true, "autonew": true, "autoclose": true, "autoexit": true, "auto_open": true,
	"auto_close": true, "auto_activate": true, "auto_deactivate": true, "document_open": true,
	"document_close": true, "document_new": true, "document_beforeclose": true, "document_change": true,
	"document_contentcontrolonenter": true, "documentopen": true, "documentclose": true, "documentnew": true,
	"documentbeforeclose": true, "workbook_open": true, "workbook_activate": true, "workbook_deactivate": true,
	"workbook_close": true, "workbook_beforeclose": true, "workbook_beforesave": true, "workbookopen": true,
	"workbook_windowactivate": true, "worksheet_activate": true, "worksheet_calculate": true,
	"worksheet_change": true, "worksheet_selectionchange": true, "onslidshowpagechange": true,
	"onslideshowpagechange": true, "onslideshowterminate": true, "presentation_open": true,
	"presentation_close": true, "application_startup": true, "application_quit": true,
	"application_newmail": true, "application_newmailex": true, "inkpicture1_painted": true,
	"inkpicture1_painting": true,
}

// vbaAutoSuffix are the ends of names of events that a control raises as soon
// as a document shows it.
var vbaAutoSuffix = []string{
	"_painted", "_painting", "_layout", "_resize", "_gotfocus",
	"_lostfocus", "_mousehover", "_mouseenter", "_mouseleave",
	"_onconnecting", "_beforenavigate2", "_navigatecomplete2", "_documentcomplete",
	"_downloadbegin", "_downloadcomplete", "_filedownload", "_titlechange",
	"_progresschange", "_statustextchange", "_windowstatechange",
}

// vbaCalls are words by which a macro reaches out of its document, in lower
// case.
var vbaCalls = map[string]bool{
	"shell": true, "createobject": true, "getobject": true, "callbyname": true, "shellexecute": true,
	"shellexecutea": true, "urldownloadtofile": true, "urldownloadtofilea": true, "virtualalloc": true,
	"virtualallocex": true, "rtlmovememory": true, "createthread": true, "createremotethread": true,
	"winexec": true, "executeexcel4macro": true, "adodb": true, "wscript": true, "powershell": true,
	"winmgmts": true, "xmlhttp": true, "winhttprequest": true, "environ": true, "macscript": true,
	"callwindowproca": true, "enumsystemlocalesa": true, "declare": true,
}

// judgeVBA says whether source has a procedure that runs by itself, and
// whether it reaches out.
func judgeVBA(src []byte) (auto, calls bool) {
	src = bytes.ToLower(src)
	// A line goes on behind a blank and an underscore.
	for _, joint := range []string{" _\r\n", " _\n", " _\r"} {
		src = bytes.ReplaceAll(src, []byte(joint), []byte(" "))
	}
	sub := false // the word before was Sub or Function
	for len(src) > 0 {
		n := vbaWord(src)
		if n == 0 {
			if src[0] != ' ' && src[0] != '\t' {
				sub = false
			}
			src = src[1:]
			continue
		}
		word := src[:n]
		src = src[n:]
		auto = auto || sub && vbaRunsAlone(word)
		calls = calls || vbaCalls[string(word)]
		sub = string(word) == "sub" || string(word) == "function"
	}
	return auto, calls
}

// vbaWord returns how long the identifier at the start of b is.
func vbaWord(b []byte) int {
	for i, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80) {
			return i
		}
	}
	return len(b)
}

func vbaRunsAlone(word []byte) bool {
	if vbaAuto[string(word)] {
		return true
	}
	for _, end := range vbaAutoSuffix {
		if len(word) > len(end) && string(word[len(word)-len(end):]) == end {
			return true
		}
	}
	return false
}
