package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A command is one measurement or tool of the harness.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"sidebyside", "messages a second and CPU a message, beside other proxies", sideBySide},
		{"latency", "added latency at a fixed arrival rate, on kept connections", latency},
		{"tls", "TLS on both legs, beside HAProxy", tlsBoth},
		{"memory", "memory of a waiting session, and of one message of 1 GiB", memory},
		{"corpus", "CPU a message over a folder of messages, beside rspamd", corpusCommand},
		{"shapes", "peak memory while the worst messages pass, one and many", shapesCommand},
		{"antivirus", "what clamd adds to the reply, beside clamd alone", antivirusCommand},
		{"allocs", "allocations a message, from the running binary's own metric", allocs},
		{"ledger", "kill, fail, restart and hand over under load; then audit the books", ledger},
		{"check", "audit books written by load and sink", checkCommand},
		{"load", "the generator alone", loadCommand},
		{"sink", "the sink alone, failing on purpose if asked", sinkCommand},
		{"peers", "what can run here; --install gets what is missing", peersCommand},
	}
}

func main() {
	// SIGINT and SIGTERM cancel the context, so that every peer is ended.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// dispatch runs the command that args name. flag.ErrHelp means that usage was
// printed.
func dispatch(ctx context.Context, args []string, usage io.Writer) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:])
			}
		}
	}
	fmt.Fprintf(usage, "usage: go run ./bench COMMAND [flags]   (COMMAND --help lists the flags)\n\n")
	for _, c := range commands() {
		fmt.Fprintf(usage, "  %-11s %s\n", c.name, c.summary)
	}
	if len(args) > 0 && args[0] != "help" && args[0] != "--help" && args[0] != "-h" {
		return fmt.Errorf("unknown command %q", args[0])
	}
	return flag.ErrHelp
}
