package unpack

import (
	"bytes"
	"fmt"
	"testing"
)

// TestHostileDocuments is cases 22 and 24 to 27: what is hidden in documents
// and archives is found at any depth, by nothing but the types of the octets.
func TestHostileDocuments(t *testing.T) {
	hidden := string(payload)
	auto := makeCFB(vbaFiles("", "Sub Document_Open()\r\nEnd Sub\r\n")...)
	doc := func(part string) []byte {
		return zipFile{entries: []zipEntry{
			{name: "[Content_Types].xml", content: []byte(`<?xml version="1.0"?><Types/>`), method: 8},
			{name: "word/document.xml", content: []byte(part), method: 8},
		}}.bytes()
	}
	const word = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">%s</w:document>`
	zipped := zipFile{entries: []zipEntry{{name: "a.exe", content: payload, method: 8}}}.bytes()
	packed := nativePackage("a.exe", "c:/a.exe", payload)
	compound := makeCFB(cfbFile{path: "ObjectPool/_1/\x01Ole10Native", data: packed})
	tests := []struct {
		name  string
		data  []byte
		rule  string
		found bool // the payload
	}{
		{"7z", makeSeven(sevenCopy, "a", hidden), "", true},
		{"rar 4", makeRAR4(rarFile{name: "a", data: hidden}), "", true},
		{"rar 5 in 7z in rar 4", makeRAR4(rarFile{name: "a", data: string(makeSeven(sevenCopy, "b", string(makeRAR5(rarFile{name: "c", data: hidden}))))}), "", true},
		{"encrypted 7z", makeSeven("\x01\x24\x06\xF1\x07\x01\x01\x3F", "a", hidden), RuleEncrypted, false},
		{"encrypted rar", makeRAR5(rarFile{name: "a", data: hidden, flags: 1}), RuleEncrypted, false},
		{"encrypted office", makeCFB(cfbFile{path: "EncryptedPackage", data: bigStream(500)}), RuleEncryptedDoc, false},
		{"encrypted pdf", lockPDF("AES-256", "secret"), RuleEncryptedDoc, false},
		{"macro", makeCFB(append(vbaFiles("Macros/", "Sub x()\r\nEnd Sub\r\n"), cfbFile{path: "WordDocument", data: bigStream(5000)})...), RuleMacro, false},
		{"auto-run macro in docx, renamed", zipFile{entries: []zipEntry{{name: "word/media/image1.png", content: auto, method: 8}}}.bytes(), RuleAutoRun, false},
		{"excel 4", makeCFB(cfbFile{path: "Workbook", data: biff(0x85, "\x00\x00\x00\x00\x01\x01\x05\x00Macro")}), RuleMacro + ":excel4", false},
		{"external template", zipFile{entries: []zipEntry{{name: "word/_rels/settings.xml.rels", method: 8, content: []byte(
			`<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Type="http://x/attachedTemplate" Target="http://example.com/" TargetMode="External"/></Relationships>`)}}}.bytes(),
			RuleExternal + ":template", false},
		{"dde", doc(fmt.Sprintf(word, "<w:instrText>DDEAUTO x</w:instrText>")), RuleDDE, false},
		{"ole package", compound, RuleObject + ":package", true},
		{"ole package in docx", zipFile{entries: []zipEntry{{name: "word/embeddings/oleObject1.bin", content: compound, method: 8}}}.bytes(), RuleObject + ":package", true},
		{"rtf package", []byte(`{\rtf1{\object{\*\objdata ` + fmt.Sprintf("%x", ole1Object("Package", packed[4:])) + `}}}`), RuleObject, true},
		{"rtf object with a package", []byte(`{\rt{\object{\*\objdata ` + fmt.Sprintf("%x", ole1Object("Word.Document.8", compound)) + `}}}`), RuleObject, true},
		{"pdf script", makePDF("", "<< /S /JavaScript /J#53 (x) >>"), RulePDFScript, false},
		{"pdf launch", makePDF("", "<< /S /#4caunch >>"), RulePDFLaunch, false},
		{"zip attached to pdf", makePDF("", "<< /F (a.zip) /EF << /F 2 0 R >> >>", pdfStreamOf("/Filter /FlateDecode", flated(string(zipped)))), RulePDFFile, true},
		{"zip attached to a mail in a mail", makeCFB(cfbFile{path: "__properties_version1.0", data: make([]byte, 64)},
			cfbFile{path: "__attach_version1.0_#00000000/__substg1.0_3701000D/__attach_version1.0_#00000000/__substg1.0_37010102", data: zipped}), "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			types := Detect(tt.data[:min(len(tt.data), HeadSize)])
			if len(types) == 0 {
				t.Fatal("not detected")
			}
			r := readCuts(t, types[0], "", tt.data)
			if r.finds(payload) != tt.found {
				t.Errorf("found: %v\n%s", !tt.found, r)
			}
			if tt.rule != "" && !hasRule(r, tt.rule) {
				t.Errorf("%s not noted:\n%s", tt.rule, r)
			}
		})
	}
}

// hasRule tells whether a rule, or rule and detail joined by a colon, was noted
// at any depth.
func hasRule(r *recorder, rule string) bool {
	for _, n := range r.notes {
		if n.Rule == rule || n.Rule+":"+n.Detail == rule {
			return true
		}
	}
	for _, m := range r.members {
		if m.inner != nil && hasRule(m.inner, rule) {
			return true
		}
	}
	return false
}

// TestHostileOverlay is case 21: the archive behind a program or a picture is
// told by Carve, and opens.
func TestHostileOverlay(t *testing.T) {
	zipped := zipFile{entries: []zipEntry{{name: "a.exe", content: payload, method: 8}}}.bytes()
	for name, archive := range map[string][]byte{
		"zip": zipped, "7z": makeSeven(sevenCopy, "a", string(payload)), "rar": makeRAR5(rarFile{name: "a", data: string(payload)}),
	} {
		for _, host := range [][]byte{append([]byte("MZ"), bigStream(9000)...), append([]byte("\x89PNG\r\n\x1A\n"), bigStream(500)...)} {
			data := append(bytes.Clone(host), archive...)
			b := NewBudget(Limits{}, nil, "")
			r := &recorder{b: b, deep: true, t: t}
			c := Carve(Detect(host), b, r)
			c.Write(data)
			c.Close(true)
			b.Release()
			if !r.finds(payload) {
				t.Errorf("%s:\n%s", name, r)
			}
		}
	}
}
