package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// An adminFlags finds the running process.
type adminFlags struct {
	Admin  string `help:"Admin address of the running process. Without it: what the file says, else the environment, else 127.0.0.1:8025." placeholder:"HOST:PORT"`
	Config string `help:"Configuration file that names the admin address." placeholder:"FILE"`
}

// adminWait bounds a request to the admin address: a reload reads files and
// certificates, which takes less than this even on a busy disk.
const adminWait = 15 * time.Second

var errNoAdmin = errors.New("the configuration has no admin address")

// address takes the flag, else the file's, else the environment's, else the default.
func (f adminFlags) address(a *app) (string, error) {
	if f.Admin != "" {
		return f.Admin, nil
	}
	// Other settings may be wrong: the process runs with older ones.
	src := source{file: f.Config, stdin: a.stdin, environ: a.environ}
	if f.Config == "" {
		src.file, src.stdin = "-", strings.NewReader("")
	}
	l, _ := src.load()
	if l.Admin.Address == "" {
		return "", errNoAdmin
	}
	host, port, err := net.SplitHostPort(string(l.Admin.Address))
	if err != nil {
		return "", err
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}

// ask makes one request to the admin address and returns the answer's body.
func (f adminFlags) ask(a *app, method, path string) (status int, body string, err error) {
	address, err := f.address(a)
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(a.ctx, adminWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	if err != nil {
		return 0, "", err
	}
	// No proxy from the environment: the answer must come from the process itself.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, strings.TrimSpace(string(text)), err
}

type healthcheckCommand struct{ adminFlags }

func (c *healthcheckCommand) Run(a *app) error {
	status, body, err := c.ask(a, http.MethodGet, "/readyz")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("not ready: %s", body)
	}
	_, err = fmt.Fprintln(a.stdout, body)
	return err
}

type reloadCommand struct{ adminFlags }

func (c *reloadCommand) Run(a *app) error {
	status, body, err := c.ask(a, http.MethodPost, "/-/reload")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the old configuration stays:\n%s", body)
	}
	_, err = fmt.Fprintln(a.stdout, body)
	return err
}
