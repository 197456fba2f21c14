package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Kinds of the mixed corpus: a third each of every sample.
var mixedKinds = []string{"text", "html", "attachment"}

// mixedFiles writes one message of each kind and of about size octets, for
// smtp-source -F, and returns their paths. Lines end in LF, as it wants them.
func (e *env) mixedFiles(size int) ([]string, error) {
	dir, err := e.folder("mixed-" + formatSize(size))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, kind := range mixedKinds {
		text, err := mixedMessage(kind, size)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, kind+".eml")
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// mixedMessage builds a message as people send them, the same each time.
func mixedMessage(kind string, size int) ([]byte, error) {
	random := rand.New(rand.NewPCG(uint64(size), uint64(len(kind))))
	var b bytes.Buffer
	fmt.Fprintf(&b, "Received: from out.sender.test (out.sender.test [192.0.2.7])\n\tby mx.sender.test with ESMTPS id 4Fx2; Thu, 1 Jan 2026 10:00:00 +0000\n")
	fmt.Fprintf(&b, "From: Alice Example <a@x.test>\nTo: Bob <b@y.test>\nSubject: Minutes of the meeting, %s\n", kind)
	fmt.Fprintf(&b, "Date: Thu, 1 Jan 2026 10:00:00 +0000\nMessage-ID: <%s.%d@x.test>\nMIME-Version: 1.0\n", kind, size)
	room := max(size-b.Len()-400, 200)
	switch kind {
	case "text":
		b.WriteString("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
		b.WriteString(prose(random, room, "\n"))
	case "html":
		b.WriteString("Content-Type: multipart/alternative; boundary=\"alt-1\"\n\n")
		b.WriteString("--alt-1\nContent-Type: text/plain; charset=utf-8\n\n" + prose(random, room/4, "\n"))
		b.WriteString("\n--alt-1\nContent-Type: text/html; charset=utf-8\n\n<html><body>\n")
		b.WriteString(markup(random, room*3/4))
		b.WriteString("</body></html>\n--alt-1--\n")
	case "attachment":
		b.WriteString("Content-Type: multipart/mixed; boundary=\"mix-1\"\n\n")
		b.WriteString("--mix-1\nContent-Type: text/plain; charset=utf-8\n\n" + prose(random, min(room/4, 4000), "\n"))
		b.WriteString("\n--mix-1\nContent-Type: application/zip; name=\"minutes.zip\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"minutes.zip\"\n\n")
		archive, err := zipOf(random, (room-min(room/4, 4000))*74/100)
		if err != nil {
			return nil, err
		}
		b.WriteString(wrapped(archive))
		b.WriteString("--mix-1--\n")
	}
	return b.Bytes(), nil
}

// words of no list that a filter could mind.
var words = strings.Fields("the committee met on time and went through all points of last week the draft was read and two changes were asked for by those who had worked on it before we agree that dates should hold and that figures are sent around early so that everybody can prepare lunch is at noon in the small room near our library")

// prose returns about n octets of words in lines.
func prose(random *rand.Rand, n int, end string) string {
	var b strings.Builder
	line := 0
	for b.Len() < n {
		w := words[random.IntN(len(words))]
		if line+len(w) > 72 {
			b.WriteString(end)
			line = 0
		}
		b.WriteString(w + " ")
		line += len(w) + 1
	}
	return b.String() + end
}

// markup returns about n octets of HTML with a link every few paragraphs.
func markup(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "<p style=\"margin:0 0 1em\">%s</p>\n", prose(random, 300, "\n"))
		if i%4 == 0 {
			fmt.Fprintf(&b, "<a href=\"https://www.y.test/minutes/%d\">Minutes %d</a>\n", i, i)
		}
	}
	return b.String()
}

// zipOf returns a zip of about n octets with one compressed text in it, half
// prose and half digits, which compresses as documents do.
func zipOf(random *rand.Rand, n int) ([]byte, error) {
	var text strings.Builder
	for text.Len() < 4*n {
		fmt.Fprintf(&text, "%s%x\n", prose(random, 200, "\n"), random.Perm(60))
	}
	archive, length := []byte(nil), 2*n
	for range 5 { // how much text that is shows when it is packed
		var err error
		if archive, err = zipped(text.String()[:length]); err != nil {
			return nil, err
		}
		length = min(max(length*n/len(archive), 1), text.Len())
	}
	return archive, nil
}

func zipped(text string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("minutes.txt")
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(f, text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// wrapped is base64 in lines of 76.
func wrapped(p []byte) string {
	text := base64.StdEncoding.EncodeToString(p)
	var b strings.Builder
	for len(text) > 0 {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return b.String()
}
