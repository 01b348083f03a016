//go:build integration

package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// resolvers are the files that tell programs where DNS is: those in Postfix's
// chroot, too, where Debian's start scripts copy it.
func resolvers() []string { return []string{"/etc/resolv.conf", "/var/spool/postfix/etc/resolv.conf"} }

// nameserver is the DNS of the machine and of the world.
type nameserver struct {
	mu      sync.RWMutex
	records map[string][]dns.RR // by name, lower case, with the last dot
}

// startDNS answers at 127.0.0.1:53 from a zone file, and makes everybody ask there.
func startDNS(zone string) (*nameserver, error) {
	n := &nameserver{records: map[string][]dns.RR{}}
	text, err := os.ReadFile(zone)
	if err != nil {
		return nil, err
	}
	if err := n.publish(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", zone, err)
	}
	for _, network := range []string{"udp", "tcp"} {
		started := make(chan error, 1)
		server := &dns.Server{Addr: "127.0.0.1:53", Net: network, Handler: n, NotifyStartedFunc: func() { started <- nil }}
		go func() { started <- server.ListenAndServe() }()
		if err := <-started; err != nil {
			return nil, fmt.Errorf("dns: %w", err)
		}
	}
	for _, path := range resolvers() {
		os.Remove(path) // it may be a link
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// publish takes the records of a zone file (RFC 1035, section 5), such as `postern
// dkim sync` prints, in the place of those with the same name and type: keys
// that were made anew have one record.
func (n *nameserver) publish(zone string) error {
	parser := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	parser.SetDefaultTTL(300)
	fresh := map[string][]dns.RR{}
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		name := strings.ToLower(rr.Header().Name)
		fresh[name] = append(fresh[name], rr)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, records := range fresh {
		for _, old := range n.records[name] {
			if !slices.ContainsFunc(records, func(rr dns.RR) bool { return rr.Header().Rrtype == old.Header().Rrtype }) {
				records = append(records, old)
			}
		}
		n.records[name] = records
	}
	return parser.Err()
}

// ServeDNS answers what is published; a name without the type is empty, and
// any other does not exist.
func (n *nameserver) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	reply := new(dns.Msg).SetReply(question)
	reply.RecursionAvailable = true
	asked := question.Question[0]
	n.mu.RLock()
	records := n.records[strings.ToLower(asked.Name)]
	n.mu.RUnlock()
	for _, rr := range records {
		if rr.Header().Rrtype == asked.Qtype {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	if records == nil {
		reply.Rcode = dns.RcodeNameError
	}
	reply.Truncate(dns.MaxMsgSize)
	w.WriteMsg(reply) // an asker that is gone asks again
}

// resolver asks our DNS, whatever /etc/nsswitch.conf says.
func resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:53")
	}}
}
