package mime

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	"github.com/jhillyerd/enmime/v2"
)

// corpora calls f for each message of the corpora.
func corpora(t *testing.T, f func(t *testing.T, name string, message []byte)) {
	root := os.Getenv("SLUICE_CORPORA")
	if root == "" {
		t.Skip("corpora: SLUICE_CORPORA is not set")
	}
	n := 0
	for _, folder := range []string{"mime4j", "mail-parser", "mimekit", "rspamd-messages"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch filepath.Ext(path) {
			case ".eml", ".msg", ".txt", ".ntx", ".mbox", ".mime":
			default:
				return nil
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			message, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			n++
			f(t, name, message)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 300 {
		t.Errorf("only %d messages", n)
	}
	t.Logf("%d messages", n)
}

func TestCorporaCuts(t *testing.T) {
	p := new(Parser)
	corpora(t, func(t *testing.T, name string, message []byte) {
		if len(message) > 300<<10 {
			message = message[:300<<10]
		}
		a, b := read(p, message), read(p, message, ones(len(message))...)
		if !slices.Equal(a.events, b.events) {
			t.Errorf("%s: cuts differ", name)
		}
	})
}

// A digest is the SHA-256 of content without CRs and without blanks at line
// ends and at the end, which other parsers keep or not.
type digest [32]byte

func digestOf(b []byte) digest {
	lines := bytes.Split(bytes.ReplaceAll(b, []byte{'\r'}, nil), []byte{'\n'})
	for i := range lines {
		lines[i] = bytes.TrimRight(lines[i], " \t")
	}
	return sha256.Sum256(bytes.TrimRight(bytes.Join(lines, []byte{'\n'}), "\n"))
}

// An oracleLeaf is what another parser found.
type oracleLeaf struct {
	where   string
	content []byte
}

// goMessage reads with go-message.
func goMessage(b []byte) (leaves []oracleLeaf) {
	e, err := message.Read(bytes.NewReader(b))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil
	}
	_ = e.Walk(func(path []int, e *message.Entity, err error) error {
		if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			return errors.New("stop")
		}
		if e.MultipartReader() != nil {
			return nil
		}
		content, err := io.ReadAll(e.Body)
		if err != nil {
			return nil // broken off
		}
		if typ, _, _ := e.Header.ContentType(); kindOf(strings.ToLower(typ)) == Message {
			leaves = append(leaves, goMessage(content)...)
			return nil
		}
		leaves = append(leaves, oracleLeaf{"go-message", content})
		return nil
	})
	return leaves
}

// enmimeLeaves reads with enmime.
func enmimeLeaves(b []byte) (leaves []oracleLeaf) {
	root, err := enmime.NewParser(enmime.DisableTextConversion(true)).ReadParts(bytes.NewReader(b))
	if err != nil || root == nil {
		return nil
	}
	root.DepthMatchAll(func(p *enmime.Part) bool {
		switch kind := kindOf(strings.ToLower(p.ContentType)); {
		case p.FirstChild != nil || kind == Multipart:
		case kind == Message:
			leaves = append(leaves, enmimeLeaves(p.Content)...)
		default:
			leaves = append(leaves, oracleLeaf{"enmime", p.Content})
		}
		return false
	})
	return leaves
}

// misses are leaves that others find and we do not, and why that is right.
var misses = map[string]string{
	"mime4j/mimetools-testmsgs/multi-frag.msg": "enmime takes a boundary inside a line for one",
	"mime4j/testmsgs/misplaced-boundary.msg":   "enmime takes a boundary inside a line for one",
	"mail-parser/thirdparty/005.eml":           "enmime takes a boundary inside a line for one",
	"mail-parser/malformed/013.eml":            "enmime takes the last of nested equal boundary lines for text",
	"mail-parser/malformed/014.eml":            "enmime takes the last of nested equal boundary lines for text",
	"rspamd-messages/badboundary.eml":          "enmime takes a boundary line without line end for base64",
	"mail-parser/malformed/017.eml":            "enmime does not know a boundary without semicolon before it: our parts hold its text",
	"mail-parser/thirdparty/001.eml":           "enmime ends at a boundary line after a bare LF; that is the beginning of the leaf of who does not",
	"mail-parser/legacy/033.eml":               "windows-1252 that is declared UTF-8: enmime guesses",
	"mimekit/yenc/00000020.ntx":                "enmime turns binary data into UTF-8",
	"mimekit/yenc/00000021.ntx":                "enmime turns binary data into UTF-8",
}

// TestCorporaHoldNothingThatOthersFind reads every message with two other
// parsers: what they find we find.
func TestCorporaHoldNothingThatOthersFind(t *testing.T) {
	p := new(Parser)
	leaves, missed := 0, map[string]bool{}
	corpora(t, func(t *testing.T, name string, message []byte) {
		s := read(p, message)
		ours := map[digest]bool{digestOf(nil): true}
		for _, part := range s.parts {
			ours[digestOf(part.data)] = true
			for _, text := range texts(part) {
				ours[digestOf(text)] = true
			}
		}
		for _, leaf := range append(goMessage(message), enmimeLeaves(message)...) {
			leaves++
			if ours[digestOf(leaf.content)] || entered(p, leaf.content, ours) {
				continue
			}
			if missed[name] = true; misses[name] == "" {
				t.Errorf("%s: %s: %.80q of %d", name, leaf.where, leaf.content, len(leaf.content))
			}
		}
	})
	for name, why := range misses {
		if !missed[name] {
			t.Errorf("%s: nothing is missed: %s", name, why)
		}
	}
	t.Logf("%d leaves, messages with misses: %d", leaves, len(missed))
}

// entered tells whether content is a message that was taken apart further.
func entered(p *Parser, content []byte, ours map[digest]bool) bool {
	s := read(p, content)
	return !slices.ContainsFunc(s.parts, func(part *toldPart) bool { return !ours[digestOf(part.data)] })
}

// texts is a text part as UTF-8, in each charset it may have.
func texts(p *toldPart) (list [][]byte) {
	if !strings.HasPrefix(p.Type, "text/") {
		return nil
	}
	for _, charset := range append([]string{p.Charset}, p.Charsets...) {
		var b []byte
		x := NewText(charset, p.Type == "text/html", func(piece []byte) { b = append(b, piece...) })
		x.Next = func() { list, b = append(list, b), nil }
		x.Write(p.data)
		x.Close()
		list = append(list, b)
	}
	return list
}
