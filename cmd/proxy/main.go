// Command proxy is Sluice's one binary. It is wiring only: main.go reads the
// command line, config*.go the configuration, run.go joins the packages, and
// the rest is a file a subject: sockets, signals, admin, log lines.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes that operators' scripts use.
const (
	exitDone     = 0
	exitFailed   = 1
	exitWarnings = 2 // check-config --strict
	exitUsage    = 64
)

// An exitCode ends the program without a further word.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// commands is the command line.
type commands struct {
	Run         runCommand         `cmd:"" help:"Serve."`
	Demo        demoCommand        `cmd:"" help:"Show what Sluice does, with servers in memory and no file."`
	Scan        scanCommand        `cmd:"" help:"Judge messages in files as they would be judged on their way."`
	CheckConfig checkConfigCommand `cmd:"" help:"Report everything that is wrong with a configuration."`
	Config      struct {
		Dump      dumpCommand      `cmd:"" help:"Print the configuration, secrets redacted."`
		Reference referenceCommand `cmd:"" help:"Print the reference of all settings as markdown."`
	} `cmd:"" help:"Look at the configuration."`
	Reload      reloadCommand      `cmd:"" help:"Make the running process read its configuration again."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the running process whether it is ready."`
	Metrics     metricsCommand     `cmd:"" help:"Print the reference of all metrics as markdown."`
	Rules       rulesCommand       `cmd:"" help:"Print the reference of all rules as markdown."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
	Gtube       gtubeCommand       `cmd:"" help:"Print the string that every spam filter must find."`
}

// An app is what a command may use of the process around it.
type app struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
}

// run is main with its world as parameters. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var line commands
	left := -1
	parser, err := kong.New(&line,
		kong.Name("proxy"),
		kong.Description("Sluice: a stateless, zero-disk SMTP filtering proxy."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { left = code }))
	if err != nil {
		panic(err) // the table above contradicts itself
	}
	command, err := parser.Parse(args)
	if left >= 0 {
		return left // --help has been answered
	}
	if err != nil {
		fmt.Fprintf(stderr, "proxy: %v\n\"proxy --help\" lists the commands, \"proxy COMMAND --help\" what one takes.\n", err)
		return exitUsage
	}
	err = command.Run(&app{ctx, stdin, stdout, stderr, os.Environ()})
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintf(stderr, "proxy: %v\n", err)
		return exitFailed
	}
	return exitDone
}
