package daemon

import (
	"context"
	"log/slog"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells systemd, or whoever listens on NOTIFY_SOCKET, how the process
// is (sd_notify(3)). Where nobody listens it does nothing; trouble is logged
// and never stops the process.
type Notify struct {
	Log *slog.Logger
}

// Ready says that the process serves, or that a reload is over.
func (n Notify) Ready(status string) {
	n.send(systemd.SdNotifyReady + "\n" + statusLine(status))
}

// Reloading says that a reload has begun. Type=notify-reload wants the time of
// it; Ready ends it.
func (n Notify) Reloading() {
	n.send(systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec() + statusLine("reloading"))
}

// Stopping says that the drain has begun.
func (n Notify) Stopping() {
	n.send(systemd.SdNotifyStopping + "\n" + statusLine("draining"))
}

// Status sets the line that systemctl status shows.
func (n Notify) Status(status string) {
	n.send(statusLine(status))
}

// Readiness keeps the status line true until ctx ends: ready is asked each time
// that every has passed, and why it is not is shown until it is.
func (n Notify) Readiness(ctx context.Context, every time.Duration, ready func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for shown := false; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		switch err := ready(ctx); {
		case err != nil:
			n.Status("not ready: " + err.Error())
			shown = true
		case shown:
			n.Status("serving")
			shown = false
		}
	}
}

// Watchdog reports every half of WATCHDOG_USEC that the process is alive, as
// long as alive returns nil, until ctx ends. Without WATCHDOG_USEC it returns
// at once.
func (n Notify) Watchdog(ctx context.Context, alive func() error) {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		n.Log.Warn("watchdog is off", "error", err)
		return
	}
	if interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		if err := alive(); err != nil {
			n.Log.Error("not alive: the watchdog is not fed", "error", err)
		} else {
			n.send(systemd.SdNotifyWatchdog)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n Notify) send(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		n.Log.Warn("cannot notify the service manager", "error", err)
	}
}

// statusLine keeps a text from becoming a second assignment.
func statusLine(status string) string {
	return "STATUS=" + strings.Join(strings.Fields(status), " ") + "\n"
}
