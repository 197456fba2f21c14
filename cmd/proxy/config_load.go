package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"

	"sluice/policy"
	"sluice/stream/unpack"
)

// A source says where settings come from: defaults < file < environ < flags.
type source struct {
	file    string // path; "-" is standard input
	stdin   io.Reader
	environ []string // as os.Environ gives it
	flags   []string // "key=value"
}

// A loaded config knows where every setting was written.
type loaded struct {
	config
	*decoder
	file string
	hash string // of all settings but secrets

	// What check made of the settings.
	policy    *policy.Snapshot
	listSums  map[string][sha256.Size]byte // of the files of lists
	userNames []string                     // of user rules
	certs     [][]tls.Certificate          // by listener

	unpacking *unpack.Memory // of the program; nil: each message has only its own limit
}

// maxFile bounds the configuration file: 16 MiB is a hundred thousand routes.
const maxFile = 16 << 20

// load reads and checks everything. The problems hold errors and warnings; with
// an error among them the configuration must not be used.
func (s source) load() (*loaded, problems) {
	l := &loaded{decoder: newDecoder(), file: s.file}
	setDefaults(reflect.ValueOf(&l.config).Elem())
	text, err := s.text()
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", pe.Op, pe.Err) // which file, the position says
		}
		l.problems.errorf(position{file: s.file}, "%v", err)
		return l, l.problems
	}
	tree := treeOf(s.file, text, &l.problems)
	if tree == nil {
		return l, l.problems
	}
	root := reflect.ValueOf(&l.config).Elem()
	l.structure(tree, root, "")
	l.environment(s.environ, root)
	l.flags(s.flags, root)
	l.check()
	sum := sha256.New()
	io.WriteString(sum, l.dump(true))
	for _, name := range slices.Sorted(maps.Keys(l.listSums)) {
		fmt.Fprintf(sum, "%s %x\n", name, l.listSums[name])
	}
	l.hash = hex.EncodeToString(sum.Sum(nil)[:6])
	return l, l.problems
}

func (s source) text() ([]byte, error) {
	in := s.stdin
	if s.file != "-" {
		f, err := os.Open(s.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if len(text) > maxFile {
		// Its beginning may be good YAML that says something else than the whole.
		return nil, fmt.Errorf("larger than %s; long lists can be in files of their own (file:PATH)", size(maxFile))
	}
	return text, err
}

// at returns where a setting was written, or the nearest thing around it.
func (d *decoder) at(path string) position {
	for p := path; p != ""; {
		if at, ok := d.where[p]; ok {
			return at
		}
		p = parentPath(p)
	}
	return d.where[""]
}

func parentPath(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}
