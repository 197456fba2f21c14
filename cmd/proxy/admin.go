package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// An adminServer is the HTTP side for machines: probes, metrics, reload.
type adminServer struct {
	http    *http.Server
	running sync.WaitGroup
	once    sync.Once
}

const (
	// adminHeaderWait and adminReadWait bound clients that send slowly.
	adminHeaderWait = 5 * time.Second
	adminReadWait   = 10 * time.Second
	// adminWriteWait is for a page of metrics and for a reload.
	adminWriteWait = 30 * time.Second
	adminIdle      = 60 * time.Second
	// adminHeader is 16 KiB: probes and scrapers send a few lines.
	adminHeader = 16 << 10
	// adminStop bounds the wait for a scrape in progress at a stop.
	adminStop = time.Second
)

func (p *program) startAdmin() *adminServer {
	a := &adminServer{http: &http.Server{
		Handler:           p.adminHandler(),
		ReadHeaderTimeout: adminHeaderWait,
		ReadTimeout:       adminReadWait,
		WriteTimeout:      adminWriteWait,
		IdleTimeout:       adminIdle,
		MaxHeaderBytes:    adminHeader,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}}
	for _, s := range p.sockets {
		if s.Name == adminSocket {
			a.running.Go(func() { _ = a.http.Serve(s.watchedListener) })
		}
	}
	return a
}

// stop ends the admin server; it may be called twice.
func (a *adminServer) stop() {
	a.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), adminStop)
		defer cancel()
		if a.http.Shutdown(ctx) != nil {
			a.http.Close()
		}
		a.running.Wait()
	})
}

func (p *program) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", p.serveLive)
	mux.HandleFunc("GET /readyz", p.serveReady)
	mux.HandleFunc("GET /metrics", p.serveMetrics)
	// A page in the operator's browser must not be able to cause a reload.
	mux.Handle("POST /-/reload", http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.serveReload)))
	return mux
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}

func (p *program) serveLive(w http.ResponseWriter, _ *http.Request) {
	if !p.alive() {
		answer(w, http.StatusServiceUnavailable, "an accept loop does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func (p *program) serveReady(w http.ResponseWriter, _ *http.Request) {
	if why := p.unready.Load(); why != nil {
		answer(w, http.StatusServiceUnavailable, *why)
		return
	}
	answer(w, http.StatusOK, "ready")
}

func (p *program) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	metrics.WritePrometheus(w, true)
	p.writeGauges(w)
}

func (p *program) serveReload(w http.ResponseWriter, r *http.Request) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		answer(w, http.StatusForbidden, "reload is for this host only")
		return
	}
	hash, err := p.reload()
	if err != nil {
		answer(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusOK, hash)
}

// writeGauges writes what belongs to this program and not to the process:
// its state now.
func (p *program) writeGauges(w io.Writer) {
	s := p.state.Load()
	metrics.WriteGaugeUint64(w, "sluice_sessions_active", uint64(p.server.Sessions()))
	metrics.WriteGaugeUint64(w, "sluice_unpack_memory_bytes_in_use", uint64(p.unpacking.Held()))
	metrics.WriteGaugeUint64(w, "sluice_sessions_max", uint64(s.conf.Limits.Sessions))
	ok := uint64(0)
	if p.reloadOK.Load() {
		ok = 1
	}
	metrics.WriteGaugeUint64(w, "sluice_config_last_reload_success", ok)
	metrics.WriteGaugeUint64(w, fmt.Sprintf("sluice_config_info{hash=%q}", s.conf.hash), 1)
	metrics.WriteGaugeUint64(w, fmt.Sprintf("sluice_build_info{version=%q}", build().Version), 1)
	for i, certs := range s.conf.certs {
		for j, c := range certs {
			name := s.conf.Listeners[i].Name
			if j > 0 {
				name = fmt.Sprintf("%s/%d", name, j)
			}
			metrics.WriteGaugeFloat64(w, fmt.Sprintf("sluice_tls_cert_expiry_timestamp_seconds{name=%q}", name),
				float64(c.Leaf.NotAfter.Unix()))
		}
	}
}

var _ net.Listener = (*watchedListener)(nil)
