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

	in      *bufio.Reader
	content []byte // of one message, used again
}

// read calls f with each message, as CRLF lines. Content is valid during the
// call. A file that cannot be read does not keep the others from being read;
// the errors are returned together.
func (r *mailReader) read(files []string, f func(name string, content []byte) error) error {
	var errs []error
	for _, name := range files {
		if name == "-" {
			errs = append(errs, r.messages("-", r.stdin, f))
			continue
		}
		errs = append(errs, filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				errs = append(errs, err)
				return nil
			case path != name && strings.HasPrefix(d.Name(), "."):
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case d.IsDir():
				return nil
			}
			errs = append(errs, r.file(path, f))
			return nil
		}))
	}
	return errors.Join(errs...)
}

func (r *mailReader) file(path string, f func(string, []byte) error) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return r.messages(path, in, f)
}

// readBuffer is how much is read from a file at once: 64 KiB, most messages whole.
const readBuffer = 64 << 10

// messages reads one file. Its messages are numbered if it has several.
func (r *mailReader) messages(name string, in io.Reader, f func(string, []byte) error) error {
	if r.in == nil {
		r.in = bufio.NewReaderSize(in, readBuffer)
	}
	r.in.Reset(in)
	mark := []byte("From ")
	first, err := r.in.Peek(len(mark))
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(first, mark) {
		if _, err := r.message(false); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return f(name, r.content)
	}
	if _, err := r.in.ReadSlice('\n'); err != nil {
		return fmt.Errorf("%s: an mbox without a message", name)
	}
	for n, more := 1, true; more; n++ {
		if more, err = r.message(true); err != nil {
			return fmt.Errorf("%s: message %d: %w", name, n, err)
		}
		as := name
		if more || n > 1 {
			as = fmt.Sprintf("%s#%d", name, n)
		}
		if err := f(as, r.content); err != nil {
			return err
		}
	}
	return nil
}

// errTooLarge: no message so large would be taken.
var errTooLarge = errors.New("larger than limits.max_message")

// message reads the next message into r.content and tells whether another
// follows. Lines that end in LF alone, as in files, get their CR.
func (r *mailReader) message(mbox bool) (more bool, err error) {
	r.content = r.content[:0]
	blank := false // the last line was empty
	start := true  // at the start of a line
	for {
		line, err := r.in.ReadSlice('\n')
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return false, err
		}
		if mbox && start {
			if blank && bytes.HasPrefix(line, []byte("From ")) {
				r.dropBlank()
				return true, nil
			}
			if quoted := bytes.TrimLeft(line, ">"); len(quoted) < len(line) && bytes.HasPrefix(quoted, []byte("From ")) {
				line = line[1:] // as mboxrd quotes it
			}
		}
		if start {
			blank = len(bytes.TrimRight(line, "\r\n")) == 0
		}
		r.append(line)
		start = err == nil
		switch {
		case len(r.content) > r.limit:
			return false, errTooLarge
		case err == io.EOF:
			if mbox && blank {
				r.dropBlank()
			}
			return false, nil
		}
	}
}

// append adds a line, or a piece of one.
func (r *mailReader) append(line []byte) {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		before := byte(0)
		if n > 1 {
			before = line[n-2]
		} else if k := len(r.content); k > 0 {
			before = r.content[k-1]
		}
		if before != '\r' {
			r.content = append(append(r.content, line[:n-1]...), "\r\n"...)
			return
		}
	}
	r.content = append(r.content, line...)
}

// dropBlank removes the empty line that an mbox has between messages.
func (r *mailReader) dropBlank() {
	if bytes.HasSuffix(r.content, []byte("\r\n\r\n")) {
		r.content = r.content[:len(r.content)-2]
	}
}
