package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notify tells systemd what goes on (sd_notify). Without systemd it does
// nothing; a lost notification is no reason to stop serving mail.
func notify(state string) {
	_, _ = daemon.SdNotify(false, state)
}

// notifyReloading begins a reload; READY=1 ends it. systemd wants the
// monotonic clock to tell this reload from an earlier one.
func notifyReloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// watchdog tells systemd at half its interval that the accept loops live. It
// returns when ctx ends, or at once if systemd did not ask.
func watchdog(ctx context.Context, alive func() bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if alive() {
				notify(daemon.SdNotifyWatchdog)
			}
		}
	}
}
