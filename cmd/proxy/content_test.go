package main

import (
	"testing"

	"sluice/stream/mime"
	"sluice/stream/unpack"
)

// The defaults that the reference shows are those of the packages.
func TestContentDefaults(t *testing.T) {
	got := mustLoad(t, goodConfig(t, "")).contentModule()
	if want := unpack.NewBudget(unpack.Limits{}, nil, "").Limits; got.Unpack != want {
		t.Errorf("unpack: %+v, want %+v", got.Unpack, want)
	}
	want := mime.Limits{
		Header: mime.DefaultHeader, PartHeader: mime.DefaultPartHeader, FieldSize: mime.DefaultFieldSize, Fields: mime.DefaultFields,
		Parts: mime.DefaultParts, Depth: mime.DefaultDepth, Params: mime.DefaultParams, Views: mime.DefaultViews,
	}
	if got.MIME != want {
		t.Errorf("mime: %+v, want %+v", got.MIME, want)
	}
}

// All configurations of a program share one memory, which follows the newest.
func TestUnpackMemoryIsShared(t *testing.T) {
	p := newTestProgram(t, goodConfig(t, "limits: {memory: 2GiB}\n"))
	first := p.state.Load().conf.contentModule()
	next, err := p.build(mustLoad(t, goodConfig(t, "limits: {memory: 1MiB}\ncontent: {unpack: {memory: 16MiB, depth: 3}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	second := next.conf.contentModule()
	if first.Memory == nil || first.Memory != second.Memory {
		t.Error("each configuration has its own memory")
	}
	if second.Unpack.Depth != 3 {
		t.Errorf("depth %d", second.Unpack.Depth)
	}
	if got := p.state.Load().conf.unpackMemory(); got != 1<<30 {
		t.Errorf("share of 2 GiB: %d", got)
	}
	if got := next.conf.unpackMemory(); got != 16<<20 { // one message can always be unpacked
		t.Errorf("share of 1 MiB: %d", got)
	}
}
