package antivirus

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An icap is an engine behind an ICAP service (RFC 3507). Content goes as the
// body of an HTTP answer that never was (RESPMOD); neither its name nor its
// place is told, since services write both into their logs.
//
//	OPTIONS  at the start, when Options-TTL has passed, after a new ISTag
//	RESPMOD  [preview, wait for 100]  content
//	204: clean    200: as the profile says    anything else: failed
type icap struct {
	endpoint
	service string // its URL
	host    string
	profile Profile

	mu      sync.Mutex // guards options
	options options
}

// icapPort is where ICAP is (RFC 3507 section 4.2).
const icapPort = "1344"

// icapAnswer is the room for a line of an answer, or the HTTP header in it:
// 16 KiB.
const icapAnswer = 16 << 10

func newICAP(s *EngineSettings) *icap {
	u, _ := url.Parse(s.URL) // it was found good
	e := &icap{host: u.Host, profile: Profiles[s.profile()]}
	path := u.EscapedPath()
	if strings.Trim(path, "/") == "" {
		path = e.profile.Path
	}
	if query := cmp.Or(u.RawQuery, e.profile.Query); query != "" {
		path += "?" + query
	}
	e.service = "icap://" + u.Host + path
	e.pool = newPool(dialer(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), icapPort))), icapAnswer)
	return e
}

// Scan asks the service.
func (e *icap) Scan(ctx context.Context, content *Content) Vote {
	if content.Size() == 0 {
		return clean() // there is no body to adapt
	}
	if !e.breaker.allow() {
		return fail(Down)
	}
	vote, _ := e.scan(ctx, content, e.respmod)
	return vote
}

// Tag is the service's ISTag: what it knows just now.
func (e *icap) Tag() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.options.tag
}

// respmod has one scan on c. See endpoint.scan.
func (e *icap) respmod(ctx context.Context, c *conn, content *Content) (Vote, bool, error) {
	o, err := e.current(ctx)
	if err != nil {
		return refusedOr(err)
	}
	r := request{engine: e, conn: c, content: content, options: o}
	done, sent := r.send(ctx)
	if content.err != nil && content.err != io.EOF {
		return Vote{}, false, nil // it was not the service; see verdict
	}
	var a *answer
	if a = done; a == nil {
		c.hurry(sent)
		if a, err = c.readAnswer(); err != nil {
			return refusedOr(cmp.Or(sent, err))
		}
	}
	e.noticeTag(a.field("istag"))
	vote, err := e.judge(a)
	if err == nil && vote.Result == Clean && sent != nil {
		return failed(sent) // it cannot have seen the whole
	}
	return vote, err == nil && sent == nil && c.drain(a), err
}

// refusedOr ends a dialogue that broke off.
func refusedOr(err error) (Vote, bool, error) {
	if err == errRefused {
		return fail(Refused), false, err
	}
	return failed(err)
}

// judge reads the vote out of an answer.
func (e *icap) judge(a *answer) (Vote, error) {
	switch {
	case a.code == 204:
		return clean(), nil
	case a.code >= 400 && a.code <= 599:
		return fail(Refused), errRefused
	case a.code != 200:
		return fail(Garbled), errGarbled
	}
	for _, name := range e.profile.Threats {
		if value := cmp.Or(a.field(name), a.http[name]); value != "" {
			return infected([]byte(threat(name, value))), nil
		}
	}
	switch {
	case e.profile.Page && a.page >= 400:
		return infected(nil), nil
	case e.profile.Plain == Unscannable:
		return unscannable(Modified), nil
	}
	return Vote{Result: e.profile.Plain}, nil
}

// threat takes the name out of a field that says more.
func threat(field, value string) string {
	switch field {
	case "x-infection-found": // Type=0; Resolution=2; Threat=Eicar;
		if _, name, ok := strings.Cut(value, "Threat="); ok {
			name, _, _ = strings.Cut(name, ";")
			return strings.TrimSpace(name)
		}
	case "x-violations-found": // number, then file, threat, two numbers of each, a line each
		if lines := strings.Split(value, "\n"); len(lines) > 2 {
			return strings.TrimSpace(lines[2])
		}
	}
	return strings.TrimSpace(value)
}

