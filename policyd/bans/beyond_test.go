package bans

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/internal/lookup"
	"postern/internal/maps"
)

var errAway = errors.New("connection refused")

func TestDestinations(t *testing.T) {
	here := &hostedHere{leads: map[string][]string{
		"one@example.org":    {"user@spam.example"},
		"Two@Example.ORG":    {"user@fine.example", "User@Sub.Spam.Example"},
		"email@example.org":  {"bad+tag@mail.example"},
		"fine@example.org":   {"user@fine.example"},
		"secret@example.org": {"hideaway@secret.example"},
		"odd@example.org":    {"", "@", "no-domain", "x@"},
	}}
	table := tableOf(
		"domain:spam.example|- unsolicited mail", "email:bad@mail.example|- rude", "domain:secret.example|- see Secret.Example",
		"email:gone@mail.example|1 over", "ip:192.0.2.1|- x",
	)
	const refusal = "554 5.7.1 Mail to this address is not accepted"
	tests := []struct{ name, request, want string }{
		{"a banned domain", "protocol_state=RCPT recipient=one@example.org", "destination_domain: " + refusal + ": unsolicited mail"},
		{"one of two", "protocol_state=RCPT recipient=Two@Example.ORG", "destination_domain: " + refusal + ": unsolicited mail"},
		{"a banned address, its extension aside", "protocol_state=RCPT recipient=email@example.org", "destination_email: " + refusal + ": rude"},
		{"a reason that tells", "protocol_state=RCPT recipient=secret@example.org", "destination_domain: " + refusal},
		{"a fine place", "protocol_state=RCPT recipient=fine@example.org", "dunno"},
		{"nowhere", "protocol_state=RCPT recipient=nobody@example.org", "dunno"},
		{"odd addresses", "protocol_state=RCPT recipient=odd@example.org", "dunno"},
		{"the only recipient at DATA", "protocol_state=DATA recipient=one@example.org", "destination_domain: " + refusal + ": unsolicited mail"},
		{"too late", "protocol_state=END-OF-MESSAGE recipient=one@example.org", "dunno"},
		{"of a bounce, too", "protocol_state=RCPT sender= recipient=one@example.org", "destination_domain: " + refusal + ": unsolicited mail"},
		{"a foreign recipient is its own", "protocol_state=RCPT recipient=bad+x@mail.example", "destination_email: " + refusal + ": rude"},
	}
	c := newCheck(t, table, func(o *Options) {
		o.Hosted, o.Destinations = here.hosted, here.destinations
		o.Apply = map[Place][]Kind{Recipient: {}, Sender: {}}
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judged(t, c, request(t, tt.request)); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
	t.Run("a foreign recipient whose domain is looked at as a destination only", func(t *testing.T) {
		c := newCheck(t, table, func(o *Options) { o.Apply = map[Place][]Kind{Recipient: {Email}} })
		if got := judged(t, c, request(t, "protocol_state=RCPT recipient=x@spam.example")); got != "destination_domain: "+refusal+": unsolicited mail" {
			t.Error(got)
		}
	})
	t.Run("a public suffix and nothing else", func(t *testing.T) {
		here := &hostedHere{leads: map[string][]string{"one@example.org": {"registry@co.uk"}}}
		c := newCheck(t, tableOf("domain:co.uk|-"), func(o *Options) { o.Hosted, o.Destinations = here.hosted, here.destinations })
		if got := judged(t, c, request(t, "protocol_state=RCPT recipient=one@example.org")); got != "destination_domain: "+refusal {
			t.Error(got)
		}
	})
	t.Run("nobody is asked for nothing", func(t *testing.T) {
		here := &hostedHere{err: errAway}
		c := newCheck(t, tableOf("ip:192.0.2.1|- x"), func(o *Options) { o.Hosted, o.Destinations = here.hosted, here.destinations })
		if got := judged(t, c, request(t, "protocol_state=RCPT recipient=one@example.org")); got != "dunno" || here.asked.Load() > 0 {
			t.Errorf("%s, asked %d times", got, here.asked.Load())
		}
	})
}

// TestWhatAReplyMustNotTell: a reason that names where an alias leads is kept
// back, one that does not is shown.
func TestWhatAReplyMustNotTell(t *testing.T) {
	tests := []struct {
		target, ban, reason string
		shown               bool
	}{
		{"someone@mail.tm", "domain:mail.tm", "throw-away mailbox", true},
		{"someone@mail.tm", "domain:mail.tm", "MAIL.TM is a throw-away mailbox", false},
		{"someone@box.mail.tm", "domain:mail.tm", "mail.tm again", false},
		{"someone@box.mail.tm", "domain:mail.tm", "box", true},
		{"someone@mail.tm", "email:someone@mail.tm", "Someone complained", false},
		{"bo@mail.tm", "email:bo@mail.tm", "a robot", true},
		{"bo+tag@mail.tm", "email:bo@mail.tm", "<bo@mail.tm> complained", false},
		{"a@xn--bcher-kva.example", "domain:bücher.example", "xn--bcher-kva.example", false},
	}
	for _, tt := range tests {
		t.Run(tt.target+" "+tt.reason, func(t *testing.T) {
			here := &hostedHere{leads: map[string][]string{"alias@example.org": {tt.target}}}
			c := newCheck(t, tableOf(tt.ban+"|- "+tt.reason), func(o *Options) { o.Hosted, o.Destinations = here.hosted, here.destinations })
			v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient=alias@example.org"))
			if err != nil || v.Action.IsDunno() {
				t.Fatalf("%+v, %v", v, err)
			}
			if got := strings.Contains(v.Action.String(), tt.reason); got != tt.shown {
				t.Errorf("%s", v.Action)
			}
			if !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("the log does not have it: %s", v.Reason)
			}
		})
	}
}

// TestTrouble: of others counts only where nothing else decides.
func TestTrouble(t *testing.T) {
	table := tableOf("domain:spam.example|- spam", "name:mallory|- name", "email:bad@example.org|- rude")
	tests := []struct{ name, request, want string }{
		{"nothing else", "protocol_state=RCPT recipient=a@example.org", "error"},
		{"a name, and nobody knows whether it is hosted", "protocol_state=DATA recipient=mallory@example.org", "error"},
		{"a banned sender", "protocol_state=RCPT sender=a@spam.example recipient=a@example.org", "sender_domain: 554 5.7.1 Sender banned: spam"},
		{"a banned recipient", "protocol_state=RCPT recipient=bad@example.org", "recipient_email: 554 5.7.1 Recipient banned: rude"},
		{"no recipient yet", "protocol_state=MAIL sender=a@fine.example", "dunno"},
		{"too late for destinations", "protocol_state=END-OF-MESSAGE recipient=a@example.org", "dunno"},
	}
	here := &hostedHere{err: errAway}
	c := newCheck(t, table, func(o *Options) { o.Hosted, o.Destinations = here.hosted, here.destinations })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := judged(t, c, request(t, tt.request)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	t.Run("of the walker alone", func(t *testing.T) {
		c := newCheck(t, table, func(o *Options) {
			o.Destinations = func(context.Context, string) ([]string, error) { return nil, errAway }
		})
		_, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient=a@example.org"))
		if !errors.Is(err, errAway) || !strings.Contains(err.Error(), "where the recipient leads") {
			t.Error(err)
		}
		if got := judged(t, c, request(t, "protocol_state=RCPT recipient=mallory@example.org")); got != "recipient_name: 554 5.7.1 Recipient banned: name" {
			t.Error(got)
		}
	})
}

// TestWithTheRealWalker follows aliases of the built-in maps, circles included.
func TestWithTheRealWalker(t *testing.T) {
	rows := func(pairs map[string]string) lookup.Map {
		return lookup.Func(func(_ context.Context, key string) (string, bool, error) {
			value, found := pairs[key]
			return value, found, nil
		})
	}
	aliases := map[string]string{
		"a@example.org": "b@example.org", "b@example.org": "c@example.net", "c@example.net": "end@spam.example",
		"loop1@example.org": "loop2@example.org", "loop2@example.org": "loop1@example.org",
		"half@example.org": "half2@example.org, end@spam.example", "half2@example.org": "half@example.org",
		"self@example.org": "self@example.org", "fine@example.org": "end@fine.example",
		"@example.net": "all@spam.example",
	}
	for i := range 60 {
		aliases[fmt.Sprintf("deep%d@example.org", i)] = fmt.Sprintf("deep%d@example.org", i+1)
	}
	aliases["deep60@example.org"] = "end@spam.example"
	builtIn := maps.New(maps.Tables{
		Domain: rows(map[string]string{"example.org": "1", "example.net": "1"}),
		Alias:  rows(aliases), Handle: rows(nil),
	}, maps.Options{Delimiter: "+"})
	walker := builtIn.Walker()
	c := newCheck(t, tableOf("domain:spam.example|- spam"), func(o *Options) {
		o.Hosted = walker.Hosted
		o.Destinations = func(ctx context.Context, recipient string) ([]string, error) {
			walk, err := walker.Expand(ctx, recipient)
			return walk.Final, err
		}
	})
	for local, want := range map[string]string{
		"a": "destination_domain", "A+x": "destination_domain", "b": "destination_domain", "half": "destination_domain",
		"loop1": "", "self": "", "fine": "", "nobody": "",
		"deep0":  "", // deeper than mail would be followed
		"deep40": "destination_domain",
	} {
		v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient="+local+"@example.org"))
		if err != nil || v.Rule != want {
			t.Errorf("%s: %q, %v, want %q", local, v.Rule, err, want)
		}
	}
	if v, err := c.Check(t.Context(), request(t, "protocol_state=RCPT recipient=anybody@example.net")); err != nil || v.Rule != "destination_domain" {
		t.Errorf("catch-all: %q, %v", v.Rule, err)
	}
}
