package srsguard

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/srsd"
	"postern/srsd/srs"
)

// noon is when the tests happen.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// engine is the SRS of srs.example.org with a secret, at a time.
func engine(t *testing.T, secret string, now time.Time) *srsd.Engine {
	t.Helper()
	rewriter, err := srs.New(srs.Options{Domain: "srs.example.org", Early: 1, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return &srsd.Engine{
		Rewriter: rewriter, Ring: srsd.NewRing([]srsd.Secret{{Text: []byte(secret)}}), Domain: "srs.example.org",
		Now: func() time.Time { return now }, OwnDomain: true,
	}
}

// rewrite is what such a host makes of a sender.
func rewrite(t *testing.T, secret string, now time.Time) string {
	t.Helper()
	e := engine(t, secret, now)
	address, err := e.Rewriter.Forward(e.Ring.Keys(now), now, "alice@sender.example")
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// addresses are names for the SRS addresses of the tests.
func addresses(t *testing.T) map[string]string {
	valid := rewrite(t, "tops3cr3t", noon)
	return map[string]string{
		"VALID":     valid,
		"SHOUTED":   strings.ToUpper(valid),
		"ROOTED":    valid + ".",
		"PLUS":      "SRS0+" + valid[5:],
		"FORGED":    rewrite(t, "guess", noon),
		"EXPIRED":   rewrite(t, "tops3cr3t", noon.AddDate(0, 0, -60)),
		"MALFORMED": "SRS0=nonsense@srs.example.org",
		"FOREIGN":   "SRS0=abcd=XY=sender.example=alice@forwarder.example",
		"FOREIGN1":  "srs1-abcd=forwarder.example==efgh=XY=sender.example=alice@other.example",
		"LOOKALIKE": "srs0fan@sender.example",
		"PLAIN":     "alice@sender.example",
		"":          "",
	}
}

// guard is the check over the true map.
func guard(t *testing.T, change func(*Options)) *Check {
	t.Helper()
	o := Options{Recipients: srsd.Recipients{Engine: engine(t, "tops3cr3t", noon)}}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// told is a verdict in one line: action, code and rule, and the rules of its
// shadows.
func told(v policyd.Verdict) string {
	word := v.Action.Name()
	if v.Rule != "" {
		word += " " + strings.Join(strings.Fields(v.Action.String())[:2], " ") + " " + v.Rule
	}
	for _, shadow := range v.Shadow {
		word += " (" + shadow.Rule + ")"
	}
	return word
}

func TestSender(t *testing.T) {
	const (
		own      = "reject 554 5.7.1 inbound_own"
		any      = "reject 554 5.7.1 inbound_any"
		dunno    = "dunno"
		wouldAny = "dunno (inbound_any)"
	)
	tests := []struct{ sender, own, any, off string }{
		{"PLAIN", dunno, dunno, dunno},
		{"", dunno, dunno, dunno},
		{"LOOKALIKE", dunno, dunno, dunno},
		{"VALID", wouldAny, any, wouldAny},
		{"SHOUTED", wouldAny, any, wouldAny},
		{"PLUS", wouldAny, any, wouldAny},
		{"FOREIGN", wouldAny, any, wouldAny},
		{"FOREIGN1", wouldAny, any, wouldAny},
		{"FORGED", own + " (inbound_any)", any + " (inbound_own)", wouldAny + " (inbound_own)"},
		{"EXPIRED", own + " (inbound_any)", any + " (inbound_own)", wouldAny + " (inbound_own)"},
		{"MALFORMED", own + " (inbound_any)", any + " (inbound_own)", wouldAny + " (inbound_own)"},
	}
	for _, test := range tests {
		for inbound, want := range map[Inbound]string{"": test.own, Own: test.own, Any: test.any, Off: test.off} {
			t.Run(test.sender+" "+string(inbound), func(t *testing.T) {
				c := guard(t, func(o *Options) { o.Inbound = inbound })
				for _, state := range []string{"MAIL", "RCPT", "DATA", "END-OF-MESSAGE"} {
					q := &policyd.Request{State: state, Sender: addresses(t)[test.sender], Recipient: "bob@example.org"}
					v, err := c.Check(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if got := told(v); got != want {
						t.Errorf("%s: %s, want %s", state, got, want)
					}
				}
			})
		}
	}
}

func TestSenderOfLogin(t *testing.T) {
	c := guard(t, func(o *Options) { o.Inbound = Any })
	q := &policyd.Request{State: "RCPT", Sender: addresses(t)["FORGED"], Recipient: "bob@example.org", Login: "carol"}
	if v, err := c.Check(t.Context(), q); err != nil || told(v) != "dunno" {
		t.Errorf("%s, %v: logins are not judged by their sender", told(v), err)
	}
}

func TestSenderOfExemptClient(t *testing.T) {
	networks, err := policyd.ParseNetworks([]string{"192.0.2.0/24", "!192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	c := guard(t, func(o *Options) { o.Inbound, o.Exempt = Any, networks })
	for client, want := range map[string]string{
		"192.0.2.1":    "dunno",
		"192.0.2.7":    "reject 554 5.7.1 inbound_any",
		"198.51.100.1": "reject 554 5.7.1 inbound_any",
	} {
		q := &policyd.Request{State: "RCPT", Sender: addresses(t)["FOREIGN"], Client: netip.MustParseAddr(client)}
		if v, err := c.Check(t.Context(), q); err != nil || told(v) != want {
			t.Errorf("%s: %s, %v, want %s", client, told(v), err, want)
		}
	}
	q := &policyd.Request{State: "RCPT", Sender: addresses(t)["FOREIGN"], Recipient: addresses(t)["FORGED"], Client: netip.MustParseAddr("192.0.2.1")}
	if v, err := c.Check(t.Context(), q); err != nil || told(v) != "reject 550 5.1.1 recipient_forged" {
		t.Errorf("%s, %v: an exempt client has no forged bounces taken", told(v), err)
	}
}

func TestRecipient(t *testing.T) {
	const (
		forged = "reject 550 5.1.1 recipient_forged"
		sender = "reject 554 5.7.1 recipient_sender"
	)
	tests := []struct{ recipient, bounce, mail, anySender, login string }{
		{"PLAIN", "dunno", "dunno", "dunno", "dunno"},
		{"LOOKALIKE", "dunno", "dunno", "dunno", "dunno"},
		{"FOREIGN", "dunno", "dunno", "dunno", "dunno"},
		{"VALID", "dunno", sender, "dunno", "dunno"},
		{"SHOUTED", "dunno", sender, "dunno", "dunno"},
		{"ROOTED", "dunno", sender, "dunno", "dunno"},
		{"FORGED", forged, forged, forged, forged},
		{"EXPIRED", forged, forged, forged, forged},
		{"MALFORMED", forged, forged, forged, forged},
	}
	for _, test := range tests {
		cases := map[string]struct {
			q    policyd.Request
			any  bool
			want string
		}{
			"bounce":        {policyd.Request{State: "RCPT"}, false, test.bounce},
			"written <>":    {policyd.Request{State: "RCPT", Sender: "<>"}, false, test.bounce},
			"mail":          {policyd.Request{State: "RCPT", Sender: "carol@sender.example"}, false, test.mail},
			"mail at DATA":  {policyd.Request{State: "DATA", Sender: "carol@sender.example"}, false, test.mail},
			"mail, any":     {policyd.Request{State: "RCPT", Sender: "carol@sender.example"}, true, test.anySender},
			"login":         {policyd.Request{State: "RCPT", Sender: "carol@example.org", Login: "carol"}, false, test.login},
			"at the end":    {policyd.Request{State: "END-OF-MESSAGE"}, false, "dunno"},
			"VRFY is asked": {policyd.Request{State: "VRFY"}, false, "dunno"},
		}
		for name, ask := range cases {
			t.Run(test.recipient+" "+name, func(t *testing.T) {
				c := guard(t, func(o *Options) { o.AnySender = ask.any })
				ask.q.Recipient = addresses(t)[test.recipient]
				v, err := c.Check(t.Context(), &ask.q)
				if err != nil || told(v) != ask.want {
					t.Errorf("%s, %v, want %s", told(v), err, ask.want)
				}
			})
		}
	}
}

// TestBothSides: the shadow of a sender survives the verdict on the recipient.
func TestBothSides(t *testing.T) {
	all := addresses(t)
	q := &policyd.Request{State: "RCPT", Sender: all["FOREIGN"], Recipient: all["FORGED"]}
	v, err := guard(t, nil).Check(t.Context(), q)
	if want := "reject 550 5.1.1 recipient_forged (inbound_any)"; err != nil || told(v) != want {
		t.Errorf("%s, %v, want %s", told(v), err, want)
	}
}

func TestReplies(t *testing.T) {
	all := addresses(t)
	tests := map[string]struct {
		inbound Inbound
		q       policyd.Request
		want    string
	}{
		"sender of another": {Any, policyd.Request{State: "RCPT", Sender: all["FOREIGN"]},
			"554 5.7.1 mail from a rewritten sender (SRS) is not taken here: please send it to the final address, or with its first sender"},
		"forged sender": {Own, policyd.Request{State: "RCPT", Sender: all["FORGED"]},
			"554 5.7.1 the sender has our SRS domain and does not verify (this bounce address was not made here: its signature is wrong): please send with the first sender's address, or your own"},
		"expired recipient": {Own, policyd.Request{State: "RCPT", Recipient: all["EXPIRED"]},
			"550 5.1.1 this bounce address has expired: bounces are taken for 21 days"},
		"no bounce": {Own, policyd.Request{State: "RCPT", Sender: "a@b.example", Recipient: all["VALID"]},
			"554 5.7.1 only bounces are taken at this address, and they have no sender (MAIL FROM:<>)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := guard(t, func(o *Options) { o.Inbound = test.inbound }).Check(t.Context(), &test.q)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Action.String(); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			if strings.Contains(v.Action.String()+v.Reason, "alice") {
				t.Error("the reply tells the address inside")
			}
		})
	}
}

var errDown = errors.New("socketmap: connection refused")

// says is a map that answers everything alike, and counts.
type says struct {
	reply string
	err   error
	asked int
}

func (s *says) Lookup(context.Context, string) (string, bool, error) {
	s.asked++
	return s.reply, s.reply != "", s.err
}

func TestTrouble(t *testing.T) {
	all := addresses(t)
	sender := policyd.Request{State: "RCPT", Sender: all["FOREIGN"]}
	recipient := policyd.Request{State: "RCPT", Recipient: all["VALID"]}
	tests := map[string]struct {
		inbound Inbound
		q       policyd.Request
		m       says
		want    string // empty: trouble
	}{
		"the map is down":                   {Own, sender, says{err: errDown}, ""},
		"the map is down, recipient":        {Own, recipient, says{err: errDown}, ""},
		"the map is down, any":              {Any, sender, says{err: errDown}, "reject 554 5.7.1 inbound_any"},
		"the map is down, off":              {Off, sender, says{err: errDown}, "dunno (inbound_any)"},
		"the map is another":                {Own, sender, says{reply: "bob@example.org"}, ""},
		"the map is another, recipient":     {Own, recipient, says{reply: "bob@example.org"}, ""},
		"the map says REJECT":               {Own, recipient, says{reply: "REJECT 5.1.1 no"}, ""},
		"the map says 550 alone":            {Own, recipient, says{reply: "550"}, ""},
		"the map says no status":            {Own, recipient, says{reply: "550 no such bounce"}, ""},
		"the map says another class":        {Own, recipient, says{reply: "550 4.1.1 no"}, ""},
		"the map says for now":              {Own, recipient, says{reply: "450 4.1.1 later"}, ""},
		"the map says a status too large":   {Own, recipient, says{reply: "550 5.1.1000 no"}, ""},
		"the map says a status of no class": {Own, recipient, says{reply: "550 5.1.1.1 no"}, ""},
		"not a sender, the map is down":     {Own, policyd.Request{State: "RCPT", Sender: all["PLAIN"], Recipient: all["LOOKALIKE"]}, says{err: errDown}, "dunno"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := guard(t, func(o *Options) { o.Inbound, o.Recipients = test.inbound, &test.m })
			v, err := c.Check(t.Context(), &test.q)
			if test.want == "" {
				if err == nil || !v.Action.IsDunno() {
					t.Fatalf("%s, %v: want trouble", told(v), err)
				}
				if test.m.err != nil && !errors.Is(err, errDown) {
					t.Errorf("%v does not wrap its cause", err)
				}
				return
			}
			if err != nil || told(v) != test.want {
				t.Errorf("%s, %v, want %s", told(v), err, test.want)
			}
		})
	}
}

func TestValid(t *testing.T) {
	c := guard(t, nil)
	for name, address := range addresses(t) {
		want := name == "VALID" || name == "SHOUTED" || name == "ROOTED"
		if name == "PLUS" { // the separator is no part of the signature
			want = true
		}
		if got := c.Valid(t.Context(), address); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	down := guard(t, func(o *Options) { o.Recipients = &says{err: errDown} })
	if down.Valid(t.Context(), addresses(t)["VALID"]) {
		t.Error("valid by a map that is down")
	}
}

// TestCheap: mail that has to do with no SRS address asks nobody.
func TestCheap(t *testing.T) {
	m := &says{err: errDown}
	c := guard(t, func(o *Options) { o.Recipients = m })
	q := &policyd.Request{State: "RCPT", Sender: "Alice@Sender.Example", Recipient: "Bob@Example.ORG"}
	n := testing.AllocsPerRun(100, func() {
		if v, err := c.Check(t.Context(), q); err != nil || !v.Action.IsDunno() || c.Valid(t.Context(), q.Recipient) {
			t.Error("a verdict on plain mail")
		}
	})
	if n > 0 || m.asked > 0 {
		t.Errorf("%v allocations and %d lookups", n, m.asked)
	}
}

func TestNewRefuses(t *testing.T) {
	m := lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, nil })
	for want, o := range map[string]Options{
		"write own, any or off":  {Inbound: "all", Recipients: m},
		"srs-recipients is miss": {Inbound: Own},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"550 5.1.1 no", "OK", "", "550", "550 5.1.1", "999 9.9.9 x", "+55 5.1.1 x", "550 5.1.1  x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		code, status, text, err := split(reply)
		if err == nil && (code < 500 || code > 599 || text == "" || strings.ContainsAny(status, " \n") || reply != reply[:3]+" "+status+" "+text) {
			t.Errorf("%q: %d %q %q", reply, code, status, text)
		}
	})
}

// TestKeys: the map is asked as Postfix asks it, folded and without the dot of
// the root: it may be another process, with a cache.
func TestKeys(t *testing.T) {
	var asked []string
	c := guard(t, func(o *Options) {
		o.Recipients = lookup.Func(func(_ context.Context, key string) (string, bool, error) {
			asked = append(asked, key)
			return "", false, nil
		})
	})
	q := &policyd.Request{State: "RCPT", Sender: "SRS0=AbCd=XY=Sender.example=A@SRS.example.org.", Recipient: "SRS0=EfGh=XY=B.example=B@SRS.example.org."}
	if _, err := c.Check(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	c.Valid(t.Context(), q.Recipient)
	sender, recipient := "srs0=abcd=xy=sender.example=a@srs.example.org", "srs0=efgh=xy=b.example=b@srs.example.org"
	if want := []string{sender, recipient, recipient}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
