package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"postern/internal/config"
	"postern/internal/statuspage"
)

// statusPage is what the metrics listener at that place has at its root.
func (s *service) statusPage(at string) http.Handler {
	return statuspage.Page{
		Snapshot: s.status.Snapshot,
		Names:    func() []string { return s.ownNames(at) },
		Ask: statuspage.NewAsk(statuspage.Ask{
			On:     func() bool { return s.current.Load().config.Metrics.Ask },
			Maps:   func() []string { return slices.Sorted(maps.Keys(s.current.Load().set)) },
			Lookup: s.askLookup,
			Policy: s.askPolicy,
		}),
	}.Handler()
}

// ownNames are those that a browser may know this host by.
func (s *service) ownNames(at string) []string {
	names := []string{s.current.Load().config.Postfix.MyHostname}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if host, _, err := net.SplitHostPort(strings.TrimPrefix(at, "inet:")); err == nil {
		names = append(names, host)
	}
	return names
}

// askLookup is `postern query --explain` for the page.
func (s *service) askLookup(ctx context.Context, name, key string) (string, error) {
	a := s.current.Load()
	m, known := a.set[name]
	if !known {
		return "", unknownMap(name, a.set)
	}
	var out strings.Builder
	explain(ctx, name, m, key).print(&out)
	return out.String(), nil
}

// askPolicy is `postern policy --explain` for the page.
func (s *service) askPolicy(ctx context.Context, request string) (string, error) {
	p := s.current.Load().policy
	if p == nil {
		return "", errNoPolicy
	}
	q, err := policyRequest(nil, strings.NewReader(request))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = p.explain(ctx, q).conclude(&out, true, "asked this daemon")
	if err != nil && err.Error() != "" { // a refusal says nothing
		fmt.Fprintln(&out, err)
	}
	return out.String(), nil
}

// warnAsk says who else can read what the form answers.
func (s *service) warnAsk(m config.Metrics, at net.Addr) {
	if tcp, ok := at.(*net.TCPAddr); ok && m.Ask && m.WebConfig == "" && !tcp.IP.IsLoopback() {
		s.log.Warn("whoever reaches the metrics listener can ask it where aliases lead: let it listen on 127.0.0.1, set metrics.web_config with TLS and passwords, or metrics.ask to false", "listener", m.Listen.At)
	}
}
