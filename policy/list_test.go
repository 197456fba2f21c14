package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func listOf(t testing.TB, entries ...string) *List {
	t.Helper()
	var b ListBuilder
	for _, e := range entries {
		if err := b.Add(e); err != nil {
			t.Fatalf("%q: %v", e, err)
		}
	}
	return b.List()
}

// one asks one level with one allow and one block list.
func one(allow, block *List, m Mailbox, peer string) Listing {
	found, _ := listed([]lists{{allow: allow, block: block}}, m, netip.MustParseAddr(peer))
	return found
}

func TestListEntries(t *testing.T) {
	for _, c := range []struct {
		entry  string
		sender Mailbox
		peer   string
		want   bool
	}{
		{"a@y.test", Mailbox{"a", "y.test"}, "::1", true},
		{"A@Y.test", Mailbox{"a", "y.TEST"}, "::1", true},
		{"a@y.test", Mailbox{"A", "Y.test."}, "::1", true},
		{"a@y.test", Mailbox{"b", "y.test"}, "::1", false},
		{"a@y.test", Mailbox{"a", "x.y.test"}, "::1", false},
		{`"a b"@y.test`, Mailbox{"a b", "y.test"}, "::1", true},
		{`"a\"\\b"@y.test`, Mailbox{`a"\b`, "y.test"}, "::1", true},
		{`"a"@y.test`, Mailbox{"a", "y.test"}, "::1", true},
		{"ä@bücher.test", Mailbox{"Ä", "xn--bcher-kva.test"}, "::1", true},
		{"a@xn--bcher-kva.test", Mailbox{"a", "BÜCHER.test"}, "::1", true},
		{"a@[192.0.2.1]", Mailbox{"a", "[192.0.2.1]"}, "::1", true},
		{"<>", Mailbox{}, "::1", true},
		{"<>", Mailbox{"a", "y.test"}, "::1", false},
		{"y.test", Mailbox{}, "::1", false},
		{"y.test", Mailbox{"a", "y.test"}, "::1", true},
		{"y.test", Mailbox{"a", "x.y.test"}, "::1", false},
		{".y.test", Mailbox{"a", "y.test"}, "::1", false},
		{".y.test", Mailbox{"a", "x.y.test"}, "::1", true},
		{".y.test", Mailbox{"a", "w.x.y.test"}, "::1", true},
		{".y.test", Mailbox{"a", "xy.test"}, "::1", false},
		{".y.test", Mailbox{"a", ".y.test"}, "::1", false},
		{".y.test", Mailbox{"a", strings.Repeat("x.", 124) + "y.test"}, "::1", true},
		{".y.test", Mailbox{"a", strings.Repeat("x.", 125) + "y.test"}, "::1", false}, // no domain is that long
		{".y.test", Mailbox{"a", "x" + strings.Repeat(".", 240) + "y.test"}, "::1", false},
		{"." + strings.Repeat("x.", 70) + "y.test", Mailbox{"a", strings.Repeat("x.", 90) + "y.test"}, "::1", true},
		{"192.0.2.0/24", Mailbox{"a", "y.test"}, "192.0.2.255", true},
		{"192.0.2.0/24", Mailbox{}, "::ffff:192.0.2.255", true},
		{"192.0.2.0/24", Mailbox{"a", "y.test"}, "192.0.3.0", false},
		{"::ffff:192.0.2.0/120", Mailbox{"a", "y.test"}, "192.0.2.1", true},
		{"0.0.0.0/0", Mailbox{"a", "y.test"}, "::1", false},
		{"2001:db8::/32", Mailbox{"a", "y.test"}, "2001:db8::1%eth0", true},
		{"a@y.test 192.0.2.7", Mailbox{"a", "y.test"}, "192.0.2.7", true},
		{"a@y.test 192.0.2.7", Mailbox{"a", "y.test"}, "192.0.2.8", false},
		{"a@y.test 192.0.2.7", Mailbox{"b", "y.test"}, "192.0.2.7", false},
		{"a@y.test\t192.0.2.7, 2001:db8::/32", Mailbox{"a", "y.test"}, "2001:db8::1", true},
		{".y.test ::/0", Mailbox{"a", "x.y.test"}, "::1", true},
		{"<> 192.0.2.7", Mailbox{}, "192.0.2.7", true},
	} {
		l := listOf(t, c.entry)
		if got := one(l, nil, c.sender, c.peer) == Allowed; got != c.want {
			t.Errorf("%q matches %s@%s from %s: %v", c.entry, c.sender.Local, c.sender.Domain, c.peer, got)
		}
		if found, _ := listed([]lists{{allow: l}}, c.sender, netip.Addr{}); found == Allowed && strings.ContainsAny(strings.TrimPrefix(c.entry, `"a b"`), " \t/") {
			t.Errorf("%q matches a peer that is not known", c.entry)
		}
	}
}

