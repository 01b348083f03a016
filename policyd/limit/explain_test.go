package limit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"postern/internal/lookup"
	"postern/policyd"
)

// TestExplain tells each rule's budget and charges nothing.
func TestExplain(t *testing.T) {
	d := &dialogue{t: t, ledger: newLedger(), aliases: map[string][]string{"user@fwd.example": {"owner@mail.example"}}}
	for _, rule := range []string{
		"client key=client_address limit=2/1h,100/1d",
		"shadow key=client_address limit=1/1h mode=shadow",
		"login key=sasl_username limit=5/1h",
		"owner key=alias_owner+client_address limit=7/1d",
		"size key=client_address count=bytes limit=1024/1h",
		"exempt key=helo_name limit=1/1h exempt=mail.example",
		"many key=recipient count=recipients limit=3/1h action=hold",
	} {
		d.play("rule " + rule)
	}
	check := d.build()
	if v, err := judge(check, request(t, "RCPT", "a")); err != nil || !v.Action.IsDunno() {
		t.Fatal(v, err)
	}
	before := len(d.ledger.spent)
	policy := policyd.Policy{Default: []policyd.Link{{Name: "rate_limits", Check: check}}}
	for _, instance := range []string{"", "b"} { // a person has no instance at hand
		q := request(t, "RCPT", instance, "recipient=user@fwd.example", "helo_name=mail.example")
		decision, err := policy.Explain(context.Background(), q)
		if err != nil || !decision.Action.IsDunno() {
			t.Fatal(decision, err)
		}
		var notes []string
		for _, step := range decision.Steps {
			notes = append(notes, step.Notes...)
		}
		want := []string{
			`rule login: its key is empty, so nothing is counted`,
			`rule size: not asked: bytes are counted at END-OF-MESSAGE`,
			`rule exempt: the value of its key is exempt`,
			`rule client: client_address "192.0.2.1": costs 1 of 2 messages per hour, would leave 0, full again in 1 hour`,
			`rule shadow: client_address "192.0.2.1" (shadow): over the limit: costs 1 of 1 message per hour, 0 left, fits in 3 minutes, full again in 1 hour`,
			`rule owner: alias_owner+client_address "owner@mail.example + 192.0.2.1": costs 1 of 7 messages per day, would leave 6, full again in 1 hour`,
			`rule many: recipient "user@fwd.example": costs 1 of 3 recipients per hour, would leave 2, full again in 1 hour`,
			`shadow: shadow would answer 450 4.7.1 limit of 1 message per hour from this client reached, try again in 3 minutes`,
		}
		if got := strings.Join(notes, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("instance %q:\n%s\nwant\n%s", instance, got, strings.Join(want, "\n"))
		}
	}
	if len(d.ledger.spent) != before || d.ledger.of("client", "192.0.2.1") != 1 {
		t.Errorf("explaining was charged: %v", d.ledger.spent)
	}
}

