package spf

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/foxcpp/go-mockdns"
	"go.uber.org/goleak"

	"postern/policyd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zones is the DNS of most tests.
func zones() map[string]mockdns.Zone {
	txt := func(record string) mockdns.Zone { return mockdns.Zone{TXT: []string{record}} }
	many := "v=spf1"
	for range 11 {
		many += " include:pass.example"
	}
	return map[string]mockdns.Zone{
		"pass.example.":                        {TXT: []string{"some other text", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"}},
		"soft.example.":                        txt("v=spf1 ~all"),
		"neutral.example.":                     txt("v=spf1 ?all"),
		"open.example.":                        txt("v=spf1"),
		"silent.example.":                      {A: []string{"192.0.2.1"}},
		"included.example.":                    txt("v=spf1 include:pass.example ~all"),
		"redirect.example.":                    txt("v=spf1 redirect=pass.example"),
		"mx.example.":                          {TXT: []string{"v=spf1 mx -all"}, MX: []net.MX{{Host: "host.mx.example.", Pref: 10}}},
		"host.mx.example.":                     {A: []string{"192.0.2.1"}, AAAA: []string{"2001:db8::1"}, TXT: []string{"v=spf1 a -all"}},
		"local.example.":                       txt("v=spf1 exists:%{l}._spf.%{d} -all"),
		"helo.example.":                        txt("v=spf1 exists:%{h}.by.helo.example -all"),
		"twice.example.":                       {TXT: []string{"v=spf1 -all", "v=spf1 +all"}},
		"broken.example.":                      txt("v=spf1 nonsense -all"),
		"many.example.":                        txt(many),
		"loop.example.":                        txt("v=spf1 include:loop.example -all"),
		"voids.example.":                       txt("v=spf1 a:no1.example a:no2.example a:no3.example -all"),
		"nowhere.example.":                     txt("v=spf1 include:missing.example -all"),
		"servfail.example.":                    {Err: &net.DNSError{Err: "server misbehaving", Server: "10.9.8.7:53", IsTemporary: true}},
		"refused.example.":                     {Err: &net.DNSError{Err: "server misbehaving", Server: "10.9.8.7:53"}},
		"odd.example.":                         {Err: context.DeadlineExceeded},
		"viafail.example.":                     txt("v=spf1 include:servfail.example -all"),
		"xn--bcher-kva.example.":               txt("v=spf1 ip4:192.0.2.1 -all"),
		"alice._spf.local.example.":            {A: []string{"127.0.0.2"}},
		"mail.sender.example.by.helo.example.": {A: []string{"127.0.0.2"}},
		"exp.example.":                         txt("v=spf1 -all exp=why.example"),
		"why.example.":                         txt("visit http://evil.example now"),
	}
}

// counting is a resolver that counts the TXT lookups, which are one for each
// evaluation of a plain record.
type counting struct {
	mockdns.Resolver
	asked atomic.Int64
}

func (c *counting) LookupTXT(ctx context.Context, name string) ([]string, error) {
	c.asked.Add(1)
	return c.Resolver.LookupTXT(ctx, name)
}

// check is the check over zones.
func check(t testing.TB, change func(*Options)) (*Check, *counting) {
	t.Helper()
	dns := &counting{Resolver: mockdns.Resolver{Zones: zones()}}
	o := Options{Resolver: dns, Host: "mx.example.org"}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, dns
}

// everything prepends or lets pass, so that any result can be seen.
func everything(act Act) map[Result]Act {
	all := map[Result]Act{}
	for _, result := range Results() {
		all[result] = act
	}
	return all
}

// rcpt is a request at RCPT.
func rcpt(client, helo, sender string) *policyd.Request {
	q := &policyd.Request{
		State: "RCPT", ClientAddress: client, Helo: helo, Sender: sender,
		Recipient: "bob@example.org", Instance: "1a2b.650d1c00.5f3c1.0",
	}
	q.Client, _ = netip.ParseAddr(client)
	return q
}