func TestListEntryErrors(t *testing.T) {
	for _, c := range []struct {
		entry string
		want  error
	}{
		{"", ErrEntry}, {"com", ErrEntry}, {"@", errNoMailbox}, {"@y.test", errNoMailbox}, {"a@", errNoMailbox}, {"a@*", errNoMailbox},
		{"a@.y.test", errNoMailbox}, {"*@y.test", nil}, {"a b@y.test", ErrEntry}, {"a@b@y.test", nil}, {"*", ErrEntryAll}, {"*.y.test", ErrEntry},
		{"y..test", ErrEntry}, {"192.0.2.1/24", ErrEntryBits}, {"192.0.2.0/33", ErrEntry}, {"::ffff:0.0.0.0/90", ErrEntryBits},
		{"192.0.2.1 a@y.test", ErrEntryMany}, {"192.0.2.1 192.0.2.2", ErrEntryMany}, {"a@y.test b@y.test", ErrEntryNet}, {"y.test ,", ErrEntryNet},
		{"fe80::1%eth0", ErrEntry}, {"a@y.test\xff", errNoUTF8}, {`"a@y.test`, errNoMailbox}, {strings.Repeat("a", 5000), ErrEntryLength},
	} {
		var b ListBuilder
		if err := b.Add(c.entry); !errors.Is(err, c.want) {
			t.Errorf("%.40q: %v, want %v", c.entry, err, c.want)
		}
	}
}

