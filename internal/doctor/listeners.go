package doctor

import (
	"net"
	"slices"
	"strings"

	"postern/internal/config"
	"postern/internal/postconf"
)

// listensAt reports whether one of postern's listeners is what a service of
// Postfix connects to.
func (s seat) listensAt(e postconf.Endpoint, listeners []config.Listener) bool {
	return slices.ContainsFunc(listeners, func(l config.Listener) bool {
		if path, unix := strings.CutPrefix(l.At, "unix:"); unix {
			return e.Unix && s.view.SocketPath(e) == path
		}
		hostPort, inet := strings.CutPrefix(l.At, "inet:")
		host, port, err := net.SplitHostPort(hostPort)
		return inet && !e.Unix && err == nil && port == e.Port && sameHost(host, e.Host)
	})
}

// sameHost reports whether a client that connects to b meets a listener at a.
func sameHost(a, b string) bool {
	loop := func(s string) bool { return s == "" || s == "localhost" || s == "127.0.0.1" || s == "::1" }
	return a == b || a == "0.0.0.0" || a == "::" || loop(a) && loop(b)
}

// isPolicyd reports postern's policy listener.
func (h *Host) isPolicyd(s seat, e postconf.Endpoint) bool {
	return h.Config != nil && h.Config.Policyd != nil && s.listensAt(e, h.Config.Policyd.Listen)
}

// isSocketmap reports postern's socketmap listener.
func (h *Host) isSocketmap(s seat, e postconf.Endpoint) bool {
	return h.Config != nil && s.listensAt(e, h.Config.Socketmap.Listen)
}

// isSRSD reports the socketmap listener of srsd, with the maps forward and reverse.
func (h *Host) isSRSD(s seat, e postconf.Endpoint) bool {
	return h.Config != nil && h.Config.SRSD != nil && s.listensAt(e, []config.Listener{h.Config.SRSD.Socketmap})
}

// isGuard reports postern's From guard.
func (h *Host) isGuard(s seat, milter string) bool {
	return h.Config != nil && h.Config.Policyd != nil && h.Config.Policyd.FromGuard != nil &&
		s.listensAt(postconf.ParseEndpoint(milter), []config.Listener{h.Config.Policyd.FromGuard.Listen})
}

// isSRSMilter reports postern's SRS milter.
func (h *Host) isSRSMilter(s seat, milter string) bool {
	return h.Config != nil && h.Config.SRSD != nil && s.listensAt(postconf.ParseEndpoint(milter), []config.Listener{h.Config.SRSD.Milter})
}
