package headers

import (
	"bytes"

	"sluice/filter"
	"sluice/stream/mime"
)

// driven gives a message's header to the module as the chain would.
type driven struct{ Module }

func (d driven) Open(s *filter.Session, e *filter.Envelope, ch *filter.Channel) filter.Scanner {
	return &drive{scanner: d.Module.Open(s, e, ch).(*scanner)}
}

type drive struct {
	*scanner
	content []byte
}

func (d *drive) Write(p []byte)                 { d.content = append(d.content, p...) }
func (d *drive) OpenPart(*filter.Part)          {}
func (d *drive) PartData(*filter.Part, []byte)  {}
func (d *drive) ClosePart(*filter.Part)         {}
func (d *drive) Field(*filter.Part, mime.Field) {}

func (d *drive) FinishNow() error {
	whole := &filter.Part{Kind: mime.Message}
	d.scanner.OpenPart(whole)
	header, body, _ := bytes.Cut(d.content, []byte("\r\n\r\n"))
	lines := bytes.Split(header, []byte("\r\n"))
	for i := 0; i < len(lines); {
		field := append([]byte(nil), lines[i]...)
		for i++; i < len(lines) && len(lines[i]) > 0 && (lines[i][0] == ' ' || lines[i][0] == '\t'); i++ {
			field = append(append(field, "\r\n"...), lines[i]...)
		}
		if name, value, ok := bytes.Cut(field, []byte(":")); ok {
			d.scanner.Field(whole, mime.Field{Name: bytes.TrimRight(name, " \t"), Value: value})
		}
	}
	leaf := &filter.Part{Parent: whole, Path: "1", Text: true, MIME: &mime.Part{}}
	d.scanner.OpenPart(leaf)
	d.scanner.PartData(leaf, body)
	d.scanner.ClosePart(leaf)
	return d.scanner.FinishNow()
}
