package limit

import (
	"context"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// TestNewRefuses wants errors that name the rule and say what would be right.
func TestNewRefuses(t *testing.T) {
	noLimits := lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, nil })
	for name, c := range map[string]struct {
		change func(*Rule)
		want   string
	}{
		"no name":            {func(r *Rule) { r.Name = "" }, "up to 64 letters"},
		"name with a blank":  {func(r *Rule) { r.Name = "my rule" }, "up to 64 letters"},
		"long name":          {func(r *Rule) { r.Name = strings.Repeat("x", 65) }, "up to 64 letters"},
		"no key":             {func(r *Rule) { r.Keys = nil }, "0 keys"},
		"no key, own limits": {func(r *Rule) { r.Keys, r.Limits = nil, noLimits }, "0 keys"},
		"zero key":           {func(r *Rule) { r.Keys = []Key{{}} }, "a key is missing"},
		"three keys":         {func(r *Rule) { r.Keys = append(r.Keys, mustKeys(t, "sender+recipient")...) }, "3 keys"},
		"same key twice":     {func(r *Rule) { r.Keys = append(r.Keys, r.Keys[0]) }, "the same as client_address alone"},
		"no window":          {func(r *Rule) { r.Windows = nil }, "NUMBER/DURATION"},
		"limit of 0":         {func(r *Rule) { r.Windows = hourly(0) }, "above zero"},
		"no time":            {func(r *Rule) { r.Windows = []counter.Window{{N: 1}} }, "above zero"},
		"same time twice":    {func(r *Rule) { r.Windows = append(hourly(1), hourly(2)...) }, "keep the lower one"},
		"count":              {func(r *Rule) { r.Count = "mails" }, "messages, recipients, bytes"},
		"action":             {func(r *Rule) { r.Action = "drop" }, "defer, reject, hold, prepend, discard"},
		"mode":               {func(r *Rule) { r.Mode = "on" }, "enforce, shadow, off"},
		"fail":               {func(r *Rule) { r.Fail = "soft" }, "open, closed"},
		"recipients":         {func(r *Rule) { r.Recipients = "some" }, "any, known, unknown"},
		"IPv4 bits":          {func(r *Rule) { r.IPv4Bits = 33 }, "1 to 32 bits"},
		"IPv6 bits":          {func(r *Rule) { r.IPv6Bits = -1 }, "1 to 128 bits"},
		"bytes at RCPT":      {func(r *Rule) { r.Count = Bytes; r.Scope.States = []string{"RCPT", "DATA"} }, "END-OF-MESSAGE only"},
		"bytes of unknown":   {func(r *Rule) { r.Count = Bytes; r.Recipients = UnknownRecipients }, "count recipients"},
		"bytes and prepend":  {func(r *Rule) { r.Count = Bytes; r.Action = Prepend }, "choose another action"},
		"unknown at DATA":    {func(r *Rule) { r.Recipients = UnknownRecipients; r.Scope.States = []string{"DATA"} }, "RCPT only"},
		"never counted":      {func(r *Rule) { r.Scope.States = []string{"MAIL"} }, "its states have none of them"},
		"long text":          {func(r *Rule) { r.Text = strings.Repeat("x", 171) }, "170 characters"},
		"long header":        {func(r *Rule) { r.Action = Prepend; r.Text = "X: " + strings.Repeat("x", 198) }, "200 characters"},
		"text of two lines":  {func(r *Rule) { r.Text = "a\r\nb" }, "one line"},
		"text not ASCII":     {func(r *Rule) { r.Text = "zu viel für dich" }, "printable ASCII"},
		"no header":          {func(r *Rule) { r.Action = Prepend; r.Text = "too busy" }, "Name: value"},
		"pair, own limits":   {func(r *Rule) { r.Keys, r.Limits = mustKeys(t, "sender+recipient"), noLimits }, "not for the pair sender+recipient"},
		"empty exemption":    {func(r *Rule) { r.Exempt.Keys = []string{" "} }, "an empty key is never counted"},
		"exempt @":           {func(r *Rule) { r.Exempt.Keys = []string{"@"} }, "an empty key is never counted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Rule{Name: "client", Keys: mustKeys(t, "client_address"), Windows: hourly(1)}
			c.change(&r)
			_, err := New(Options{
				Store: newLedger(), Rules: []Rule{r},
				Known: func(context.Context, string) (bool, bool, error) { return false, false, nil },
			})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "rate limit 1 (") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestLongestText still has the time to try again behind it.
func TestLongestText(t *testing.T) {
	r := Rule{Name: "client", Keys: mustKeys(t, "client_address"), Windows: hourly(1), Text: strings.Repeat("x", 170)}
	compiled, err := (&Options{}).compile(r)
	if err != nil {
		t.Fatal(err)
	}
	d := counter.Debit{Windows: r.Windows}
	v := compiled.verdict(&policyd.Request{}, &d, &counter.Outcome{Cost: 1}, 1<<63-1)
	if got := v.Action.String(); !strings.HasSuffix(got, ", try again in 106752 days") {
		t.Error(got)
	}
}

// TestParseExemption has what cannot be meant.
func TestParseExemption(t *testing.T) {
	for _, word := range []string{"!alice", "!", "!@example.org"} {
		if _, err := ParseExemption([]string{word}); err == nil || !strings.Contains(err.Error(), "leave it away") {
			t.Errorf("%s: %v", word, err)
		}
	}
	x, err := ParseExemption([]string{"!192.0.2.7", " bob "})
	if err != nil || len(x.Keys) != 1 || len(x.Logins) != 1 || x.Logins[0] != "bob" {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestNewNeeds has rules that need what is not there, off or not.
func TestNewNeeds(t *testing.T) {
	client := Rule{Name: "client", Keys: mustKeys(t, "client_address"), Windows: hourly(1)}
	owner := Rule{Name: "owner", Keys: mustKeys(t, "sender+alias_owner"), Windows: hourly(1), Mode: policyd.Off}
	unknown := Rule{Name: "unknown", Keys: mustKeys(t, "sender"), Windows: hourly(1), Recipients: UnknownRecipients}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"store":        {Options{Rules: []Rule{client}}, "no store"},
		"destinations": {Options{Store: newLedger(), Rules: []Rule{client, owner}}, "rate limit 2 (owner): key alias_owner needs"},
		"known":        {Options{Store: newLedger(), Rules: []Rule{unknown}}, "rate limit 1 (unknown): recipients: unknown needs"},
		"names":        {Options{Store: newLedger(), Rules: []Rule{client, client}}, "a second one named client"},
	} {
		if _, err := New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(Options{Store: newLedger()}); err != nil {
		t.Errorf("no rules: %v", err)
	}
}

// TestWords has numbers and times as people write them.
func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "minute", time.Hour: "hour", 24 * time.Hour: "day", 7 * 24 * time.Hour: "week", 10 * time.Minute: "10 minutes",
		36 * time.Hour: "36 hours", 90 * time.Second: "90 seconds", time.Second: "second", 500 * time.Millisecond: "500ms", 14 * 24 * time.Hour: "2 weeks",
	} {
		if got := period(d); got != want {
			t.Errorf("period %v: %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		1: "1 second", time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", 59 * time.Second: "59 seconds",
		59*time.Second + 1: "1 minute", time.Minute: "1 minute", time.Minute + 1: "2 minutes", 150 * time.Second: "3 minutes",
		time.Hour: "1 hour", time.Hour + 1: "2 hours", 47 * time.Hour: "47 hours", 48 * time.Hour: "2 days", 100 * time.Hour: "5 days", 0: "0 seconds",
	} {
		if got := wholeUnits(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := laterText(0); got != "" {
		t.Errorf("nothing to wait for: %q", got)
	}
	for _, c := range []struct {
		n    int64
		noun string
		want string
	}{
		{60, "messages", "60 messages"}, {1, "messages", "1 message"}, {1, "recipients", "1 recipient"},
		{1, "unknown recipients", "1 unknown recipient"}, {1, "messages to known recipients", "1 message to known recipients"},
		{1, "bytes", "1 byte"}, {1023, "bytes", "1023 bytes"}, {1 << 20, "bytes", "1 MiB"}, {3 << 30, "bytes", "3 GiB"}, {1536, "bytes", "1536 bytes"}, {2048, "bytes", "2 KiB"},
	} {
		if got := amount(c.n, c.noun); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.n, c.noun, got, c.want)
		}
	}
}
