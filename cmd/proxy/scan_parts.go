package main

import (
	"context"

	"sluice/filter"
)

// partsModule notes the parts of each message for scan. It serves one message
// at a time.
type partsModule struct{ parts []*filter.Part }

// take returns the parts of the message that is over.
func (m *partsModule) take() []*filter.Part {
	parts := m.parts
	m.parts = nil
	return parts
}

func (*partsModule) Name() string { return "parts" }

func (m *partsModule) Open(*filter.Session, *filter.Envelope, *filter.Channel) filter.Scanner {
	m.parts = nil
	return m
}

// OpenPart notes a part; what it lacks is known when it closes.
func (m *partsModule) OpenPart(p *filter.Part) { m.parts = append(m.parts, p) }

func (*partsModule) WantsHash()                    {}
func (*partsModule) PartData(*filter.Part, []byte) {}
func (*partsModule) ClosePart(*filter.Part)        {}
func (*partsModule) Write([]byte)                  {}
func (*partsModule) FinishNow() error              { return nil }
func (*partsModule) Finish(context.Context) error  { return nil }
func (*partsModule) Close()                        {}