// TestExplainOwnLimits tells where a limit comes from, and what can never fit.
// Nobody who only asks is counted, and no warning is written.
func TestExplainOwnLimits(t *testing.T) {
	var log bytes.Buffer
	rows := map[string]string{"@x.example": "3/1h", "bad@x.example": "plenty", "free@x.example": "unlimited"}
	metrics := NewMetrics(prometheus.NewRegistry())
	l := newLedger()
	l.full["full"] = true
	check, err := New(Options{
		Store: l, Metrics: metrics, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Known: func(context.Context, string) (bool, bool, error) { return true, true, nil },
		Rules: []Rule{
			{Name: "login", Keys: mustKeys(t, "sasl_username"), Count: Recipients, Windows: hourly(100), Limits: rowsMap(rows)},
			{Name: "full", Keys: mustKeys(t, "client_address"), Windows: hourly(5)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := policyd.Policy{Default: []policyd.Link{{Name: "rate_limits", Check: check}}}
	for login, want := range map[string]string{
		"jo@x.example": `rule login: limits of "jo@x.example": domain
rule login: sasl_username "jo@x.example": costs 4, more than all of 3 recipients per hour
rule full: client_address "192.0.2.1": the store has no room for another counter`,
		"bad@x.example": `rule login: limits of "bad@x.example": malformed
rule login: sasl_username "bad@x.example": costs 4 of 100 recipients per hour, would leave 96, full again in 1 hour
rule full: client_address "192.0.2.1": the store has no room for another counter`,
		"free@x.example": `rule login: limits of "free@x.example": unlimited
rule login: the value of its key has no limit
rule full: client_address "192.0.2.1": the store has no room for another counter`,
	} {
		d, err := policy.Explain(context.Background(), request(t, "DATA", "", "recipient_count=4", "sasl_username="+login))
		if err != nil {
			t.Fatal(err)
		}
		var notes []string
		for _, step := range d.Steps {
			notes = append(notes, step.Notes...)
		}
		if got := strings.Join(notes, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", login, got, want)
		}
	}
	l.err = errors.New("away")
	if _, err := policy.Explain(context.Background(), request(t, "DATA", "")); err == nil {
		t.Error("a store that is away answers")
	}
	for _, vec := range []*prometheus.CounterVec{metrics.charges, metrics.lookups} {
		series := make(chan prometheus.Metric, 100)
		vec.Collect(series)
		close(series)
		for m := range series {
			var value dto.Metric
			if err := m.Write(&value); err != nil || value.GetCounter().GetValue() != 0 {
				t.Errorf("explaining is counted: %v, %v", &value, err)
			}
		}
	}
	if log.Len() > 0 {
		t.Errorf("explaining writes to the log: %s", &log)
	}
}

func rowsMap(rows map[string]string) lookup.Map {
	return lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		value, found := rows[key]
		return value, found, nil
	})
}

// TestExplainTrouble tells which rule is in trouble.
func TestExplainTrouble(t *testing.T) {
	d := &dialogue{t: t, ledger: newLedger()}
	d.play("rule client key=client_address limit=2/1h fail=open")
	d.play("store away")
	policy := policyd.Policy{Default: []policyd.Link{{Name: "rate_limits", Check: d.build()}}}
	decision, err := policy.Explain(context.Background(), request(t, "RCPT", ""))
	if err != nil || len(decision.Steps) != 1 || len(decision.Steps[0].Notes) != 1 ||
		decision.Steps[0].Notes[0] != "rule client: trouble: counters: the store is away" || decision.Steps[0].Rule != "client" {
		t.Errorf("%+v, %v", decision, err)
	}
}

// TestExplainUncounted tells why a rule counts nothing.
func TestExplainUncounted(t *testing.T) {
	known := func(context.Context, string) (bool, bool, error) { return true, true, nil }
	for _, c := range []struct {
		rule  Rule
		state string
		size  string
		want  string
	}{
		{Rule{Mode: policyd.Off}, "DATA", "0", "rule r: not asked: it is off"},
		{Rule{Scope: policyd.Scope{Contexts: []string{"data"}}}, "DATA", "0", "rule r: not asked: its listeners, states, contexts, clients or logins leave this request out"},
		{Rule{Recipients: UnknownRecipients}, "DATA", "0", "rule r: not asked: known and unknown recipients are told apart at RCPT only"},
		{Rule{Count: Bytes}, "DATA", "9", "rule r: not asked: bytes are counted at END-OF-MESSAGE"},
		{Rule{Count: Bytes}, "END-OF-MESSAGE", "0", "rule r: not asked: size is 0"},
		{Rule{Count: Recipients}, "DATA", "0", "rule r: not asked: recipient_count is 0"},
		{Rule{}, "MAIL", "0", "rule r: not asked: nothing is counted at MAIL"},
	} {
		c.rule.Name, c.rule.Keys, c.rule.Windows = "r", mustKeys(t, "client_address"), hourly(5)
		check, err := New(Options{Store: newLedger(), Rules: []Rule{c.rule}, Known: known})
		if err != nil {
			t.Fatal(err)
		}
		policy := policyd.Policy{Default: []policyd.Link{{Name: "rate_limits", Check: check}}}
		d, err := policy.Explain(context.Background(), request(t, c.state, "a", "size="+c.size, "recipient_count=0"))
		if err != nil || len(d.Steps) != 1 || !slices.Equal(d.Steps[0].Notes, []string{c.want}) {
			t.Errorf("at %s: %+v (%v), want %s", c.state, d.Steps, err, c.want)
		}
	}
}
