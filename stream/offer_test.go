package stream

import (
	"context"
	"testing"
	"time"

	"sluice/policy"
	"sluice/stream/wire"
)

func TestOffer(t *testing.T) {
	now := time.Now()
	p := newServers(func() time.Time { return now }, nil, nil)
	defer p.close()
	snapshot, err := policy.New(policy.Settings{Routes: []policy.Route{
		{Name: "a", Domains: []string{"a.test"}, TLS: policy.TLSVerify, Servers: []policy.Server{{Address: "a:1", Weight: 1}}},
		{Name: "b", Domains: []string{"b.test"}, TLS: policy.TLSVerify, MaxMessage: 5000000, Servers: []policy.Server{{Address: "b:1", Weight: 1}, {Address: "b:2", Weight: 1}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	setup := testSetup()
	setup.Policy = snapshot
	always := wire.Pipelining | wire.EnhancedStatusCodes | wire.StartTLS | wire.Limits | wire.Size | wire.EightBitMIME
	all := wire.Chunking | wire.DSN | wire.RequireTLS | wire.SMTPUTF8
	learn := func(route, addr string, ext wire.Extensions, size int64) {
		pl := &pool{key: poolKey{route: route, address: addr}}
		p.lessons.learn(pl, &upstream{ehlo: wire.EHLO{Ext: ext, Size: size}}, now)
	}
	check := func(step string, ext wire.Extensions, size int64) {
		t.Helper()
		if got := p.offer(setup); got.ext != always|ext || got.size != size {
			t.Errorf("%s: %b, %d, want %b, %d", step, got.ext, got.size, always|ext, size)
		}
	}
	check("nothing known", wire.SMTPUTF8, 50<<20)
	learn("a", "a:1", all, 1000000)
	learn("b", "b:1", all, 0)
	check("one unknown", wire.SMTPUTF8, 5000000)
	learn("b", "b:2", all, 200<<20)
	check("all have all", all, 5000000)
	learn("b", "b:2", wire.DSN, 1000)
	check("shrinks at once", wire.SMTPUTF8|wire.DSN, 5000000)
	learn("a", "a:1", wire.DSN, 1000000)
	learn("b", "b:1", 0, 500000)
	check("known to lack", 0, 1000000-maxTrace)

	rt := snapshot.Routes()[1]
	if !p.lacks(rt, wire.SMTPUTF8) || p.lacks(rt, wire.DSN) {
		t.Error("lacks")
	}
	now = now.Add(lessonSure)
	if p.lacks(rt, wire.SMTPUTF8) {
		t.Error("an old lesson is sure")
	}
	now = now.Add(lessonKeep)
	p.lessons.expire(now)
	check("forgotten", wire.SMTPUTF8, 50<<20)
	if len(p.lessons.routes) != 0 {
		t.Error("still known")
	}
	if n := testing.AllocsPerRun(100, func() { p.offer(setup) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestProbe(t *testing.T) {
	p := testServers(t)
	s := startScripted(t, script(hello, []string{"> QUIT", "eof"}), script(hello, begin, []string{"> QUIT", "eof"}))
	snapshot, err := policy.New(policy.Settings{Routes: []policy.Route{*testRoute(s.addr())}})
	if err != nil {
		t.Fatal(err)
	}
	setup := testSetup()
	setup.Policy = snapshot
	p.probeAll(context.Background(), setup, snapshot.Routes())
	if o := p.offer(setup); !o.ext.Has(wire.DSN) || o.ext.Has(wire.Chunking|wire.SMTPUTF8) || o.size != 1000000-maxTrace {
		t.Errorf("%+v", o)
	}
	h := p.hosts[s.addr()]
	if h.total != 0 {
		t.Errorf("%d connections", h.total)
	}
	// A host with a kept session needs no probe.
	u := openOne(t, p, setup, snapshot.Routes()[0])
	p.release(u)
	p.probeAll(context.Background(), setup, snapshot.Routes())
	if h.total != 1 || len(h.idle) != 1 {
		t.Errorf("%d connections, %d idle", h.total, len(h.idle))
	}
	p.probe(context.Background(), setup, snapshot.Routes())
	p.close()
}
