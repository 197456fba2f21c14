package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// nginxModule is where Debian's libnginx-mod-mail puts the mail proxy.
const nginxModule = "/usr/lib/nginx/modules/ngx_mail_module.so"

// nginxShare: its mail proxy stalls on small writes (delayed acknowledgements)
// and moves few middle-sized messages a second.
func nginxShare(size int) int {
	if size > 10e3 {
		return 4
	}
	return 1
}

func missingNginx() string {
	if why := missingProgram("nginx")(); why != "" {
		return why
	}
	if _, err := os.Stat(nginxModule); err != nil {
		return "libnginx-mod-mail is not installed"
	}
	return ""
}

func nginxVersion() string { return versionIn(firstLine("nginx", "-v")) }

// nginxConfig: %[1]s module, %[2]s folder, %[3]s auth_http, %[4]s listen.
const nginxConfig = `load_module %[1]s;
daemon off;
worker_processes auto;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log warn;
events { worker_connections 4096; }
mail {
  server_name mx.test;
  auth_http %[3]s;
  xclient off;
  proxy_pass_error_message on;
  smtp_capabilities PIPELINING 8BITMIME "SIZE 52428800";
  server {
    listen %[4]s backlog=1024;
    protocol smtp;
    smtp_auth none;
  }
}
`

func startNginx(ctx context.Context, e *env, to string) (*running, error) {
	dir, err := e.folder("nginx")
	if err != nil {
		return nil, err
	}
	auth, err := serveNginxAuth(ctx, to)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, nginxModule, dir, auth, address), 0o644); err != nil {
		return nil, err
	}
	p, err := e.start(dir, "nginx", "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
	if err != nil {
		return nil, err
	}
	return &running{process: p, address: address}, p.waitAccepting(ctx, address)
}

// serveNginxAuth answers nginx's question where each session goes, until ctx
// ends. nginx asks once a session; the answer costs the harness, not nginx.
func serveNginxAuth(ctx context.Context, to string) (url string, err error) {
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Auth-Status", "OK")
		w.Header().Set("Auth-Server", host)
		w.Header().Set("Auth-Port", port)
	})
	go server.Serve(l) //nolint:errcheck // ends with ctx
	context.AfterFunc(ctx, func() { server.Close() })
	return "http://" + l.Addr().String() + "/", nil
}
