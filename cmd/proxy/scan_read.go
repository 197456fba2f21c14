package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A mailReader reads messages from files: one a file, or many in an mbox
// (RFC 4155), or all files below a folder.
type mailReader struct {
	limit int // octets of one message
	stdin io.Reader

	f       func(name string, content []byte)
	errs    []error
	seen    bool // a message
	in      *bufio.Reader
	content []byte // of one message, used again
}

// errNoMessage keeps a script from taking an empty folder for clean mail.
var errNoMessage = errors.New("no message there")

// read calls f with each message, as CRLF lines. Content is valid during the
// call. A file that cannot be read does not keep the others from being read;
// the errors are returned together.
func (r *mailReader) read(files []string, f func(name string, content []byte)) error {
	r.f = f
	for _, name := range files {
		if name == "-" {
			r.messages("-", r.stdin)
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			r.fail(err)
		case info.IsDir():
			r.folder(name)
		default:
			r.file(name)
		}
	}
	if !r.seen && len(r.errs) == 0 {
		return errNoMessage
	}
	return errors.Join(r.errs...)
}

func (r *mailReader) fail(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// folder reads the files below a folder, in the order of their names. Hidden
// ones, and what is no plain file, are left out.
func (r *mailReader) folder(name string) {
	// The dot follows a link to a folder.
	r.fail(filepath.WalkDir(name+string(filepath.Separator)+".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			r.fail(err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case strings.HasPrefix(d.Name(), ".") && d.Name() != ".":
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir():
			if info, err := os.Stat(path); err != nil {
				r.fail(err)
			} else if info.Mode().IsRegular() {
				r.file(path)
			}
		}
		return nil
	}))
}

func (r *mailReader) file(path string) {
	in, err := os.Open(path)
	if err != nil {
		r.fail(err)
		return
	}
	defer in.Close()
	r.messages(path, in)
}

// readBuffer is how much is read from a file at once: 64 KiB, most messages whole.
const readBuffer = 64 << 10

// messages reads one file. Its messages are numbered if it has several.
func (r *mailReader) messages(name string, in io.Reader) {
	if r.in == nil {
		r.in = bufio.NewReaderSize(in, readBuffer)
	}
	r.in.Reset(in)
	first, err := r.in.Peek(len(mboxMark))
	if err != nil && err != io.EOF {
		r.fail(named(name, err))
		return
	}
	mbox := bytes.Equal(first, mboxMark)
	if mbox {
		_, _ = r.in.ReadSlice('\n') // what is wrong shows with the next line
	}
	for n, more := 1, true; more; n++ {
		more, err = r.message(mbox)
		as := name
		if more || n > 1 {
			as = fmt.Sprintf("%s#%d", name, n)
		}
		if err != nil {
			r.fail(named(as, err))
			continue
		}
		r.seen = true
		r.f(as, r.content)
	}
}

// named says which file an error is about, unless it says so itself.
func named(name string, err error) error {
	if _, is := errors.AsType[*fs.PathError](err); is {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// errTooLarge: no message so large would be taken.
var errTooLarge = errors.New("larger than limits.max_message, it would be refused: 552 5.3.4")

// message reads the next message into r.content and tells whether another
// follows. Lines that end in LF alone get their CR, if the first does: files are
// kept so. A message whose first line ends in CRLF is taken as it is.
func (r *mailReader) message(mbox bool) (more bool, err error) {
	r.content = r.content[:0]
	blank := false // the last line was empty
	start := true  // at the start of a line
	first, asIs, large := true, false, false
	for {
		line, err := r.in.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return false, err
		}
		if mbox && start {
			if blank && isMboxLine(line) {
				r.dropBlank()
				return true, tooLarge(large)
			}
			line = unquoted(line)
		}
		if start {
			blank = len(bytes.TrimRight(line, "\r\n")) == 0
		}
		if start = err == nil; start && first {
			first, asIs = false, bytes.HasSuffix(line, []byte("\r\n"))
		}
		if large = large || len(r.content)+len(line) > r.limit; !large {
			r.append(line, asIs)
		}
		if err == io.EOF {
			if mbox && blank {
				r.dropBlank()
			}
			return false, tooLarge(large)
		}
	}
}

// unquoted takes off what a line that begins like a separator was quoted with
// (mboxrd).
func unquoted(line []byte) []byte {
	if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, mboxMark) {
		return line[1:]
	}
	return line
}

func tooLarge(is bool) error {
	if is {
		return errTooLarge
	}
	return nil
}

// append adds a line, or a piece of one.
func (r *mailReader) append(line []byte, asIs bool) {
	n := len(line)
	if n == 0 || line[n-1] != '\n' || asIs {
		r.content = append(r.content, line...)
		return
	}
	before := byte(0)
	if n > 1 {
		before = line[n-2]
	} else if k := len(r.content); k > 0 {
		before = r.content[k-1]
	}
	if before == '\r' {
		r.content = append(r.content, line...)
		return
	}
	r.content = append(append(r.content, line[:n-1]...), "\r\n"...)
}

// mboxMark begins the line before each message of an mbox.
var mboxMark = []byte("From ")

// isMboxLine tells whether a line separates two messages: it has the date as
// asctime writes it (RFC 4155), which text that begins with "From " has not.
func isMboxLine(line []byte) bool {
	rest, is := bytes.CutPrefix(line, mboxMark)
	if !is {
		return false
	}
	words := bytes.Fields(rest)
	for i := 0; i+1 < len(words); i++ {
		if isOneOf(words[i], "MonTueWedThuFriSatSun") && isOneOf(words[i+1], "JanFebMarAprMayJunJulAugSepOctNovDec") {
			return true
		}
	}
	return false
}

// isOneOf tells whether a word is one of names, of three letters each.
func isOneOf(word []byte, names string) bool {
	return len(word) == 3 && strings.Index(names, string(word))%3 == 0
}

// dropBlank removes the empty line that an mbox has between messages.
func (r *mailReader) dropBlank() {
	if before, is := bytes.CutSuffix(r.content, []byte("\r\n\r\n")); is {
		r.content = r.content[:len(before)+len("\r\n")]
	}
}
