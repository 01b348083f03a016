package bans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/policyd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when most tests play.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// fakeTable is rows in memory: "key value" each.
type fakeTable struct {
	mu         sync.Mutex
	generation uint64
	rows       []string
	reads      int
}

func tableOf(rows ...string) *fakeTable { return &fakeTable{generation: 1, rows: rows} }

func (t *fakeTable) set(rows ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++
	t.rows = rows
}

func (t *fakeTable) Generation() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

func (t *fakeTable) Range(yield func(key, value string) bool) {
	t.mu.Lock()
	t.reads++
	rows := t.rows
	t.mu.Unlock()
	for _, row := range rows {
		key, value, _ := strings.Cut(row, "|")
		if !yield(key, value) {
			return
		}
	}
}

// hostedHere is what the check asks others: example.org is hosted, and its
// aliases lead to where leads says.
type hostedHere struct {
	leads map[string][]string
	err   error // of both questions
	asked atomic.Int64
}

func (h *hostedHere) hosted(_ context.Context, domain string) (bool, error) {
	h.asked.Add(1)
	return domain == "example.org" && h.err == nil, h.err
}

func (h *hostedHere) destinations(_ context.Context, recipient string) ([]string, error) {
	h.asked.Add(1)
	return h.leads[recipient], h.err
}

