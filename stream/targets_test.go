package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/policy"
)

// A zone answers from tables. An entry "!" is a fault.
type zone struct {
	a     map[string][]string
	mx    map[string][]MX
	tlsa  map[string][]TLSA
	fails map[string]bool // name: SERVFAIL
	plain bool            // nothing is authentic
	asked int
}

var errServfail = errors.New("SERVFAIL")

func (z *zone) Addresses(_ context.Context, host string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, a := range z.a[host] {
		all = append(all, netip.MustParseAddr(a))
	}
	if len(all) == 0 {
		return nil, ErrNoName
	}
	return all, nil
}

func (z *zone) MX(_ context.Context, domain string, authentic bool) ([]MX, bool, error) {
	z.asked++
	if z.fails[domain] {
		return nil, false, errServfail
	}
	mx, ok := z.mx[domain]
	if !ok {
		return nil, !z.plain, ErrNoName
	}
	return slices.Clone(mx), authentic && !z.plain, nil
}

func (z *zone) TLSA(_ context.Context, host string, port uint16) ([]TLSA, bool, error) {
	if z.fails[host] {
		return nil, false, errServfail
	}
	return z.tlsa[host], !z.plain, nil
}

func TestExchangers(t *testing.T) {
	z := &zone{
		mx: map[string][]MX{
			"two.test":    {{"b.test", 20}, {"a.test", 10}, {"c.test", 20}},
			"null.test":   {{"", 0}},
			"us.test":     {{"a.test", 10}, {"MX.test", 20}, {"b.test", 20}, {"c.test", 30}},
			"only.test":   {{"mx.test", 10}, {"b.test", 20}},
			"mixed.test":  {{"", 0}, {"a.test", 10}},
			"many.test":   slices.Repeat([]MX{{"a.test", 1}}, 30),
			"empty.test":  {},
			"secure.test": {{"a.test", 10}},
		},
		fails: map[string]bool{"fail.test": true},
	}
	p := newServers(nil, z, nil)
	defer p.close()
	for domain, want := range map[string]string{
		"two.test":      "a.test:25/10 b.test:25/20 c.test:25/20",
		"us.test":       "a.test:25/10",
		"implicit.test": "implicit.test:25/0",
		"empty.test":    "empty.test:25/0",
		"mixed.test":    "a.test:25/10",
		"null.test":     "451 4.4.1",
		"fail.test":     "451 4.4.1",
		"only.test":     "451 4.4.6",
		"many.test":     strings.TrimSuffix(strings.Repeat("a.test:25/1 ", mxHosts), " "),
	} {
		list, secure, err := p.exchangers(context.Background(), "mx.test", domain, true)
		var got []string
		for _, s := range list {
			got = append(got, fmt.Sprintf("%s/%d", s.Address, s.Priority))
		}
		text := strings.Join(got, " ")
		if err != nil {
			r := replyFor(err)
			text = fmt.Sprint(r.Code, " ", r.Enhanced)
			if r.Code != 451 || strings.Contains(err.Error(), domain) {
				t.Errorf("%s: %v: %+v", domain, err, r)
			}
		} else if !secure {
			t.Errorf("%s: not secure", domain)
		}
		if text != want {
			t.Errorf("%s: %q, want %q", domain, text, want)
		}
	}
}

func TestMXRoute(t *testing.T) {
	s := startScripted(t, script(hello, begin, takesData))
	_, port, _ := net.SplitHostPort(s.addr())
	now := time.Now()
	z := &zone{mx: map[string][]MX{"y.test": {{"down.test", 1}, {"a.test", 2}}}, a: map[string][]string{"a.test": {"127.0.0.1"}}}
	p := newServers(func() time.Time { return now }, z, nil)
	defer p.close()
	p.mxPort = netip.MustParseAddrPort("127.0.0.1:" + port).Port()
	rt := &policy.Route{Name: "y.test", MX: true, TLS: policy.TLSNone}
	u := openOne(t, p, testSetup(), rt)
	deliver(t, u)
	p.drop(u)
	for _, want := range []int{1, 1, 2} { // at once, and 30 s and 60 s later
		if _, err := p.targets(context.Background(), testSetup(), rt, "y.test"); err != nil || z.asked != want {
			t.Errorf("asked %d times, want %d: %v", z.asked, want, err)
		}
		now = now.Add(mxKeep / 2)
	}
}

