package bans

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/foxcpp/go-mockdns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/policyd"
)

// fakeDNS answers from two maps; a name that is missing is not found.
type fakeDNS struct {
	mu        sync.Mutex
	mx        map[string]string // hosts divided by blanks
	addresses map[string]string
	err       map[string]error
	takes     time.Duration
	asked     []string
	panics    bool
}

func (d *fakeDNS) wait(ctx context.Context, question, name string) error {
	if !strings.HasSuffix(name, ".") {
		return fmt.Errorf("search domains would be tried for %q", name)
	}
	d.mu.Lock()
	d.asked = append(d.asked, question+" "+name)
	takes, err := d.takes, d.err[name]
	d.mu.Unlock()
	if d.panics {
		panic("resolver")
	}
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return &net.DNSError{Err: "i/o timeout", Name: name, IsTimeout: true}
		}
	}
	return err
}

func (d *fakeDNS) LookupMX(ctx context.Context, name string) (records []*net.MX, err error) {
	if err := d.wait(ctx, "mx", name); err != nil {
		return nil, err
	}
	hosts, found := d.mx[name]
	if !found {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	for i, h := range strings.Fields(hosts) {
		records = append(records, &net.MX{Host: h, Pref: uint16(100 - i)})
	}
	return records, nil
}

func (d *fakeDNS) LookupNetIP(ctx context.Context, _, name string) (found []netip.Addr, err error) {
	if err := d.wait(ctx, "ip", name); err != nil {
		return nil, err
	}
	for _, a := range strings.Fields(d.addresses[name]) {
		found = append(found, netip.MustParseAddr(a))
	}
	if found == nil {
		err = &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, err
}

func newMX(t testing.TB, o MXOptions) *MX {
	t.Helper()
	m, err := NewMX(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestHostsBehindADestination(t *testing.T) {
	dns := &fakeDNS{
		mx: map[string]string{
			"fresh.example.":  "in.mail.tm. IN2.Mail.GW.",
			"fine.example.":   "mx.fine.example.",
			"null.example.":   ".",
			"many.example.":   "in.mail.tm. " + strings.Repeat("mx.fine.example. ", 50),
			"farm.example.":   "mx.farm.example.",
			"selfmx.example.": "192.0.2.9.",
		},
		addresses: map[string]string{
			"mx.farm.example.": "203.0.113.1 ::ffff:192.0.2.9", "bare.example.": "192.0.2.9", "mx.fine.example.": "203.0.113.1 2001:db8::1",
			"null.example.": "192.0.2.9",
		},
		err: map[string]error{"broken.example.": &net.DNSError{Err: "server misbehaving", IsTemporary: true}},
	}
	here := &hostedHere{leads: map[string][]string{}}
	for domain := range map[string]bool{"fresh": true, "fine": true, "null": true, "many": true, "farm": true, "bare": true, "none": true, "broken": true, "selfmx": true} {
		here.leads[domain+"@example.org"] = []string{"someone@" + domain + ".example"}
	}
	here.leads["second@example.org"] = []string{"a@broken.example", "a@fine.example", "b@fresh.example"}
	here.leads["literal@example.org"] = []string{"a@[192.0.2.9]"}
	here.leads["local@example.org"] = []string{"a"}
	table := tableOf("domain:mail.tm|- throw-away", "ip:192.0.2.0/24|- bad network")
	tests := []struct {
		local  string
		names  string // rule by names alone
		number string // and with addresses
	}{
		{"fresh", "destination_mx", "destination_mx"},
		{"second", "destination_mx", "destination_mx"},
		{"fine", "", ""},
		{"null", "", ""},
		{"many", "destination_mx", "destination_mx"},
		{"none", "", ""},
		{"broken", "", ""},
		{"farm", "", "destination_mx_ip"},
		{"bare", "", "destination_mx_ip"},
		{"selfmx", "", "destination_mx_ip"},
		{"literal", "", "destination_mx_ip"},
		{"local", "", ""},
		{"unknown", "", ""},
	}
	for _, addresses := range []bool{false, true} {
		c := newCheck(t, table, func(o *Options) {
			o.Hosted, o.Destinations = here.hosted, here.destinations
			o.MX = newMX(t, MXOptions{Resolver: dns, Addresses: addresses})
		})
		for _, tt := range tests {
			want := tt.names
			if addresses {
				want = tt.number
			}
			t.Run(fmt.Sprint(tt.local, " ", addresses), func(t *testing.T) {
				v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient="+tt.local+"@example.org"))
				if err != nil || v.Rule != want {
					t.Errorf("%q, %v, want %q", v.Rule, err, want)
				}
				for _, secret := range []string{"mail.tm", tt.local + ".example", "192.0.2"} {
					if strings.Contains(v.Action.String(), secret) {
						t.Errorf("the reply tells the destination: %s", v.Action)
					}
				}
			})
		}
	}
	t.Run("of a foreign recipient", func(t *testing.T) {
		c := newCheck(t, table, func(o *Options) { o.MX = newMX(t, MXOptions{Resolver: dns}) })
		v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient=a@fresh.example"))
		if err != nil || v.Rule != "destination_mx" {
			t.Errorf("%q, %v", v.Rule, err)
		}
	})
}

func TestMXReasonThatTells(t *testing.T) {
	dns := &fakeDNS{mx: map[string]string{"fresh.example.": "in.mail.tm."}, addresses: map[string]string{"in.mail.tm.": "192.0.2.9"}}
	for row, want := range map[string]string{
		"domain:mail.tm|- hosts at mail.tm":     "554 5.7.1 Mail to this address is not accepted",
		"domain:mail.tm|- not fresh.example":    "554 5.7.1 Mail to this address is not accepted",
		"domain:mail.tm|- throw-away":           "554 5.7.1 Mail to this address is not accepted: throw-away",
		"ip:192.0.2.0/24|- 192.0.2.9 again":     "554 5.7.1 Mail to this address is not accepted",
		"ip:192.0.2.0/24|- all of 192.0.2.0/24": "554 5.7.1 Mail to this address is not accepted",
	} {
		here := &hostedHere{leads: map[string][]string{"a@example.org": {"b@fresh.example"}}}
		c := newCheck(t, tableOf(row), func(o *Options) {
			o.Hosted, o.Destinations = here.hosted, here.destinations
			o.MX = newMX(t, MXOptions{Resolver: dns, Addresses: true})
		})
		if v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient=a@example.org")); err != nil || v.Action.String() != want {
			t.Errorf("%s: %s, %v", row, v.Action, err)
		}
	}
}

func TestMXExplained(t *testing.T) {
	dns := &fakeDNS{
		mx:        map[string]string{"fine.example.": "mx.fine.example.", "fresh.example.": "in.mail.tm."},
		addresses: map[string]string{"mx.fine.example.": "203.0.113.1"},
		err:       map[string]error{"broken.example.": errors.New("server misbehaving")},
	}
	here := &hostedHere{leads: map[string][]string{"a@example.org": {"a@broken.example", "b@fine.example", "c@fresh.example"}}}
	c := newCheck(t, tableOf("domain:mail.tm|- throw-away"), func(o *Options) {
		o.Hosted, o.Destinations = here.hosted, here.destinations
		o.MX = newMX(t, MXOptions{Resolver: dns, Addresses: true})
		o.Apply = map[Place][]Kind{Recipient: {}, Destination: {Domain}}
	})
	policy := policyd.Policy{Default: []policyd.Link{{Name: "bans", Check: c}}}
	d, err := policy.Explain(t.Context(), request(t, "protocol_state=RCPT recipient=a@example.org"))
	want := `destination "broken.example": no ban of kind domain
destination "fine.example": no ban of kind domain
destination "fresh.example": no ban of kind domain
destination "a@broken.example": DNS does not tell what is behind it, which lets the mail pass: server misbehaving
destination "b@fine.example by way of mx.fine.example": no ban of kind domain
destination "b@fine.example by way of 203.0.113.1": no ban of kind ip
destination "c@fresh.example by way of in.mail.tm": domain mail.tm is banned for ever: throw-away`
	if got := strings.Join(d.Steps[0].Notes, "\n"); got != want || err != nil {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestMXRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{mx: map[string]string{"fine.example.": "mx.fine.example."}, err: map[string]error{"broken.example.": errAway}}
		now := noon()
		metrics := NewMetrics(prometheus.NewPedanticRegistry())
		m := newMX(t, MXOptions{Resolver: dns, Entries: 2, Now: func() time.Time { return now }, Metrics: metrics})
		for i, step := range []struct {
			after   time.Duration
			domain  string
			asked   bool
			trouble bool
		}{
			{0, "fine.example", true, false},
			{0, "fine.example", false, false},
			{10*time.Minute - 1, "fine.example", false, false},
			{10 * time.Minute, "fine.example", true, false},
			{9 * time.Minute, "fine.example", true, false}, // the clock was set back
			{9 * time.Minute, "broken.example", true, true},
			{9*time.Minute + 30*time.Second - 1, "broken.example", false, true},
			{9*time.Minute + 30*time.Second, "broken.example", true, true},
			{9*time.Minute + 30*time.Second, "third.example", true, false}, // takes the oldest's place
			{9*time.Minute + 30*time.Second, "fine.example", true, false},
		} {
			now = noon().Add(step.after)
			before := len(dns.asked)
			_, err := m.hosts(t.Context(), step.domain)
			if asked := len(dns.asked) > before; asked != step.asked || (err != nil) != step.trouble {
				t.Errorf("step %d: asked %v, %v", i, asked, err)
			}
		}
		for result, want := range map[string]float64{"ok": 5, "trouble": 2, "remembered": 3, "timeout": 0} {
			if got := testutil.ToFloat64(metrics.questions.WithLabelValues(result)); got != want {
				t.Errorf("%s: %v, want %v", result, got, want)
			}
		}
	})
}

// TestSlowDNS: mail waits for two seconds, however many destinations there
// are, and one question serves all who ask.
func TestSlowDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: time.Hour}
		metrics := NewMetrics(prometheus.NewPedanticRegistry())
		here := &hostedHere{leads: map[string][]string{}}
		for i := range 50 {
			here.leads["a@example.org"] = append(here.leads["a@example.org"], fmt.Sprintf("x@d%d.example", i))
		}
		c := newCheck(t, tableOf("domain:mail.tm|- x"), func(o *Options) {
			o.Hosted, o.Destinations = here.hosted, here.destinations
			o.MX = newMX(t, MXOptions{Resolver: dns, Metrics: metrics})
		})
		start := time.Now()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if got := judged(t, c, request(t, "protocol_state=RCPT recipient=a@example.org")); got != "dunno" {
					t.Error(got)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		if n := testutil.ToFloat64(metrics.questions.WithLabelValues("timeout")); n != 500 {
			t.Errorf("%v timeouts, want one for each place and mail", n)
		}
		time.Sleep(5 * time.Second) // for the last question to end
		synctest.Wait()
		// The first question and the mails have their limits at one moment, so a
		// mail may have come to the second place.
		if n := len(dns.asked); n > 2 || dns.asked[0] != "mx d0.example." || n == 2 && dns.asked[1] != "mx d1.example." {
			t.Errorf("asked %q", dns.asked)
		}
	})
}

