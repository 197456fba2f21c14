package antivirus

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/policy"
)

// Settings are all that an operator can say about the module.
type Settings struct {
	Engines []EngineSettings
	Convict Conviction
	// Quorum is how many engines must have answered. Zero means 1.
	Quorum int
	// Memory bounds what is held for engines, of all messages together, in
	// octets. Zero means DefaultMemory.
	Memory int64
}

// DefaultMemory is what is held of all messages together: 256 MiB, a thousand
// messages that fill their windows.
const DefaultMemory = 256 << 20

// EngineSettings say what one engine is.
type EngineSettings struct {
	// Name is the engine's in logs, findings and metrics: lower-case letters,
	// digits, "-" and "_".
	Name string
	Type Type
	// Addresses are where clamd listens: "host:port" or "unix:/path". Of
	// several the one with the fewest scans in flight is asked first.
	Addresses []string
	// URL is the ICAP service: "icap://host:port/service". Without a path it is
	// the profile's.
	URL string
	// Profile tells what an ICAP service means by its answers. Empty: generic.
	Profile string
	Feed    Feed
	// Deadline bounds the wait for a vote after the end of the message, and how
	// long the engine may hold a sender back. Zero means DefaultDeadline.
	Deadline time.Duration
	// MaxSize is the largest content the engine is given, in octets. Zero means
	// DefaultMaxSize.
	MaxSize int64
	// OnFailure says what follows when the engine has no vote and that matters.
	// Nil: what the recipient's policy says (policy.Level.Unscannable).
	OnFailure *policy.FailurePolicy

	// Engine is an engine of another kind. Type, Addresses, URL and Profile
	// then mean nothing.
	Engine Engine
}

// DefaultDeadline is 20 s after the end of the message: under the 30 s that
// modules have together, and enough for all but content made to stall a
// scanner.
const DefaultDeadline = 20 * time.Second

// DefaultMaxSize is 100 MiB, StreamMaxLength of the clamd.conf shipped.
const DefaultMaxSize = 100 << 20

// A Type is a kind of engine.
type Type uint8

const (
	TypeClamd Type = iota
	TypeICAP
)

// A Conviction says how many engines must agree.
type Conviction uint8

const (
	Any      Conviction = iota // one is enough
	Majority                   // more than half of those that answered
)

// A Feed says what an engine is given.
type Feed uint8

const (
	// FeedDefault is FeedNeeded for clamd, FeedLeaves for ICAP, and FeedBoth for
	// engines of another kind.
	FeedDefault Feed = iota
	// FeedRaw is the message as it came, and besides each part that mail
	// programs may decode differently than the engine does.
	FeedRaw
	// FeedLeaves is every part by itself, decoded, members of containers
	// included.
	FeedLeaves
	// FeedBoth is the message and every part.
	FeedBoth
	// FeedNeeded is the message, and besides each part that clamd is not known
	// to come to by itself from the message or from another part it is given
	// (needed.go). It finds what FeedBoth finds, and looks at most octets once.
	FeedNeeded
)

// raw tells whether the message itself is given.
func (f Feed) raw() bool { return f != FeedLeaves }

