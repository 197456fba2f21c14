package headers

import (
	"net/mail"
	"strings"
	"testing"
)

func TestMailboxes(t *testing.T) {
	type one struct{ name, local, domain string }
	for _, c := range []struct {
		list string
		want []one
	}{
		{"a@x.test", []one{{"", "a", "x.test"}}},
		{"<a@x.test>", []one{{"", "a", "x.test"}}},
		{"Ann Other <a@x.test>", []one{{"Ann Other", "a", "x.test"}}},
		{`"Other, Ann" <a@x.test>, b@y.test`, []one{{`"Other, Ann"`, "a", "x.test"}, {"", "b", "y.test"}}},
		{`"a \" <z@z.test>" <a@x.test>`, []one{{`"a \" <z@z.test>"`, "a", "x.test"}}},
		{"a@x.test (Ann (the) Other)", []one{{"Ann (the) Other", "a", "x.test"}}},
		{"(Ann) a@x.test", []one{{"Ann", "a", "x.test"}}},
		{"Ann (work) <a@x.test>", []one{{"Ann (work)", "a", "x.test"}}},
		{"friends: a@x.test, Bob <b@y.test>;", []one{{"", "a", "x.test"}, {"Bob", "b", "y.test"}}},
		{"undisclosed-recipients:;", []one{{"", "", ""}}},
		{"<@relay.test,@other.test:a@x.test>", []one{{"", "a", "x.test"}}},
		{"a@x.test.", []one{{"", "a", "x.test"}}},
		// A quote that never ends is a letter.
		{`"Ann <a@x.test>`, []one{{`"Ann`, "a", "x.test"}}},
		{"Ann <a@x.test", []one{{"Ann", "a", "x.test"}}},
		{"no address", []one{{"", "no address", ""}}},
		{"", []one{{"", "", ""}}},
		{`"a@b"@x.test`, []one{{"", `"a@b"`, "x.test"}}},
	} {
		list := []byte(c.list)
		for i, want := range c.want {
			m, rest := nextMailbox(list)
			if got := (one{string(m.name), string(m.local), string(m.domain)}); got != want {
				t.Errorf("%q, address %d: %+v, want %+v", c.list, i, got, want)
			}
			list = rest
		}
	}
}

func TestWellFormed(t *testing.T) {
	for address, want := range map[string]bool{
		"a@x.test": true, "a@[192.0.2.1]": true, `"a b"@x.test`: true, "ä@пример.test": true, "a@x": false,
		"": false, "a": false, "@x.test": false, "a@": false, "a@.test": false, "a b@x.test": false,
		"a@@x.test": false, "a@x..test": false, "a@[192.0.2.1": false, "a@x_y.test": false,
	} {
		m, _ := nextMailbox([]byte("<" + address + ">"))
		if got := m.wellFormed(); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestClaimedDomain(t *testing.T) {
	for name, want := range map[string]string{
		"PayPal.com": "PayPal.com", "service@paypal.test": "@paypal.test", "'Ann' (ann@x.test)": "@x.test",
		"J.Smith": "", "node.js": "", "Inc. and Co.": "", "www.x.org!": "www.x.org", "": "", ".com": "", "a.b.net/path": "a.b.net",
		"v1.2 update@": "", "mail: info@x.test.": "@x.test", "dot.common": "",
	} {
		domain, address := claimedDomain([]byte(name))
		if address {
			domain = "@" + domain
		}
		if domain != want {
			t.Errorf("%q: %q, want %q", name, domain, want)
		}
	}
}

func TestSameOwner(t *testing.T) {
	for pair, want := range map[string]bool{
		"x.com x.com": true, "a.x.com b.X.com": true, "x.co.uk y.co.uk": false, "x.com x.net": false, "x.com com": false,
		"user.github.io other.github.io": false,
	} {
		a, b, _ := strings.Cut(pair, " ")
		if got := sameOwner([]byte(a), []byte(b)); got != want {
			t.Errorf("%s: %v", pair, got)
		}
	}
}

// What the standard library accepts as a list of addresses, ours reads alike.
func FuzzAddress(f *testing.F) {
	for _, list := range []string{
		"a@x.test", `"O, A" <a@x.test>, b@y.test (c)`, "g: a@x, b@y;", `(((`, `"\`, "<<>>", "a <@r:b@x>", ",,;:", "a@x (\\) b", `""@x`,
	} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		var ours []string
		n := 0
		for rest := []byte(list); len(rest) > 0; n++ {
			var m mailbox
			before := len(rest)
			m, rest = nextMailbox(rest)
			if len(rest) >= before {
				t.Fatalf("%q: does not go on", list)
			}
			if !m.empty() {
				ours = append(ours, string(m.local)+"@"+string(m.domain))
			}
			m.wellFormed()
			claimedDomain(m.name)
			disguiseOf(m.name)
		}
		theirs, err := mail.ParseAddressList(list)
		// Comments inside an address and quoted local parts are written
		// differently by both.
		if err != nil || strings.ContainsAny(list, "(\"\\\r\n:") {
			return
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%q: %q, the library has %d", list, ours, len(theirs))
		}
		for i, a := range theirs {
			if !strings.EqualFold(ours[i], a.Address) {
				t.Errorf("%q: %q, the library has %q", list, ours[i], a.Address)
			}
		}
	})
}

// Nothing a sender writes makes a field cost more than its size.
func BenchmarkHostile(b *testing.B) {
	for name, unit := range map[string]string{"quotes": `\"`, "comments": `(\`, "angles": "<", "colons": ":", "mixed": `"<(:`} {
		list := []byte(`"` + strings.Repeat(unit, valueSize/len(unit)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(list)))
			for b.Loop() {
				nextMailbox(list)
			}
		})
	}
}