func TestListRead(t *testing.T) {
	var b ListBuilder
	err := b.Read(strings.NewReader("\ufeffa@y.test # why\n\n# all of it\r\n  y.test\r\na#b@y.test\nbad\n192.0.2.1/8\n.z.test 192.0.2.0/24\ny.test"))
	if want := "line 6: " + ErrEntry.Error() + "\nline 7: " + ErrEntryBits.Error(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	var line *LineError
	if !errors.As(err, &line) || line.Line != 6 {
		t.Errorf("%v", line)
	}
	if l := b.List(); l.Len() != 4 || one(l, nil, Mailbox{"a#b", "y.test"}, "::1") != Allowed {
		t.Errorf("%d entries", l.Len())
	}
	b = ListBuilder{}
	if err := b.Read(strings.NewReader(strings.Repeat("bad\n", 1000))); strings.Count(err.Error(), "\n") != maxLineErrors-1 {
		t.Errorf("%v", err)
	}
	b = ListBuilder{}
	if err := b.Read(strings.NewReader("y.test\n" + strings.Repeat("x", 100_000))); err == nil || err.Error() != "line 2: "+ErrEntryLength.Error() {
		t.Errorf("%v", err)
	}
}

// A grid is all combinations of these senders and peers: small enough to look
// at whole, large enough to tell every two entries of universe apart.
var (
	gridSenders = []Mailbox{{"a", "x.y.test"}, {"b", "x.y.test"}, {"a", "w.y.test"}, {"a", "w.test"}, {"a", "w.example"}}
	gridPeers   = []string{"192.0.2.7", "192.0.2.8", "198.51.100.1", "::1"}
)

// universe is every entry of these parts.
func universe() (all []string) {
	for _, sender := range []string{"", ".test", ".y.test", "x.y.test", "a@x.y.test"} {
		for _, network := range []string{"", "0.0.0.0/0", "192.0.2.0/24", "192.0.2.7"} {
			if e := strings.TrimSpace(sender + " " + network); e != "" && e != ".test" {
				all = append(all, e)
			}
		}
	}
	return all
}

// points is the set of grid points an entry holds, by reading it as the
// documentation says and in no other way.
func points20(entry string) (set uint32) {
	sender, network, _ := strings.Cut(entry, " ")
	if strings.Contains(sender, "/") || sender == "192.0.2.7" {
		sender, network = "", sender
	}
	for i, m := range gridSenders {
		address := m.Local + "@" + m.Domain
		in := sender == "" || sender == address || sender == m.Domain || sender[0] == '.' && strings.HasSuffix(m.Domain, sender)
		for j, peer := range gridPeers {
			near := network == "" || network == peer ||
				network == "0.0.0.0/0" && !strings.Contains(peer, ":") || network == "192.0.2.0/24" && strings.HasPrefix(peer, "192.0.2.")
			if in && near {
				set |= 1 << (i*len(gridPeers) + j)
			}
		}
	}
	return set
}

// The table in List's documentation, for every two allows and two blocks of
// the universe at every point: an allow is an exception to a block if it holds
// only what that holds, and less.
func TestListPrecedence(t *testing.T) {
	all := append(universe(), ".test 192.0.2.0/24")
	sets := map[string]uint32{}
	for _, e := range all {
		sets[e] = points20(e)
		if sets[e] == 0 {
			t.Fatalf("%q holds nothing", e)
		}
	}
	var choices [][]string
	for i := range all {
		choices = append(choices, []string{all[i]})
		for j := range i {
			choices = append(choices, []string{all[i], all[j]})
		}
	}
	built := make([]*List, len(choices))
	for i, c := range choices {
		built[i] = listOf(t, c...)
	}
	for ai, allow := range choices {
		for bi, block := range choices {
			for i, m := range gridSenders {
				for j, peer := range gridPeers {
					want := reference(sets, allow, block, 1<<(i*len(gridPeers)+j))
					if got := one(built[ai], built[bi], m, peer); got != want {
						t.Fatalf("allow %q, block %q, %s@%s from %s: %d, want %d", allow, block, m.Local, m.Domain, peer, got, want)
					}
				}
			}
		}
	}
}

func reference(sets map[string]uint32, allow, block []string, point uint32) Listing {
	matching := func(entries []string) (out []uint32) {
		for _, e := range entries {
			if sets[e]&point != 0 {
				out = append(out, sets[e])
			}
		}
		return out
	}
	allows, blocks := matching(allow), matching(block)
	for _, b := range blocks {
		if !slices.ContainsFunc(allows, func(a uint32) bool { return a&^b == 0 && a != b }) {
			return Blocked
		}
	}
	if len(allows) > 0 {
		return Allowed
	}
	return Unlisted
}

// The first scope in which an entry matches decides: all of mailbox, domain,
// tenant and global, each with every state of its lists.
func TestListScopes(t *testing.T) {
	const sender, elsewhere = "a@x.test", "b@other.test"
	states := []struct {
		name  string
		lists Level
		says  Listing
	}{
		{"none", Level{}, Unlisted},
		{"others", Level{Allow: listOf(t, elsewhere), Block: listOf(t, elsewhere)}, Unlisted},
		{"allow", Level{Allow: listOf(t, "x.test")}, Allowed},
		{"block", Level{Block: listOf(t, "x.test")}, Blocked},
		{"both", Level{Allow: listOf(t, sender), Block: listOf(t, sender)}, Blocked},
		{"exception", Level{Allow: listOf(t, sender), Block: listOf(t, "x.test")}, Allowed},
	}
	for _, global := range states {
		for _, tenant := range states {
			for _, domain := range states {
				for _, mailbox := range states {
					s := mustNew(t, Settings{Level: global.lists, Tenants: []Tenant{{
						Name: "t", Domains: []string{"y.test"}, Level: tenant.lists,
						DomainLevels: map[string]Level{"y.test": domain.lists},
						Mailboxes:    map[string]Level{"m@y.test": mailbox.lists},
					}}})
					want, level := Unlisted, ""
					for i, state := range []Listing{global.says, tenant.says, domain.says, mailbox.says} {
						if state != Unlisted {
							want, level = state, []string{"top level", "tenant", "domain", "mailbox"}[i]
						}
					}
					sc := s.Scope(Mailbox{"m", "y.test"})
					from, peer := Mailbox{"a", "x.test"}, netip.MustParseAddr("192.0.2.7")
					if got := sc.Listed(from, peer); got != want {
						t.Fatalf("global %s, tenant %s, domain %s, mailbox %s: %d, want %d", global.name, tenant.name, domain.name, mailbox.name, got, want)
					}
					// Whoever asks why learns whose list it was.
					k := &Case{Scope: sc, Sender: from, Peer: peer}
					s.Decide(k)
					if found := append(k.Findings, Finding{})[0]; found.Detail != level {
						t.Fatalf("global %s, tenant %s, domain %s, mailbox %s: the finding says %q, want %q", global.name, tenant.name, domain.name, mailbox.name, found.Detail, level)
					}
				}
			}
		}
	}
}

// What a listing does in Decide.
func TestListsDecide(t *testing.T) {
	settings := site()
	settings.Allow = listOf(t, "friend.test", "both.test")
	settings.Block = listOf(t, "foe.test", "both.test")
	s := mustNew(t, settings)
	for _, c := range []struct {
		name, from string
		findings   []Finding
		want       Disposition
	}{
		{"blocked", "foe.test", nil, Disposition{Action: Reject, Rule: RuleBlock, Contact: "help@y.test"}},
		{"block over allow", "both.test", nil, Disposition{Action: Reject, Rule: RuleBlock, Contact: "help@y.test"}},
		{"allowed, score", "friend.test", []Finding{score("a.x", 50)}, Disposition{Score: 50}},
		{"allowed, virus", "friend.test", []Finding{force("antivirus.infected", Reject)}, Disposition{Action: Reject, Rule: "antivirus.infected", Contact: "help@y.test"}},
		{"allowed, failure", "friend.test", []Finding{force("antivirus.failed", Defer)}, Disposition{Action: Defer, Rule: "antivirus.failed", Contact: "help@y.test"}},
		{"allowed, over limit", "friend.test", []Finding{{Rule: "limit.output", Class: OverLimit}}, Disposition{Action: Reject, Rule: "limit.output", Class: OverLimit, Contact: "help@y.test"}},
		{"allowed, forced tag", "friend.test", []Finding{force("a.x", Tag), score("a.y", 50)}, Disposition{Action: Tag, Rule: "a.x", Score: 50}},
		{"nobody", "x.test", []Finding{score("a.x", 5)}, Disposition{Action: Tag, Rule: "a.x", Score: 5}},
	} {
		k := &Case{Sender: Mailbox{"a", c.from}, Findings: c.findings}
		if got := s.Decide(k); got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
	// The rules of the lists are rules like others.
	settings.Rules[RuleBlock] = RuleSetting{Action: new(Tag)}
	settings.Rules[RuleAllow] = RuleSetting{Shadow: true}
	s = mustNew(t, settings)
	if d := s.Decide(&Case{Sender: Mailbox{"a", "foe.test"}}); d.Action != Tag {
		t.Errorf("block set to tag: %+v", d)
	}
	if d := s.Decide(&Case{Sender: Mailbox{"a", "friend.test"}, Findings: []Finding{score("a.x", 20)}}); d.Action != Reject {
		t.Errorf("allow in shadow: %+v", d)
	}
}

// A set is a map.
func TestKeySet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s keySet
		want := map[string]uint32{}
		for range rapid.IntRange(0, 300).Draw(t, "n") {
			key, n := rapid.StringN(0, 3, 6).Draw(t, "key"), rapid.Uint32().Draw(t, "number")
			want[key] = n
			if !s.put([]byte(key), n) {
				t.Fatal("full")
			}
		}
		if s.n != len(want) {
			t.Fatalf("%d keys, want %d", s.n, len(want))
		}
		for key, n := range want {
			if got, ok := s.find([]byte(key)); !ok || got != n {
				t.Fatalf("%q: %d, %v, want %d", key, got, ok, n)
			}
		}
		other := rapid.StringN(0, 3, 6).Draw(t, "other")
		if _, ok := s.find([]byte(other)); ok {
			if _, there := want[other]; !there {
				t.Fatalf("%q is found", other)
			}
		}
	})
	var s keySet
	if s.put(make([]byte, 1<<16), 1) {
		t.Error("takes a key longer than its length can say")
	}
}

