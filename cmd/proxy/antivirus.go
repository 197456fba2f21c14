package main

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"sluice/filter"
	"sluice/filter/antivirus"
	"sluice/policy"
)

// scanShare is the share of limits.memory that content held for antivirus
// engines may take: a quarter. What is in windows is held there once more.
const scanShare = 4

// settings turns the configuration into what package antivirus works with.
// Words were checked when read.
func (l *loaded) antivirusSettings() antivirus.Settings {
	s := antivirus.Settings{
		Convict: map[string]antivirus.Conviction{"majority": antivirus.Majority}[l.Antivirus.Convict],
		Quorum:  l.Antivirus.Quorum,
		Memory:  int64(l.Limits.Memory) / scanShare,
	}
	for i := range l.Antivirus.Engines {
		s.Engines = append(s.Engines, l.Antivirus.Engines[i].settings())
	}
	return s
}

func (e *engineConfig) settings() antivirus.EngineSettings {
	s := antivirus.EngineSettings{
		Name: e.Name, Addresses: e.Address, URL: e.URL,
		Deadline: time.Duration(e.Deadline), MaxSize: int64(e.MaxSize),
		Feed: map[string]antivirus.Feed{
			"raw": antivirus.FeedRaw, "leaves": antivirus.FeedLeaves, "both": antivirus.FeedBoth, "needed": antivirus.FeedNeeded,
		}[e.Feed],
	}
	if e.Type == "icap" {
		s.Type, s.Profile = antivirus.TypeICAP, e.Profile
	}
	if e.OnFailure != "" {
		var p policy.FailurePolicy
		if p.UnmarshalText([]byte(e.OnFailure)) == nil {
			s.OnFailure = &p
		}
	}
	return s
}

func (l *loaded) checkAntivirus() {
	s := l.antivirusSettings()
	var all policy.Errors
	if errors.As(s.Validate(), &all) {
		for _, e := range all {
			if path := "antivirus." + e.Path; !l.faulty[path] && !l.complained(l.at(path)) {
				l.errorf(path, "%q: %s", lastKey(path), e.Problem)
			}
		}
	}
	for i, e := range l.Antivirus.Engines {
		path := fmt.Sprintf("antivirus.engines[%d]", i)
		scan := time.Duration(l.Timeouts.Scan)
		if time.Duration(e.Deadline)+antivirus.Margin > scan && !l.complained(l.at("timeouts.scan")) {
			l.errorf(path+".deadline", `"deadline": %s, and %s to count votes, are more than timeouts.scan, %s`,
				e.Deadline, antivirus.Margin, l.Timeouts.Scan)
		}
		if e.MaxSize < l.Limits.MaxMessage {
			l.warnf(path+".max_size", "messages above %s cannot be scanned; limits.max_message is %s", e.MaxSize, l.Limits.MaxMessage)
		}
		if !e.InMemory {
			l.warnf(path, "engine %q may write what it scans to its disk; see docs/operate/antivirus.md, then set in_memory", e.Name)
		}
	}
}

// engines makes the antivirus module, or nil without engines. One that is at
// work with the same settings goes on: it knows how its engines fare.
func (l *loaded) engines(old *state) (*antivirus.Module, error) {
	if len(l.Antivirus.Engines) == 0 {
		return nil, nil
	}
	s := l.antivirusSettings()
	if old != nil && reflect.DeepEqual(s, old.conf.antivirusSettings()) {
		return old.engines, nil
	}
	return antivirus.New(s)
}

// antivirusEntry is the module's place in the chain; none without engines.
func antivirusEntry(m *antivirus.Module) []filter.Entry {
	if m == nil {
		return nil
	}
	return []filter.Entry{{Module: m, Deadline: m.Deadline(), OnFailure: m.OnFailure()}}
}

// succeed has new engines work instead of old ones, which then only serve the
// transactions that began with them. Either may be nil.
func succeed(old, next *antivirus.Module) {
	if old == next {
		return
	}
	if next != nil {
		next.Start()
	}
	if old != nil {
		old.Close()
	}
}