// TestQuestionOutlivesItsAsker: who gives up takes nothing from others.
func TestQuestionOutlivesItsAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{takes: time.Second, mx: map[string]string{"fine.example.": "mx.fine.example."}}
		m := newMX(t, MXOptions{Resolver: dns})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Millisecond); cancel() }()
		if _, err := m.hosts(ctx, "fine.example"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if hosts, err := m.hosts(t.Context(), "fine.example"); len(hosts) != 1 || err != nil {
			t.Errorf("%q, %v", hosts, err)
		}
		if len(dns.asked) != 1 {
			t.Errorf("asked %q", dns.asked)
		}
	})
}

func TestResolverThatPanics(t *testing.T) {
	m := newMX(t, MXOptions{Resolver: &fakeDNS{panics: true}})
	if hosts, err := m.hosts(t.Context(), "fine.example"); err == nil || hosts != nil {
		t.Errorf("%q, %v", hosts, err)
	}
}

func TestMXOptions(t *testing.T) {
	for _, o := range []MXOptions{{Timeout: -1}, {Entries: -1}} {
		if _, err := NewMX(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	for _, s := range []string{"dns.example", "127.0.0.1:dns", "127.0.0.1:99999", ""} {
		if _, err := NewResolver([]string{s}); err == nil {
			t.Errorf("server %q was taken", s)
		}
	}
	for s, want := range map[string]string{"127.0.0.1": "127.0.0.1:53", "127.0.0.1:5353": "127.0.0.1:5353", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:54": "[::1]:54"} {
		if got, err := serverAddress(s); got != want || err != nil {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	if r, err := NewResolver(nil); r != net.DefaultResolver || err != nil {
		t.Errorf("%v, %v", r, err)
	}
}

// TestResolverOfServers asks a name server over loopback.
func TestResolverOfServers(t *testing.T) {
	server, err := mockdns.NewServerWithLogger(map[string]mockdns.Zone{
		"fresh.example.": {MX: []net.MX{{Host: "in.mail.tm.", Pref: 10}}},
		"null.example.":  {MX: []net.MX{{Host: ".", Pref: 0}}},
		"in.mail.tm.":    {A: []string{"192.0.2.9"}, AAAA: []string{"2001:db8::9"}},
		"bare.example.":  {A: []string{"192.0.2.8"}},
	}, quiet{}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	resolver, err := NewResolver([]string{server.LocalAddr().String()})
	if err != nil {
		t.Fatal(err)
	}
	m := newMX(t, MXOptions{Resolver: resolver})
	for domain, want := range map[string]string{"fresh.example": "[in.mail.tm]", "null.example": "[]", "bare.example": "[bare.example]", "none.example": "[none.example]"} {
		hosts, err := m.hosts(t.Context(), domain)
		if fmt.Sprint(hosts) != want || err != nil {
			t.Errorf("%s: %v, %v, want %s", domain, hosts, err, want)
		}
	}
	found, err := m.addresses(t.Context(), "in.mail.tm")
	if len(found) != 2 || err != nil {
		t.Errorf("%v, %v", found, err)
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestPreferredHosts: of a domain with very many hosts those are looked at that
// take its mail first.
func TestPreferredHosts(t *testing.T) {
	var names []string
	for i := range maxHosts + 5 {
		names = append(names, fmt.Sprintf("mx%d.example.", i)) // the last is the most preferred
	}
	m, err := NewMX(MXOptions{Resolver: &fakeDNS{mx: map[string]string{"many.example.": strings.Join(names, " ")}}})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := m.hosts(t.Context(), "many.example")
	if err != nil || len(hosts) != maxHosts || hosts[0] != "mx24.example" || hosts[maxHosts-1] != "mx5.example" {
		t.Errorf("%q, %v", hosts, err)
	}
}

// TestNamesOutliveTheRequest: what is remembered does not change with the
// memory of the request that asked.
func TestNamesOutliveTheRequest(t *testing.T) {
	dns := &fakeDNS{mx: map[string]string{"one.example.": "mx.one.example."}}
	m, err := NewMX(MXOptions{Resolver: dns})
	if err != nil {
		t.Fatal(err)
	}
	request := []byte("one.example")
	if _, err := m.hosts(t.Context(), unsafe.String(&request[0], len(request))); err != nil {
		t.Fatal(err)
	}
	copy(request, "two")
	if m.names.answers.Contains("two.example") || !m.names.answers.Contains("one.example") {
		t.Errorf("remembered: %q", m.names.answers.Keys())
	}
}
