package filter_test

import (
	"testing"

	"sluice/filter"
	"sluice/filter/filtertest"
)

func TestShouting(t *testing.T) {
	aLink := func(ch *filter.Channel) { filter.Links.Publish(ch, filter.Link{Host: "shop.example"}) }
	for _, c := range []struct {
		content string
		publish func(*filter.Channel)
		want    int
	}{
		{"Subject: LAST CHANCE\r\n\r\nLook.\r\n", aLink, 1},
		{"Subject: =?utf-8?q?LAST_CHANCE?=\r\n\r\nLook.\r\n", aLink, 1},
		{"Subject: Last chance\r\n\r\nLook.\r\n", aLink, 0},
		{"Subject: 2026\r\n\r\nLook.\r\n", aLink, 0},
		{"Subject: LAST CHANCE\r\n\r\nLook.\r\n", nil, 0},
	} {
		found := filtertest.Cuts(t, shouting{}, filtertest.Message{Content: []byte(c.content), Publish: c.publish})
		if len(found) != c.want {
			t.Errorf("%q: %v", c.content, found)
		}
	}
}
