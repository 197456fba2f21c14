package attachment

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"sluice/filter/filtertest"
)

// program is the least that is a Windows program: an MZ header that points to
// a PE header.
func program() []byte {
	b := make([]byte, 512)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[0x3C:], 0x40)
	copy(b[0x40:], "PE\x00\x00\x4C\x01")
	return b
}

// A member is a file of an archive.
type member struct {
	name      string
	content   []byte
	encrypted bool
}

// zipped makes an archive of stored members.
func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Store}
		create, content := w.CreateHeader, m.content
		if m.encrypted {
			// Twelve octets more than the content, and other ones.
			content = bytes.Repeat([]byte("\x5C"), len(content)+12)
			create, h.Flags, h.CRC32 = w.CreateRaw, 1, crc32.ChecksumIEEE(m.content)
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(content)), uint64(len(m.content))
		}
		f, err := create(h)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// message is one with a text and an attachment, whose header fields are given
// without the encoding.
func message(fields string, content []byte) []byte {
	encoded := base64.StdEncoding.EncodeToString(content)
	var lines []string
	for line := range slices.Chunk([]byte(encoded), 76) {
		lines = append(lines, string(line))
	}
	text := "From: ann@x.test\nTo: bob@y.test\nSubject: x\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee there.\n--b\n" +
		fields + "\nContent-Transfer-Encoding: base64\n\n" + strings.Join(lines, "\n") + "\n--b--\n"
	return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
}

// Cases 16, 17, 23 and 24 of the hostile messages: names, disguised programs,
// what cannot be looked into. However it is cut, the same is found.
func TestMessages(t *testing.T) {
	text, pe := []byte("some text\n"), program()
	named := func(parameter string) string {
		return "Content-Type: application/octet-stream\nContent-Disposition: attachment; " + parameter
	}
	typed := func(media, name string) string {
		return fmt.Sprintf("Content-Type: %s; name=%q", media, name)
	}
	for name, c := range map[string]struct {
		fields  string
		content []byte
		want    string
		place   string // of the first finding
	}{
		"harmless":          {named("filename=a.txt"), text, "", ""},
		"plain":             {named("filename=a.exe"), text, "attachment.banned extension exe", "2"},
		"in Content-Type":   {typed("text/plain", "a.exe"), text, "attachment.banned extension exe", "2"},
		"RFC 2231":          {named("filename*=utf-8''a%2Eexe"), text, "attachment.banned extension exe", "2"},
		"continued":         {named("filename*1=exe; filename*0=\"a.\""), text, "attachment.banned extension exe", "2"},
		"plain or extended": {named("filename=a.txt; filename*=utf-8''a.exe"), text, "attachment.banned extension exe", "2"},
		"RFC 2047":          {named("filename=\"=?utf-8?B?YS5l?= =?utf-8?Q?xe?=\""), text, "attachment.banned extension exe", "2"},
		"first of two":      {named("filename=a.exe; filename=a.txt"), text, "attachment.banned extension exe", "2"},
		"second of two":     {named("filename=a.txt; filename=a.exe"), text, "attachment.banned extension exe", "2"},
		"one in each":       {typed("text/plain", "a.exe") + "\nContent-Disposition: attachment; filename=a.txt", text, "attachment.banned extension exe", "2"},
		"right to left":     {named("filename*=utf-8''%E2%80%AEfdp.exe"), text, "attachment.banned extension exe, name.rtl", "2"},
		"NUL":               {named("filename*=utf-8''a.exe%00.txt"), text, "attachment.banned extension exe, name.trick NUL", "2"},
		"two extensions":    {named("filename=\"a.pdf      .exe\""), text, "attachment.banned extension exe, name.double extension exe", "2"},
		"dot at the end":    {named("filename=\"a.exe.\""), text, "attachment.banned extension exe", "2"},
		"full-width dot":    {named("filename*=utf-8''a%EF%BC%8Eexe"), text, "attachment.banned extension exe", "2"},

		"program as text":    {typed("text/plain", "a.txt"), pe, "attachment.banned type pe, type.mismatch pe named text", "2"},
		"program as PDF":     {typed("application/pdf", "a.pdf"), pe, "attachment.banned type pe, type.mismatch pe named pdf", "2"},
		"program as picture": {"Content-Type: image/png", pe, "attachment.banned type pe", "2"},
		"declared":           {"Content-Type: application/x-msdownload", text, "attachment.banned declared application/x-msdownload", "2"},

		"name in zip in zip":    {named("filename=a.zip"), zipped(t, member{name: "b.zip", content: zipped(t, member{name: "c/d.exe", content: text})}), "attachment.banned extension exe", "2/1/1"},
		"program in zip in zip": {named("filename=a.zip"), zipped(t, member{name: "b.zip", content: zipped(t, member{name: "c.txt", content: pe})}), "attachment.banned type pe, type.mismatch pe named text", "2/1/1"},
		"harmless zip":          {named("filename=a.zip"), zipped(t, member{name: "folder.exe/b.txt", content: text}), "", ""},
		"locked program":        {named("filename=a.zip"), zipped(t, member{name: "b.exe", content: pe, encrypted: true}), "attachment.banned extension exe", "2/1"},
		"locked text":           {named("filename=a.zip"), zipped(t, member{name: "b.txt", content: text, encrypted: true}), "", ""},

		"cabinet": {named("filename=a.txt"), append([]byte("MSCF\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x2C\x00\x00\x00\x00\x00\x00\x00\x03\x01\x01\x00\x00\x00"), text...), "attachment.banned type cab, type.mismatch cab named text", "2"},
		"ace":     {named("filename=a.bin"), append([]byte("\x00\x00\x31\x00\x00\x00\x00**ACE**"), make([]byte, 64)...), "attachment.banned type ace", "2"},
		"disk":    {named("filename=a.bin"), append(append(make([]byte, 0x8000), "\x01CD001\x01"...), make([]byte, 4096)...), "attachment.banned type iso", "2"},
	} {
		m := filtertest.Message{Content: message(c.fields, c.content)}
		first := ""
		findings := ours(filtertest.Run(t, Module{}, m).Findings)
		if len(m.Content) < 2<<10 {
			findings = ours(filtertest.Cuts(t, Module{}, m))
		}
		if len(findings) > 0 {
			first = findings[0].Place
		}
		if got := rules(findings); got != c.want || first != c.place {
			t.Errorf("%s: %s at %q, want %s at %q", name, got, first, c.want, c.place)
		}
	}
}