// Validate returns policy.Errors with every setting that cannot be used, or
// nil. Paths are as the fields nest, in lower case: "engines[0].address".
func (s *Settings) Validate() error {
	var all policy.Errors
	wrong := func(path, format string, args ...any) {
		all = append(all, &policy.Error{Path: path, Problem: fmt.Sprintf(format, args...)})
	}
	if s.Quorum < 0 || len(s.Engines) > 0 && s.Quorum > len(s.Engines) {
		wrong("quorum", "%d of %d engines cannot answer", s.Quorum, len(s.Engines))
	}
	if s.Memory < 0 {
		wrong("memory", "must not be negative")
	}
	names := map[string]bool{}
	for i := range s.Engines {
		e, path := &s.Engines[i], "engines["+strconv.Itoa(i)+"]"
		if names[e.Name] {
			wrong(path+".name", "another engine is called %q", e.Name)
		}
		names[e.Name] = true
		e.validate(func(key, format string, args ...any) { wrong(path+"."+key, format, args...) })
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

// maxEngineName bounds a label in metrics, in octets.
const maxEngineName = 32

func (e *EngineSettings) validate(wrong func(key, format string, args ...any)) {
	if e.Name == "" || len(e.Name) > maxEngineName ||
		strings.Trim(e.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		wrong("name", "want 1 to %d lower-case letters, digits, \"-\" and \"_\"", maxEngineName)
	}
	if e.Deadline < 0 {
		wrong("deadline", "must not be negative")
	}
	if e.MaxSize < 0 {
		wrong("max_size", "must not be negative")
	}
	switch {
	case e.Engine != nil:
	case e.Type == TypeICAP:
		e.validateICAP(wrong)
	case e.URL != "":
		wrong("url", "an engine of type clamd has an address, not a URL")
	case len(e.Addresses) == 0:
		wrong("address", "clamd needs an address: \"host:port\" or \"unix:/path\"")
	default:
		for _, a := range e.Addresses {
			if _, _, err := network(a); err != nil {
				wrong("address", "%v", err)
			}
		}
	}
}

func (e *EngineSettings) validateICAP(wrong func(key, format string, args ...any)) {
	if len(e.Addresses) > 0 {
		wrong("address", "an engine of type icap has a URL, not an address")
	}
	if _, ok := Profiles[e.profile()]; !ok {
		wrong("profile", "unknown profile %q", e.Profile)
	}
	u, err := url.Parse(e.URL)
	switch {
	case e.URL == "":
		wrong("url", "icap needs a URL: \"icap://host:port/service\"")
	case err != nil || u.Scheme != "icap" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(e.URL, " \r\n"):
		wrong("url", "want \"icap://host:port/service\"")
	case strings.Trim(u.Path, "/") == "" && Profiles[e.profile()].Path == "":
		wrong("url", "profile %s needs the path of the service: \"icap://host:port/service\"", e.profile())
	}
}

func (e *EngineSettings) profile() string {
	if e.Profile == "" {
		return "generic"
	}
	return e.Profile
}

// network splits an address into what package net calls network and address.
func network(address string) (string, string, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return "", "", fmt.Errorf("%q: the socket's path must be absolute", address)
		}
		return "unix", path, nil
	}
	host, port, err := net.SplitHostPort(address)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || host == "" || e != nil || n == 0 {
		return "", "", fmt.Errorf("want \"host:port\" or \"unix:/path\", got %q", address)
	}
	return "tcp", address, nil
}

// An engine is an Engine with its settings.
type engine struct {
	Engine
	name      string
	feed      Feed
	deadline  time.Duration
	maxSize   int64
	onFailure *policy.FailurePolicy // nil: as the recipient's policy says
	counts    engineCounts
	votes     remembered
}

// newEngine makes the engine that s describes. s is good.
func newEngine(s *EngineSettings) *engine {
	e := &engine{
		Engine: s.Engine, name: s.Name, feed: s.Feed,
		deadline: s.Deadline, maxSize: s.MaxSize, onFailure: s.OnFailure,
		counts: newEngineCounts(s.Name, s.OnFailure),
	}
	if e.deadline == 0 {
		e.deadline = DefaultDeadline
	}
	if e.maxSize == 0 {
		e.maxSize = DefaultMaxSize
	}
	if e.feed == FeedDefault {
		switch {
		case s.Engine != nil:
			e.feed = FeedBoth
		case s.Type == TypeICAP:
			e.feed = FeedLeaves
		default:
			e.feed = FeedNeeded
		}
	}
	switch {
	case s.Engine != nil:
	case s.Type == TypeICAP:
		e.Engine = newICAP(s)
	default:
		e.Engine = newClamd(s)
	}
	return e
}
