package policyd

import (
	"net/netip"
	"testing"
)

func TestScope(t *testing.T) {
	networks := func(list ...string) Networks {
		n, err := ParseNetworks(list)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	outside := Request{Listener: "inet:127.0.0.1:10040", State: "RCPT", Context: "gate", Client: netip.MustParseAddr("192.0.2.7")}
	alice := Request{State: "DATA", Login: "Alice@example.org", Client: netip.MustParseAddr("2001:db8::7")}
	nowhere := Request{State: "RCPT"}
	for _, c := range []struct {
		name  string
		scope Scope
		want  [3]bool // outside, alice, nowhere
	}{
		{"empty", Scope{}, [3]bool{true, true, true}},
		{"listener", Scope{Listeners: []string{"inet:127.0.0.1:10040"}}, [3]bool{true, false, false}},
		{"state", Scope{States: []string{"RCPT"}}, [3]bool{true, false, true}},
		{"context", Scope{Contexts: []string{"gate", "rcpt"}}, [3]bool{true, false, false}},
		{"network", Scope{Clients: networks("192.0.2.0/24")}, [3]bool{true, false, false}},
		{"not network", Scope{Clients: networks("!192.0.2.0/24")}, [3]bool{false, true, true}},
		{"hole", Scope{Clients: networks("192.0.2.0/24", "!192.0.2.7")}, [3]bool{false, false, false}},
		{"hole first", Scope{Clients: networks("!192.0.2.8", "192.0.2.0/24")}, [3]bool{true, false, false}},
		{"mapped", Scope{Clients: networks("::ffff:192.0.2.0/120")}, [3]bool{true, false, false}},
		{"all of IPv4, mapped", Scope{Clients: networks("::ffff:0.0.0.0/96")}, [3]bool{true, false, false}},
		{"brackets", Scope{Clients: networks("[2001:db8::]/32")}, [3]bool{false, true, false}},
		{"host bits", Scope{Clients: networks("192.0.2.99/24")}, [3]bool{true, false, false}},
		{"inbound", Scope{Logins: Logins{"inbound"}}, [3]bool{true, false, true}},
		{"submission", Scope{Logins: Logins{"submission"}}, [3]bool{false, true, false}},
		{"login", Scope{Logins: Logins{"alice@EXAMPLE.org"}}, [3]bool{false, true, false}},
		{"login domain", Scope{Logins: Logins{"@example.org"}}, [3]bool{false, true, false}},
		{"other domain", Scope{Logins: Logins{"@ample.org"}}, [3]bool{false, false, false}},
		{"not login", Scope{Logins: Logins{"!alice@example.org"}}, [3]bool{true, false, true}},
		{"all logins but one", Scope{Logins: Logins{"submission", "!alice@example.org"}}, [3]bool{false, false, false}},
		{"both", Scope{States: []string{"RCPT"}, Clients: networks("192.0.2.7")}, [3]bool{true, false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := [3]bool{c.scope.Covers(&outside), c.scope.Covers(&alice), c.scope.Covers(&nowhere)}
			if got != c.want {
				t.Errorf("covers %v, want %v", got, c.want)
			}
		})
	}
}

func TestParseNetworks(t *testing.T) {
	for _, bad := range []string{"", "example.org", "192.0.2.0/33", "192.0.2", "fe80::1%eth0", "!!192.0.2.1", "192.0.2.1-192.0.2.9"} {
		if _, err := ParseNetworks([]string{bad}); err == nil {
			t.Errorf("%q was taken for a network", bad)
		}
	}
}

func mustAddr(t *testing.T, s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
