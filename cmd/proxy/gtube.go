package main

import (
	"fmt"
)

// gtube returns the string every spam filter must find. It is put together
// here so that no file of ours trips a scanner.
func gtube() string {
	return "XJS*C4JDBQADN1" + ".NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI" + "-UBE-TEST-EMAIL*C.34X"
}

type gtubeCommand struct{}

func (gtubeCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.stdout, gtube())
	return err
}