// options are what a service said about itself.
type options struct {
	until    time.Time // zero: not asked yet
	preview  int       // octets; -1: none wanted
	allow204 bool
	tag      string
}

const (
	// optionsLife is how long options hold that do not say: 1 h, what most
	// services say.
	optionsLife = time.Hour
	// leastOptions and mostOptions bound what they say.
	leastOptions, mostOptions = 10 * time.Second, 24 * time.Hour
	// maxPreview is the longest preview sent: 64 KiB, a chunk.
	maxPreview = chunkSize
)

// current returns the service's options, and asks for them if they are not
// known or have expired.
func (e *icap) current(ctx context.Context) (options, error) {
	e.mu.Lock()
	o := e.options
	e.mu.Unlock()
	if time.Now().Before(o.until) {
		return o, nil
	}
	return e.ask(ctx)
}

// ask sends OPTIONS (RFC 3507 section 4.10), on a connection of its own, since
// services close it afterwards or not, and remembers the answer. A service
// that does not scan answers has refused.
func (e *icap) ask(ctx context.Context) (options, error) {
	c, err := e.pool.get(ctx, true)
	if err != nil {
		return options{}, err
	}
	defer c.Close()
	defer c.guard(ctx)()
	if err := c.writev(fmt.Appendf(nil, "OPTIONS %s ICAP/1.0\r\nHost: %s\r\nEncapsulated: null-body=0\r\n\r\n", e.service, e.host)); err != nil {
		return options{}, err
	}
	a, err := c.readAnswer()
	switch {
	case err != nil:
		return options{}, err
	case a.code != 200, !strings.Contains(strings.ToUpper(a.field("methods")), "RESPMOD"):
		return options{}, errRefused
	}
	o := readOptions(a)
	if n, err := strconv.Atoi(a.field("max-connections")); err == nil && n > 0 {
		e.pool.slots.setLimit(min(n, maxConnections))
	}
	e.mu.Lock()
	e.options = o
	e.mu.Unlock()
	return o, nil
}

// readOptions reads the fields of RFC 3507 section 4.10.2.
func readOptions(a *answer) options {
	o := options{preview: -1, tag: a.field("istag"), allow204: strings.Contains(a.field("allow"), "204")}
	if n, err := strconv.Atoi(a.field("preview")); err == nil && n >= 0 {
		o.preview = min(n, maxPreview)
	}
	life := optionsLife
	if n, err := strconv.Atoi(a.field("options-ttl")); err == nil && n >= 0 {
		life = time.Duration(min(n, int(mostOptions/time.Second))) * time.Second
	}
	o.until = time.Now().Add(max(life, leastOptions))
	return o
}

// noticeTag compares an answer's tag. With a new one the options have to be
// asked for again (RFC 3507 section 4.7).
func (e *icap) noticeTag(tag string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if tag != "" && tag != e.options.tag {
		e.options.tag, e.options.until = tag, time.Time{}
	}
}

// Run asks for the options before a message needs them, and while the service
// is being left alone whether it is back, until ctx ends.
func (e *icap) Run(ctx context.Context) {
	tick := time.NewTicker(trialEvery)
	defer tick.Stop()
	defer e.closeIdle()
	for {
		e.check(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check asks for the options if that is due.
func (e *icap) check(ctx context.Context) {
	e.pool.reap()
	e.mu.Lock()
	due := time.Until(e.options.until) < 2*trialEvery
	e.mu.Unlock()
	if !due && !e.breaker.open() {
		return
	}
	asking, cancel := context.WithTimeout(ctx, trialEvery)
	defer cancel()
	_, err := e.ask(asking)
	if ctx.Err() == nil {
		e.breaker.report(err == nil)
	}
}

// closeIdle closes the connections that nobody uses, for good.
func (e *icap) closeIdle() { e.pool.close() }