func TestOrderByWeight(t *testing.T) {
	pools := []*pool{{name: "a"}, {name: "b"}, {name: "c"}}
	g := targetGroup{pools: pools, weights: []int{1, 3, 6}}
	first := map[string]int{}
	const n = 10000
	for range n {
		order := g.order()
		if len(order) != 3 || order[0] == order[1] || order[1] == order[2] || order[0] == order[2] {
			t.Fatal("not a permutation")
		}
		first[order[0].name]++
	}
	// Ten standard deviations (about 30 to 50 each).
	for name, want := range map[string]int{"a": n / 10, "b": 3 * n / 10, "c": 6 * n / 10} {
		if d := first[name] - want; d < -500 || d > 500 {
			t.Errorf("%s first %d times of %d, want about %d", name, first[name], n, want)
		}
	}
	if g.pools[0].name != "a" || g.pools[1].name != "b" {
		t.Error("the group itself was shuffled")
	}
}

func TestPriorityGroups(t *testing.T) {
	p := newServers(nil, nil, nil)
	defer p.close()
	rt := &policy.Route{Name: "r", Servers: []policy.Server{
		{Address: "127.0.0.1:3", Priority: 20, Weight: 1}, {Address: "127.0.0.1:1", Priority: 10, Weight: 1}, {Address: "127.0.0.1:2", Priority: 10},
	}}
	set, err := p.targets(context.Background(), testSetup(), rt, "")
	if err != nil || len(set.groups) != 2 || len(set.groups[0].pools) != 2 || set.groups[1].pools[0].port != 3 || set.groups[0].weights[1] != 1 {
		t.Errorf("%+v, %v", set, err)
	}
	again, _ := p.targets(context.Background(), testSetup(), rt, "")
	if again != set {
		t.Error("made anew")
	}
	for _, bad := range []policy.Server{{Address: "x"}, {Address: "x:y"}, {Address: "x:99999"}} {
		if _, err := p.targets(context.Background(), testSetup(), &policy.Route{Servers: []policy.Server{bad}}, ""); replyFor(err) != replyLocal {
			t.Errorf("%q: %v", bad.Address, err)
		}
	}
	if _, err := p.acquire(context.Background(), testSetup(), &policy.Route{}, "", nil); replyFor(err) != replyUnreachable {
		t.Errorf("no servers: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	z := &zone{a: map[string][]string{"h.test": {"192.0.2.1", "192.0.2.2", "2001:db8::1", "::ffff:192.0.2.3"}}}
	p := newServers(nil, z, nil)
	defer p.close()
	pl := &pool{name: "h.test"}
	check := func(want ...string) {
		t.Helper()
		got, err := p.addresses(context.Background(), testSetup(), pl)
		var text []string
		for _, a := range got {
			text = append(text, a.String())
		}
		if err != nil || !slices.Equal(text, want) {
			t.Errorf("%v, %v, want %v", text, err, want)
		}
	}
	check("2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3")
	good := netip.MustParseAddr("192.0.2.2")
	pl.good.Store(&good)
	check("192.0.2.2", "192.0.2.1", "2001:db8::1", "192.0.2.3")
	pl.good.Store(nil)
	pl.key.source = netip.MustParseAddr("2001:db8::99")
	check("2001:db8::1")
	pl.name = "none.test"
	if _, err := p.addresses(context.Background(), testSetup(), pl); !errors.Is(err, ErrNoName) || strings.Contains(err.Error(), "none") {
		t.Error(err)
	}
}
