package filter_test

import (
	"bytes"
	"context"
	"fmt"

	"sluice/filter"
	"sluice/filter/links"
	"sluice/policy"
	"sluice/stream/mime"
)

// shouting finds mail that shouts in its subject and leads somewhere.
type shouting struct{}

func (shouting) Name() string { return "shouting" }

// Open begins a message.
func (shouting) Open(_ *filter.Session, _ *filter.Envelope, ch *filter.Channel) filter.Scanner {
	s := &shoutScanner{channel: ch}
	filter.Links.Subscribe(ch, func(filter.Link) { s.links++ })
	return s
}

// A shoutScanner looks at one message.
type shoutScanner struct {
	channel *filter.Channel
	loud    bool
	links   int
}

// Field notes the message's own subject. The slices are lent: copy what you keep.
func (s *shoutScanner) Field(p *filter.Part, f mime.Field) {
	if p.Parent == nil && bytes.EqualFold(f.Name, []byte("Subject")) {
		text := mime.AppendWords(nil, f.Value)
		s.loud = bytes.Equal(text, bytes.ToUpper(text)) && !bytes.Equal(text, bytes.ToLower(text))
	}
}

func (*shoutScanner) OpenPart(*filter.Part)         {}
func (*shoutScanner) PartData(*filter.Part, []byte) {}
func (*shoutScanner) ClosePart(*filter.Part)        {}
func (*shoutScanner) Write([]byte)                  {}

// FinishNow votes: nothing has to be waited for. All links have been told.
func (s *shoutScanner) FinishNow() error {
	if s.loud && s.links > 0 {
		s.channel.Publish(policy.Finding{Rule: "shouting.link", Score: 1.5})
	}
	return nil
}

func (s *shoutScanner) Finish(context.Context) error { return s.FinishNow() }
func (*shoutScanner) Close()                         {}

func Example_module() {
	chain, err := filter.New(
		filter.Entry{Module: filter.Content{}}, // takes messages apart for the others
		filter.Entry{Module: links.Module{}},   // publishes their links
		filter.Entry{Module: shouting{}},       // behind the one it listens to
	)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	run, _ := chain.Visit(&filter.Session{}).Begin(ctx, &filter.Envelope{})
	defer run.Close()
	run.Open()
	run.Write([]byte("Subject: LAST CHANCE\r\n\r\nLook at https://shop.example/\r\n"))
	for _, f := range run.Finish(ctx) {
		fmt.Println(f.Module, f.Rule, f.Score)
	}
	// Output: shouting shouting.link 1.5
}