// newCheck makes a check at noon with + as delimiter.
func newCheck(t testing.TB, table Table, change func(*Options)) *Check {
	t.Helper()
	here := &hostedHere{}
	o := Options{
		Table: table, Hosted: here.hosted, Destinations: here.destinations, Delimiter: "+",
		Now: noon,
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request reads attributes divided by blanks; "~" stands for a blank.
func request(t testing.TB, attributes string) *policyd.Request {
	t.Helper()
	q, err := policyd.Parse(strings.ReplaceAll(strings.ReplaceAll(attributes, " ", "\n"), "~", " "))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// judged is "rule: action", or "dunno", or "error".
func judged(t testing.TB, c *Check, q *policyd.Request) string {
	t.Helper()
	v, err := c.Check(t.Context(), q)
	switch {
	case err != nil && (!v.Action.IsDunno() || v.Rule != ""):
		t.Errorf("an error with a verdict: %+v", v)
		fallthrough
	case err != nil:
		return "error"
	case v.Action.IsDunno():
		return "dunno"
	}
	return v.Rule + ": " + v.Action.String()
}

func TestCheck(t *testing.T) {
	table := tableOf(
		"ip:192.0.2.7|- brute force",
		"ip:198.51.100.0/24|- ",
		"ip:2001:db8:1::/48|- six",
		"domain:spam.example|- unsolicited mail",
		"domain:bücher.example|- books",
		"domain:co.uk|- a slip",
		"domain:*.top|- all of it",
		"domain:blogspot.com|- companies' suffix",
		"email:bad@mail.example|- rude",
		"email:tagged+x@mail.example|- one tag",
		"name:mallory|- taken",
		"domain:unknown|- a slip",
		"email:gone@mail.example|1772366400000000 over at noon",
		"email:soon@mail.example|1772366400000001 over after noon",
	)
	tests := []struct{ name, request, want string }{
		{"nothing", "request=smtpd_access_policy", "dunno"},
		{"a stranger", "client_address=203.0.113.1 client_name=mx.fine.example helo_name=mx.fine.example sender=a@fine.example recipient=b@example.org", "dunno"},

		{"client", "client_address=192.0.2.7", "client_ip: 554 5.7.1 Client banned: brute force"},
		{"client beside", "client_address=192.0.2.8", "dunno"},
		{"client in a network, no reason", "client_address=198.51.100.200", "client_ip: 554 5.7.1 Client banned"},
		{"mapped client", "client_address=::ffff:192.0.2.7", "client_ip: 554 5.7.1 Client banned: brute force"},
		{"IPv6 client", "client_address=2001:db8:1:2::3", "client_ip: 554 5.7.1 Client banned: six"},
		{"IPv6 client with a zone", "client_address=2001:db8:1:2::3%eth0", "client_ip: 554 5.7.1 Client banned: six"},
		{"client that is no address", "client_address=unknown", "dunno"},

		{"client name", "client_name=MX.Spam.Example.", "client_domain: 554 5.7.1 Client banned: unsolicited mail"},
		{"unverified client name", "client_name=unknown reverse_client_name=mx.spam.example", "dunno"},
		{"helo", "helo_name=spam.example", "helo_domain: 554 5.7.1 HELO name banned: unsolicited mail"},
		{"helo with a dot", "helo_name=x.SPAM.example.", "helo_domain: 554 5.7.1 HELO name banned: unsolicited mail"},
		{"helo like it", "helo_name=notspam.example", "dunno"},
		{"helo below it", "helo_name=spam.example.net", "dunno"},
		{"literal helo, not looked at", "helo_name=[192.0.2.7]", "dunno"},
		{"helo of dots", "helo_name=....", "dunno"},

		{"sender", "sender=bad@mail.example", "sender_email: 554 5.7.1 Sender banned: rude"},
		{"sender in capitals", "sender=BAD@Mail.Example", "sender_email: 554 5.7.1 Sender banned: rude"},
		{"sender with an extension", "sender=bad+news@mail.example", "sender_email: 554 5.7.1 Sender banned: rude"},
		{"sender with the banned extension", "sender=tagged+x@mail.example", "sender_email: 554 5.7.1 Sender banned: one tag"},
		{"sender with another", "sender=tagged+y@mail.example", "dunno"},
		{"sender without it", "sender=tagged@mail.example", "dunno"},
		{"quoted sender", `sender="bad"@mail.example`, "sender_email: 554 5.7.1 Sender banned: rude"},
		{"escaped sender", `sender="b\ad"@mail.example`, "sender_email: 554 5.7.1 Sender banned: rude"},
		{"another domain's", "sender=bad@mail2.example", "dunno"},
		{"sender domain", "sender=a@spam.example", "sender_domain: 554 5.7.1 Sender banned: unsolicited mail"},
		{"sender subdomain", "sender=a@b.c.spam.example", "sender_domain: 554 5.7.1 Sender banned: unsolicited mail"},
		{"sender with two @", "sender=a@fine.example@spam.example", "sender_domain: 554 5.7.1 Sender banned: unsolicited mail"},
		{"sender without a domain", "sender=spam.example", "dunno"},
		{"name is not for senders", "sender=mallory@example.org", "dunno"},
		{"null sender", "sender=", "dunno"},
		{"null sender as written", "sender=<>", "dunno"},
		{"IDN sender", "sender=a@xn--bcher-kva.example", "sender_domain: 554 5.7.1 Sender banned: books"},
		{"UTF-8 sender", "sender=a@BÜCHER.example", "sender_domain: 554 5.7.1 Sender banned: books"},
		{"8-bit sender", "sender=a@b\xfccher.example", "dunno"},

		{"public suffix itself", "sender=a@co.uk", "sender_domain: 554 5.7.1 Sender banned: a slip"},
		{"below a public suffix", "sender=a@bbc.co.uk", "dunno"},
		{"below a public suffix that is meant", "sender=a@b.top", "sender_domain: 554 5.7.1 Sender banned: all of it"},
		{"a company's suffix", "sender=a@b.blogspot.com", "sender_domain: 554 5.7.1 Sender banned: companies' suffix"},

		{"over", "sender=gone@mail.example", "dunno"},
		{"not over yet", "sender=soon@mail.example", "sender_email: 554 5.7.1 Sender banned: over after noon"},

		{"recipient", "protocol_state=RCPT recipient=bad+x@mail.example", "recipient_email: 554 5.7.1 Recipient banned: rude"},
		{"recipient domain", "protocol_state=RCPT recipient=a@spam.example", "recipient_domain: 554 5.7.1 Recipient banned: unsolicited mail"},
		{"recipient name", "protocol_state=RCPT recipient=Mallory@Example.Org", "recipient_name: 554 5.7.1 Recipient banned: taken"},
		{"recipient name with an extension", "protocol_state=RCPT recipient=mallory+x@example.org", "recipient_name: 554 5.7.1 Recipient banned: taken"},
		{"the name elsewhere", "protocol_state=RCPT recipient=mallory@example.net", "dunno"},
		{"the name without a domain", "protocol_state=RCPT recipient=mallory", "dunno"},
		{"the only recipient at DATA", "protocol_state=DATA recipient=mallory@example.org", "recipient_name: 554 5.7.1 Recipient banned: taken"},
		{"the only recipient at the end", "protocol_state=END-OF-MESSAGE recipient=mallory@example.org", "recipient_name: 554 5.7.1 Recipient banned: taken"},
		{"several recipients at DATA", "protocol_state=DATA recipient= sender=a@fine.example", "dunno"},

		{"the first place decides", "client_address=192.0.2.7 sender=bad@mail.example", "client_ip: 554 5.7.1 Client banned: brute force"},
		{"a name of many labels", "helo_name=" + strings.Repeat("a.", 900) + "spam.example", "helo_domain: 554 5.7.1 HELO name banned: unsolicited mail"},
	}
	c := newCheck(t, table, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judged(t, c, request(t, tt.request)); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestApply(t *testing.T) {
	table := tableOf("ip:192.0.2.7|- x", "domain:spam.example|- y", "email:bad@spam.example|- z", "name:bad|- n")
	everything := "client_address=192.0.2.7 client_name=spam.example helo_name=spam.example sender=bad@spam.example protocol_state=RCPT recipient=bad@example.org"
	tests := []struct {
		name  string
		apply map[Place][]Kind
		q     string
		want  string
	}{
		{"all", nil, everything, "client_ip"},
		{"one kind less", map[Place][]Kind{Client: {Domain}}, everything, "client_domain"},
		{"one place less", map[Place][]Kind{Client: {}}, everything, "helo_domain"},
		{"two places less", map[Place][]Kind{Client: {}, Helo: {}}, everything, "sender_email"},
		{"domains of senders", map[Place][]Kind{Client: {}, Helo: {}, Sender: {Domain}}, everything, "sender_domain"},
		{"recipients", map[Place][]Kind{Client: {}, Helo: {}, Sender: {}}, everything, "recipient_name"},
		{"nothing", map[Place][]Kind{Client: {}, Helo: {}, Sender: {}, Recipient: {}, Destination: {}}, everything, ""},
		{"literals", map[Place][]Kind{Client: {}, Helo: {IP}}, "helo_name=[192.0.2.7]", "helo_ip"},
		{"mapped literals", map[Place][]Kind{Helo: {IP}}, "helo_name=[IPv6:::ffff:192.0.2.7]", "helo_ip"},
		{"bare literals", map[Place][]Kind{Helo: {IP}}, "helo_name=192.0.2.7", "helo_ip"},
		{"no literal", map[Place][]Kind{Helo: {IP}}, "helo_name=[192.0.2.7.example]", ""},
		{"destination of a foreign recipient", map[Place][]Kind{Recipient: {}}, "protocol_state=RCPT recipient=a@spam.example", "destination_domain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheck(t, table, func(o *Options) { o.Apply = tt.apply })
			v, err := c.Check(t.Context(), request(t, tt.q))
			if err != nil || v.Rule != tt.want {
				t.Errorf("%q, %v, want %q", v.Rule, err, tt.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no table", func(o *Options) { o.Table = nil }, "set database"},
		{"unknown place", func(o *Options) { o.Apply = map[Place][]Kind{"sneder": nil} }, `"sneder" is no place: write client, helo, sender, recipient or destination`},
		{"unknown kind", func(o *Options) { o.Apply = map[Place][]Kind{Sender: {"mail"}} }, `"mail" cannot act on it: write email or domain`},
		{"names of senders", func(o *Options) { o.Apply = map[Place][]Kind{Sender: {Name}} }, `sender: a ban of kind "name" cannot act on it`},
		{"addresses of senders", func(o *Options) { o.Apply = map[Place][]Kind{Sender: {IP}} }, `write email or domain`},
		{"no hosted", func(o *Options) { o.Hosted = nil }, "table domain"},
		{"no walker", func(o *Options) { o.Destinations = nil }, "destination: []"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			here := &hostedHere{}
			o := Options{Table: tableOf(), Hosted: here.hosted, Destinations: here.destinations}
			tt.change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	t.Run("what is not used need not be there", func(t *testing.T) {
		_, err := New(Options{Table: tableOf(), Apply: map[Place][]Kind{Destination: {}, Recipient: {Email}}})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReplies(t *testing.T) {
	tests := []struct{ name, reason, want string }{
		{"plain", "spam", "Sender banned: spam"},
		{"none", "", "Sender banned"},
		{"blanks", "  ", "Sender banned"},
		{"an attack on the protocol", "x\n\naction=OK\r\n", "Sender banned: x  action=OK"},
		{"other letters", "Schlüssel \x00\xff", "Sender banned: Schl?ssel  ?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheck(t, tableOf("domain:spam.example|- "+tt.reason), nil)
			v, err := c.Check(t.Context(), request(t, "sender=a@spam.example"))
			if got := v.Action.String(); got != "554 5.7.1 "+tt.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
			if !strings.HasPrefix(v.Reason, "domain spam.example is banned for ever") || len(v.Reason) > 300 {
				t.Errorf("reason %q", v.Reason)
			}
		})
	}
}

// TestLongReason: what does not fit into a reply is cut.
func TestLongReason(t *testing.T) {
	c := newCheck(t, tableOf("domain:spam.example|- "+strings.Repeat("long ", 1000)), nil)
	v, err := c.Check(t.Context(), request(t, "sender=a@spam.example"))
	got := v.Action.String()
	if err != nil || !strings.HasPrefix(got, "554 5.7.1 Sender banned: long long") || len(got) > 320 || len(v.Reason) > 300 {
		t.Errorf("%d bytes: %s, %v", len(got), got, err)
	}
}

// TestExpiryToTheSecond: nothing has to happen for a ban to end, and a clock
// that is set back brings it back.
func TestExpiryToTheSecond(t *testing.T) {
	now := noon()
	end := now.Add(90 * time.Second)
	row := fmt.Sprintf("ip:192.0.2.7|%d for 90 s", end.UnixMicro())
	c := newCheck(t, tableOf(row, fmt.Sprintf("ip:192.0.2.7|%d shorter", now.Add(time.Second).UnixMicro())),
		func(o *Options) { o.Now = func() time.Time { return now } })
	for _, step := range []struct {
		at   time.Duration
		want string
	}{
		{0, "client_ip: 554 5.7.1 Client banned: for 90 s"},
		{89 * time.Second, "client_ip: 554 5.7.1 Client banned: for 90 s"},
		{90*time.Second - time.Microsecond, "client_ip: 554 5.7.1 Client banned: for 90 s"},
		{90 * time.Second, "dunno"},
		{time.Hour, "dunno"},
		{-24 * time.Hour, "client_ip: 554 5.7.1 Client banned: for 90 s"},
	} {
		now = noon().Add(step.at)
		if got := judged(t, c, request(t, "client_address=192.0.2.7")); got != step.want {
			t.Errorf("after %v: %s, want %s", step.at, got, step.want)
		}
	}
}

func TestExplain(t *testing.T) {
	here := &hostedHere{leads: map[string][]string{"team@example.org": {"one@fine.example", "two@spam.example"}}}
	c := newCheck(t, tableOf("domain:spam.example|- spam", "ip:192.0.2.0/24|1772366460000000 brute", "email:a@b.example|- x", "name:x|- x"), func(o *Options) {
		o.Hosted, o.Destinations = here.hosted, here.destinations
	})
	policy := policyd.Policy{Default: []policyd.Link{{Name: "bans", Check: c}}}
	tests := []struct{ name, request, want string }{
		{"all that is looked at", "client_address=203.0.113.9 client_name=mx.b.example helo_name=mx.b.example sender=s@b.example protocol_state=RCPT recipient=team@example.org", `
client "203.0.113.9": no ban of kind ip
client "mx.b.example": no ban of kind domain
helo "mx.b.example": no ban of kind domain
sender "s@b.example": no ban of kind email
sender "b.example": no ban of kind domain
recipient "team@example.org": no ban of kind email
recipient "example.org": no ban of kind domain
recipient "team": no ban of kind name
destination "one@fine.example": no ban of kind email
destination "fine.example": no ban of kind domain
destination "two@spam.example": no ban of kind email
destination "spam.example": domain spam.example is banned for ever: spam`},
		{"up to the hit", "client_address=192.0.2.3 helo_name=x", `
client "192.0.2.3": ip 192.0.2.0/24 is banned until 2026-03-01T12:01:00Z: brute`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := policy.Explain(t.Context(), request(t, tt.request))
			if err != nil {
				t.Fatal(err)
			}
			if got := "\n" + strings.Join(d.Steps[0].Notes, "\n"); got != tt.want {
				t.Errorf("%s\nwant%s", got, tt.want)
			}
		})
	}
}

func TestNeverLoaded(t *testing.T) {
	table := &fakeTable{}
	c := newCheck(t, table, nil)
	if _, err := c.Check(t.Context(), request(t, "sender=a@spam.example")); !errors.Is(err, errNeverLoaded) {
		t.Errorf("%v", err)
	}
	table.set("domain:spam.example|- spam")
	if got := judged(t, c, request(t, "sender=a@spam.example")); got == "error" || got == "dunno" {
		t.Error(got)
	}
	table.mu.Lock()
	table.generation, table.rows = 0, nil // given up
	table.mu.Unlock()
	if got := judged(t, c, request(t, "sender=a@spam.example")); got == "error" || got == "dunno" {
		t.Errorf("the last content is gone: %s", got)
	}
}

// lines is a log that is read as lines of text without time.
func logTo(b *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}
