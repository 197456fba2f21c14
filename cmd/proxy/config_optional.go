package main

import (
	"fmt"
	"strconv"
)

// The scalars in this file know whether they were set: a level that says
// nothing leaves what the level before it says.

// points is a score.
type points struct {
	value float64
	given bool
}

func (p *points) set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("want a number, got %q", text)
	}
	*p = points{v, true}
	return nil
}

func (*points) kind() string { return "number" }

func (p points) String() string {
	if !p.given {
		return ""
	}
	return strconv.FormatFloat(p.value, 'f', -1, 64)
}

// pointer returns nil if p was not set.
func (p points) pointer() *float64 {
	if !p.given {
		return nil
	}
	return &p.value
}

// A toggle is true or false.
type toggle struct{ on, given bool }

func (b *toggle) set(text string) error {
	switch text {
	case "true", "on":
		*b = toggle{true, true}
	case "false", "off":
		*b = toggle{false, true}
	default:
		return fmt.Errorf("want true or false, got %q", text)
	}
	return nil
}

func (*toggle) kind() string { return "true, false" }

func (b toggle) String() string {
	if !b.given {
		return ""
	}
	return strconv.FormatBool(b.on)
}

// pointer returns nil if b was not set.
func (b toggle) pointer() *bool {
	if !b.given {
		return nil
	}
	return &b.on
}

// words is text that may be empty.
type words struct {
	text  string
	given bool
}

func (w *words) set(text string) error { *w = words{text, true}; return nil }
func (*words) kind() string            { return "text" }
func (w words) String() string         { return w.text }