// The order of entries and their repetition do not show.
func TestListOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.SampledFrom(universe()), 1, 12).Draw(t, "entries")
		var a, b ListBuilder
		for _, e := range entries {
			_ = a.Add(e)
		}
		for _, e := range append(rapid.Permutation(entries).Draw(t, "order"), entries[0]) {
			_ = b.Add(e)
		}
		if a.List().digest != b.List().digest || a.list.n != b.list.n {
			t.Fatalf("%q: another digest in another order", entries)
		}
	})
}

func TestManyNetworksOfOneSender(t *testing.T) {
	var b ListBuilder
	for i := range 3 * few {
		if err := b.Add(fmt.Sprintf("y.test 10.%d.0.0/16 10.%d.0.0/16", i, i)); err != nil {
			t.Fatal(err)
		}
	}
	l := b.List()
	if l.Len() != 3*few {
		t.Errorf("%d entries", l.Len())
	}
	for i := range 4 * few {
		if got := one(l, nil, Mailbox{"a", "y.test"}, fmt.Sprintf("10.%d.1.1", i)) == Allowed; got != (i < 3*few) {
			t.Errorf("10.%d.1.1: %v", i, got)
		}
	}
}

// FuzzListEntry: an entry is taken whole or refused, is the same line in a
// file, and no error quotes it.
func FuzzListEntry(f *testing.F) {
	for _, e := range append(universe(), "<>", `"a b"@y.test 10.0.0.0/8`, "ä@bücher.test", "::ffff:1.2.3.4/128", "a@y.test 1.2.3.4,::/0", "a#b@y.test", "x # y", "*") {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		var b ListBuilder
		err := b.Add(entry)
		if err != nil {
			if b.list.n != 0 {
				t.Fatalf("refused, and %d entries", b.list.n)
			}
			if len(entry) > 20 && strings.Contains(err.Error(), entry) {
				t.Fatalf("the error quotes the entry")
			}
			return
		}
		digest, n := b.list.digest, b.list.n
		if n < 1 {
			t.Fatal("taken, and no entry")
		}
		if err := b.Add(entry); err != nil || b.list.digest != digest {
			t.Fatalf("again: %v, %d entries", err, b.list.n)
		}
		if strings.ContainsAny(entry, "\r\n#\ufeff") {
			return
		}
		var file ListBuilder
		if err := file.Read(strings.NewReader(entry + "\n")); err != nil || file.list.digest != digest {
			t.Fatalf("in a file: %v", err)
		}
	})
}

