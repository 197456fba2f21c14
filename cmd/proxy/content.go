package main

import (
	"time"

	"sluice/filter"
	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// unpackShare is the share of limits.memory that all messages together may
// take for being unpacked: a half. It comes on top of the windows, which hold
// the same content packed.
const unpackShare = 2

// contentModule takes messages apart within the limits of the configuration.
func (l *loaded) contentModule() filter.Content {
	m, u := &l.Content.MIME, &l.Content.Unpack
	return filter.Content{
		MIME: mime.Limits{
			Header: int(m.Header), PartHeader: int(m.PartHeader), FieldSize: int(m.Field), Fields: m.Fields,
			Parts: m.Parts, Depth: m.Depth, Params: m.Params, Views: m.Readings,
		},
		Unpack: unpack.Limits{
			Output: int64(u.Output), Leaf: int64(u.Member), Ratio: int64(u.Ratio), RatioFrom: int64(u.RatioFrom),
			Depth: u.Depth, Entries: u.Members, Time: time.Duration(u.Time),
			Memory: int64(u.Memory), Held: int64(u.Held), Dictionary: int64(u.Dictionary),
		},
		Memory: l.unpacking,
	}
}

// unpackMemory is what all messages together may take for being unpacked. One
// message alone can always be: otherwise its sender would try again for ever.
func (c *config) unpackMemory() int64 {
	return max(int64(c.Limits.Memory)/unpackShare, int64(c.Content.Unpack.Memory))
}
