package main

import (
	"slices"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int{"2000": 2000, "2k": 2000, "50kB": 50e3, " 1M ": 1e6, "1gi": 1 << 30, "2ki": 2048,
		"0": 0, "-1": 0, "": 0, "k": 0, "1.5k": 0, "99999999g": 0} {
		got, err := parseSize(in)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("parseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestParseMix(t *testing.T) {
	m, err := parseMix("2k:3,1m:1")
	if err != nil {
		t.Fatal(err)
	}
	for u, want := range map[float64]int{0: 2e3, 0.74: 2e3, 0.76: 1e6, 0.9999999: 1e6} {
		if got := m.pick(u); got != want {
			t.Errorf("pick(%v) = %d, want %d", u, got, want)
		}
	}
	for _, bad := range []string{"", "2k:0", "2k:-1", "2k:x", "2k:NaN", "x:1"} {
		if _, err := parseMix(bad); err == nil {
			t.Errorf("mix %q was taken", bad)
		}
	}
}

func TestParseArrival(t *testing.T) {
	for in, want := range map[string]arrival{"closed": {}, "open:100": {10 * time.Millisecond, 1}, "burst:5/2s": {2 * time.Second, 5}} {
		if got, err := parseArrival(in); err != nil || got != want {
			t.Errorf("parseArrival(%q) = %v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "open", "open:0", "open:-1", "open:NaN", "burst:0/1s", "burst:3", "burst:3/x", "poisson:1"} {
		if _, err := parseArrival(bad); err == nil {
			t.Errorf("arrival %q was taken", bad)
		}
	}
	burst := arrival{time.Second, 3}
	if burst.due(2) != 0 || burst.due(3) != time.Second || burst.due(7) != 2*time.Second {
		t.Errorf("burst due at %v %v %v", burst.due(2), burst.due(3), burst.due(7))
	}
}

func TestParsePlan(t *testing.T) {
	p, err := parsePlan("end4:50,lostcut:25", 7, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	count := map[failure]int{}
	for n := range 4000 {
		f, _ := p.choose("1-1", n)
		again, _ := p.choose("1-1", n)
		if f != again {
			t.Fatalf("transaction %d fails as %q, then as %q", n, f, again)
		}
		count[f]++
	}
	for f, want := range map[failure]int{failEnd4: 2000, failLostCut: 1000, failNothing: 1000} {
		if got := count[f]; got < want-200 || got > want+200 {
			t.Errorf("%q came %d times of 4000, want about %d", f, got, want)
		}
	}
	if all, err := parsePlan("all:1", 1, 0); err != nil || len(all.rates) != len(failures()) {
		t.Errorf("all: %d failures, %v", len(all.rates), err)
	}
	for _, bad := range []string{"end4", "end4:x", "end4:101", "unknown:1"} {
		if _, err := parsePlan(bad, 1, 0); err == nil {
			t.Errorf("plan %q was taken", bad)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "4711 (a) (b c)) S 12 4711 4711 0 -1 4194304 100 200 0 0 150 50 30 20 20 0 5 0 12345 0 0"
	got, err := parseStat(line)
	want := procStat{pid: 4711, parent: 12, group: 4711, cpu: 2500 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("parseStat: %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "1 (x) S 1", "x (y) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("stat line %q was taken", bad)
		}
	}
}

func TestFamily(t *testing.T) {
	all := []procStat{{pid: 5, parent: 4}, {pid: 1}, {pid: 4, parent: 2, group: 4}, {pid: 2, parent: 1, group: 2}, {pid: 9, parent: 1, group: 2}, {pid: 7, parent: 1, group: 7}}
	var pids []int
	for _, s := range family(all, 2) {
		pids = append(pids, s.pid)
	}
	if want := []int{5, 4, 2, 9}; !slices.Equal(pids, want) {
		t.Errorf("family of 2: %v, want %v: children's children and its group", pids, want)
	}
}

func TestParseRSSAndMetric(t *testing.T) {
	status := "Name:\tx\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\nThreads: 1\n"
	for field, want := range map[string]int64{"VmRSS": 2 << 20, "VmHWM": 4 << 20, "VmSwap": 0} {
		if n, err := parseStatus(status, field); n != want || (err == nil) != (want > 0) {
			t.Errorf("%s %d, %v; want %d", field, n, err, want)
		}
	}
	text := "go_memstats_mallocs_total_x 1\n# a comment\ngo_memstats_mallocs_total 1.5e+06\n"
	if v, err := metricIn(text, mallocsMetric); err != nil || v != 1.5e6 {
		t.Errorf("metric %v, %v", v, err)
	}
	if _, err := metricIn(text, "absent"); err == nil {
		t.Error("a metric that is not there was found")
	}
}

func TestParseDelivery(t *testing.T) {
	const head = "Nov 21 20:48:39 mx postfix/smtp[99]: 3F2A: to=<r0.1-5@y.test>, relay=127.0.0.1[127.0.0.1]:2525, delay=0.5, delays=0.1/0/0.2/0.3, dsn=2.0.0, status="
	now := at(0)
	for _, c := range []struct {
		line    string
		stage   string
		code    int
		settled bool
	}{
		{head + "sent (250 2.0.0 taken)", stageEnd, 250, true},
		{head + "deferred (host 127.0.0.1[127.0.0.1] said: 451 4.3.0 later (in reply to end of DATA command))", stageEnd, 451, false},
		{head + "bounced (host 127.0.0.1[127.0.0.1] said: 550 5.7.1 no (in reply to RCPT TO command))", stageRcpt, 550, true},
		{head + "deferred (lost connection with 127.0.0.1[127.0.0.1] while sending end of data -- message may be sent more than once)", stageEnd, 0, false},
		{head + "deferred (lost connection with 127.0.0.1[127.0.0.1] while sending message body)", stageBody, 0, false},
		{head + "deferred (lost connection with 127.0.0.1[127.0.0.1] while receiving the initial server greeting)", stageGreeting, 0, false},
		{head + "deferred (host 127.0.0.1[127.0.0.1] refused to talk to me: 421 4.3.2 stopping)", stageConnect, 421, false},
	} {
		a, settled, ok := parseDelivery(c.line, now)
		if !ok || a.ID != "1-5" || a.Stage != c.stage || a.Code != c.code || settled != c.settled {
			t.Errorf("%s\n got %+v settled %v ok %v", c.line, a, settled, ok)
		}
		if want := now.Add(-500 * time.Millisecond); !a.Start.Equal(want) {
			t.Errorf("start %v, want %v", a.Start, want)
		}
		if listed := len(a.Accepted) == 1; listed != (c.stage == stageEnd) {
			t.Errorf("%s: accepted %v", c.line, a.Accepted)
		}
	}
	none := "Nov 21 20:48:39 mx postfix/smtp[9]: 3F2A: to=<r0.1-5@y.test>, relay=none, delay=1, delays=1/0/0/0, dsn=4.4.1, status=deferred (connect to 127.0.0.1[127.0.0.1]:1: Connection refused)"
	if a, _, ok := parseDelivery(none, now); !ok || a.Stage != stageConnect || a.Code != 0 {
		t.Errorf("relay=none: %+v %v", a, ok)
	}
	if _, _, ok := parseDelivery("Nov 21 20:48:39 mx postfix/qmgr[9]: 3F2A: removed", now); ok {
		t.Error("a line of the queue manager was taken for a delivery")
	}
}