// manyEntries makes n entries as large sites have them: two thirds addresses.
func manyEntries(n int) string {
	var out strings.Builder
	for i := range n {
		switch i % 6 {
		case 0:
			fmt.Fprintf(&out, "domain-%d.example\n", i)
		case 1:
			fmt.Fprintf(&out, "%d.%d.%d.0/24\n", 1+i%200, i/200%256, i/51200%256)
		default:
			fmt.Fprintf(&out, "some.sender-%d@host-%d.example\n", i, i%5000)
		}
	}
	return out.String()
}

const siteEntries = 300_000

func BenchmarkListLoad(b *testing.B) {
	text := manyEntries(siteEntries)
	b.ReportAllocs()
	for b.Loop() {
		var builder ListBuilder
		if err := builder.Read(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/siteEntries, "ns/entry")
}

func BenchmarkListed(b *testing.B) {
	var builder ListBuilder
	if err := builder.Read(strings.NewReader(manyEntries(siteEntries))); err != nil {
		b.Fatal(err)
	}
	l := builder.List()
	levels := []lists{{block: l}, {allow: l}}
	peer := netip.MustParseAddr("203.0.113.9")
	for _, c := range []struct {
		name string
		m    Mailbox
	}{
		{"address", Mailbox{"some.sender-5", "host-5.example"}},
		{"domain", Mailbox{"a", "domain-600.example"}},
		{"unlisted", Mailbox{"somebody", "mail.elsewhere.example"}},
		{"deep", Mailbox{"somebody", strings.Repeat("x.", 100) + "example"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				listed(levels, c.m, peer)
			}
		})
	}
}

func TestListedDoesNotAllocate(t *testing.T) {
	l := listOf(t, universe()...)
	levels, peer := []lists{{allow: l, block: l}, {block: l}}, netip.MustParseAddr("192.0.2.7")
	m := Mailbox{"A", "x.Y.test"}
	if n := testing.AllocsPerRun(100, func() { listed(levels, m, peer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
