package unpack

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// tell tells addresses, scripts and attached files.
func (p *pdf) tell() {
	for _, v := range p.uris {
		p.t.address(p.octets(v, maxLink+1))
	}
	for _, num := range p.uriRefs {
		if v, ok := p.plain[num]; ok {
			p.t.address(p.octets(v, maxLink+1))
		}
	}
	for _, v := range p.scripts {
		p.script(p.octets(v, pdfScript))
	}
	for _, num := range p.refs {
		if v, ok := p.plain[num]; ok {
			p.script(p.octets(v, pdfScript))
		}
	}
	told := make(map[int]bool)
	p.streamsAs(p.refs, told, p.script)
	p.streamsAs(p.forms, told, func(b []byte) {
		if bytes.Contains(b, []byte("<script")) {
			p.t.note(RulePDFScript, Middle, "form")
		}
		p.t.whole(Member{Names: []string{"form.xml"}, Size: int64(len(b)), Text: true}, b)
	})
	p.attached(told)
}

// octets returns what a string stands for, decrypted if it was encrypted.
func (p *pdf) octets(v pdfValue, limit int) []byte {
	b := v.token.octets(limit)
	if p.cipher != nil && !v.plain {
		if open := p.cipher.open(b, v.num, v.gen, true); len(open) > 0 {
			return open
		}
	}
	return b
}

func (p *pdf) script(b []byte) {
	if bytes.HasPrefix(b, []byte("\xFE\xFF")) {
		b = []byte(pdfText(b))
	}
	if len(b) > 0 {
		p.t.whole(Member{Names: []string{"script.js"}, Size: int64(len(b)), Text: true}, b)
	}
}

// streamsAs hands the decoded streams of some objects to f, each once.
func (p *pdf) streamsAs(objects []int, told map[int]bool, f func([]byte)) {
	for _, num := range objects {
		for _, i := range p.byNum[num] {
			if told[i] || !p.t.alive() {
				continue
			}
			told[i] = true
			b := p.inflate(&p.streams[i], pdfScript)
			f(b)
			p.t.b.shrink(int64(cap(b)))
		}
	}
}

// attached tells the attached files: streams that a file specification names,
// then others that are said to be such.
func (p *pdf) attached(told map[int]bool) {
	for _, f := range p.files {
		var names []string
		for _, v := range f.names {
			names = addName(names, []byte(pdfText(p.octets(v, NameSize+1))))
		}
		for _, num := range f.objects {
			for _, i := range p.byNum[num] {
				if !told[i] {
					told[i] = true
					p.file(&p.streams[i], names)
				}
			}
		}
	}
	for i := range p.streams {
		if p.streams[i].kind == "EmbeddedFile" && !told[i] {
			p.file(&p.streams[i], nil)
		}
	}
}

// file tells one attached file, in each reading there is of it.
func (p *pdf) file(s *pdfStream, names []string) {
	p.t.note(RulePDFFile, Low, "")
	for _, raw := range p.raw(s) {
		read := false
		for _, filters := range p.filterings(s.filters) {
			n, err := p.content(s, raw, filters, names)
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				p.t.broken("file")
			}
			read = read || n > 0 && err == nil && len(s.filters) > 0
		}
		if read {
			return
		}
	}
}

// content tells an attached file in one reading; what a filter hides that is
// not undone, as it is.
func (p *pdf) content(s *pdfStream, raw []byte, filters, names []string) (int64, error) {
	var r io.Reader = bytes.NewReader(raw)
	chain, err := pdfDecode(p.t, raw, filters, s.parms)
	if err == nil {
		r = chain
		defer chain.close()
	}
	if errors.Is(err, errStop) || !p.t.open(Member{Names: slices.Clone(names), Size: -1}) {
		return 0, errStop
	}
	defer p.t.close()
	return p.t.copy(r)
}
