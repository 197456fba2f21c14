package main

import (
	"fmt"

	"sluice/filter/literal"
)

// gtubeCommand prints the string that makes every filter refuse a message.
type gtubeCommand struct{}

func (gtubeCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.stdout, literal.GTUBE())
	return err
}
