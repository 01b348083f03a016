package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/config"
	"postern/internal/manual"
	builtin "postern/internal/maps"
	"postern/policyd/bans"
	"postern/policyd/counter"
	"postern/policyd/fromguard"
	"postern/policyd/greylist"
	"postern/policyd/limit"
	"postern/policyd/srsguard"
	"postern/srsd/srs"
)

// TestStatedDefaults: a default that stands in the comment of a setting, and so
// in postern.yaml(5), is what the code takes where the setting is missing.
func TestStatedDefaults(t *testing.T) {
	settings, err := manual.Settings("../../internal/config")
	if err != nil {
		t.Fatal(err)
	}
	found := effective(t)
	stated := map[string]bool{}
	manual.Walk(settings, func(s manual.Setting) {
		if !s.Stated {
			return
		}
		path := s.Path
		if s.Shared {
			path = "policyd.srs." + s.Key // every check has these in the same way
		}
		stated[path] = true
		if value, known := found[path]; !known || value != strings.Trim(s.Default[0], `"`) {
			t.Errorf("%s: the comment says %s, the code %q", s.Path, s.Default[0], value)
		}
	})
	for path := range found {
		if !stated[path] {
			t.Errorf("no comment says the default of %s", path)
		}
	}
}

// effective are the values in force where nothing is configured.
func effective(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{
		"metrics.listen":   metricsAt,
		"maps.search":      string(classOf(&config.Config{Maps: map[string]config.Map{"own": {}}}, "own")),
		"twin.share":       fmt.Sprintf("%g%%", 100*(&config.Twin{}).Fraction()),
		"policyd.checks":   "[" + strings.Join(defaultChain(&config.Policyd{}), ", ") + "]",
		"policyd.aliases":  builtin.Virtual,
		"policyd.srs.mode": string(policyMode(config.Check{})),
	}
	for _, more := range []map[string]string{
		srsDefaults(), stateDefaults(t), banDefaults(t), greylistDefaults(t), spfDefaults(t), guardDefaults(), limitDefaults(t),
	} {
		for path, value := range more {
			all[path] = value
		}
	}
	return all
}

// hidden is a field that a package keeps to itself.
func hidden(v any, path ...string) reflect.Value {
	field := reflect.ValueOf(v)
	for _, name := range path {
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Interface {
			field = field.Elem()
		}
		field = field.FieldByName(name)
	}
	return field
}

// long is a length of time as a comment writes it.
func long(v reflect.Value) string {
	d := time.Duration(v.Int())
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

func srsDefaults() map[string]string {
	none := &config.SRSD{}
	o := rewriterOptions(none)
	alphabet := map[srs.Alphabet]string{srs.Base64: "base64", srs.Base64URL: "base64url"}[o.Alphabet]
	return map[string]string{
		"srsd.hash_length": fmt.Sprint(o.HashLength), "srsd.hash_minimum": fmt.Sprint(o.HashMinimum), "srsd.alphabet": alphabet,
		"srsd.separator":      separatorOf(o),
		"srsd.hosted_domains": map[bool]string{true: "local", false: "rewrite"}[none.LocalHosted()],
		"srsd.bounces":        map[bool]string{true: "any", false: "null"}[none.AnyBounces()],
	}
}

// separatorOf is what stands behind SRS0 in an address.
func separatorOf(o srs.Options) string {
	o.Domain = "srs.example.org"
	r, err := srs.New(o)
	if err != nil {
		return err.Error()
	}
	return string(byte(hidden(r, "separator").Uint()))
}

// testAssembly is one of a configuration with a policyd block alone.
func testAssembly(t *testing.T) *assembly {
	t.Helper()
	c := config.Defaults()
	c.Policyd = &config.Policyd{}
	w, err := newWorks(role{name: "policyd", command: true}, c, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.pools.Close() })
	return &assembly{config: c, works: w, policy: &policyService{}}
}

func stateDefaults(t *testing.T) map[string]string {
	t.Helper()
	a := testAssembly(t)
	state, err := a.openPolicyState(nil)
	if err != nil {
		t.Fatal(err)
	}
	kind := "another"
	if _, inMemory := state.counters.(*counter.Memory); inMemory {
		kind = "memory"
	}
	rows := hidden(state.greylist, "options", "Rows").Int()
	if rows != counter.DefaultMaxKeys {
		t.Errorf("%d rows of the greylist and %d counters", rows, counter.DefaultMaxKeys)
	}
	return map[string]string{
		"policyd.state": kind, "policyd.state_keys": fmt.Sprint(rows),
		"policyd.state_timeout": long(redisTimeout(t)),
		"policyd.lame_duck":     fmt.Sprintf("%.0fs", policyLameDuck.Seconds()),
	}
}

// redisTimeout is how long counters and greylist in Redis wait for it.
func redisTimeout(t *testing.T) reflect.Value {
	t.Helper()
	a := testAssembly(t)
	s := &policyState{settings: stateSettings{at: "redis://127.0.0.1:1/0"}}
	a.works.role.command = false
	if err := s.openRedis(a.works); err != nil {
		t.Fatal(err)
	}
	defer s.client.Close()
	shared, rows := hidden(s.counters, "budget"), hidden(s.greylist, "options", "Budget")
	if shared.Int() != rows.Int() {
		t.Errorf("counters wait for Redis for %s, the greylist for %s", long(shared), long(rows))
	}
	return shared
}

// emptyTable has no bans.
type emptyTable struct{}

func (emptyTable) Generation() uint64                 { return 1 }
func (emptyTable) Range(func(key, value string) bool) {}

func banDefaults(t *testing.T) map[string]string {
	t.Helper()
	check, err := bans.New(bans.Options{
		Table: emptyTable{}, Apply: banned(config.Bans{}),
		Hosted:       func(context.Context, string) (bool, error) { return true, nil },
		Destinations: func(context.Context, string) ([]string, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"policyd.bans.mx": "off"}
	for _, place := range bans.Places() {
		set := hidden(check, string(place))
		var kinds []string
		for _, kind := range bans.Kinds(place) {
			if set.FieldByName(string(kind)).Bool() {
				kinds = append(kinds, string(kind))
			}
		}
		all["policyd.bans."+string(place)] = "[" + strings.Join(kinds, ", ") + "]"
	}
	if !hidden(check, "mx").IsNil() {
		all["policyd.bans.mx"] = "on"
	}
	return all
}

func greylistDefaults(t *testing.T) map[string]string {
	t.Helper()
	check, err := greylist.New(greylist.Options{Store: greylist.NewMemory(greylist.MemoryOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	option := func(name string) reflect.Value { return hidden(check, "options", name) }
	const block = "policyd.greylist."
	return map[string]string{
		block + "delay": long(option("Delay")), block + "retry_window": long(option("RetryWindow")),
		block + "lifetime": long(option("PassLifetime")), block + "auto_pass": fmt.Sprint(option("AutoPass").Int()),
		block + "ipv4_prefix": fmt.Sprint(option("IPv4Bits").Int()), block + "ipv6_prefix": fmt.Sprint(option("IPv6Bits").Int()),
	}
}

func spfDefaults(t *testing.T) map[string]string {
	t.Helper()
	a := testAssembly(t)
	check, err := a.spfCheck()
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := check.(io.Closer); ok {
		defer c.Close()
	}
	var others, acts []string
	for _, result := range hidden(check, "actions").MapKeys() {
		act := hidden(check, "actions").MapIndex(result).String()
		if act == "prepend" {
			others = append(others, result.String())
			continue
		}
		acts = append(acts, result.String()+": "+act)
	}
	slices.Sort(acts)
	return map[string]string{
		"policyd.spf.results": strings.Join(acts, ", "), "policyd.spf.header": fmt.Sprint(len(others) == 6),
		"policyd.spf.timeout": long(hidden(check, "ask", "timeout")),
	}
}

func guardDefaults() map[string]string {
	guard := fromguard.New(fromguard.Options{})
	const block = "policyd.from_guard."
	all := map[string]string{
		block + "senders": guardSenders(&config.FromGuard{}), block + "match": hidden(guard, "match").String(),
		block + "mode": "enforce", // the most that a header has: From has it
	}
	for header, key := range map[fromguard.Header]string{
		fromguard.From: "from", fromguard.Sender: "sender", fromguard.ReplyTo: "reply_to", fromguard.DisplayName: "display_name",
	} {
		all[block+key] = hidden(guard, "modes").MapIndex(reflect.ValueOf(header)).String()
	}
	if hidden(guard, "off").Bool() || all[block+"from"] != "enforce" {
		all[block+"mode"] = "another"
	}
	return all
}

func limitDefaults(t *testing.T) map[string]string {
	t.Helper()
	key, err := limit.ParseKey("client_address")
	if err != nil {
		t.Fatal(err)
	}
	check, err := limit.New(limit.Options{
		Store: counter.NewMemory(counter.MemoryOptions{}),
		Rules: []limit.Rule{{Name: "one", Keys: []limit.Key{key}, Windows: []counter.Window{{N: 1, Per: time.Hour}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rule := hidden(check, "rules").Index(0).Elem().FieldByName("Rule")
	inbound, err := srsguard.New(srsguard.Options{Recipients: noRecipients{}})
	if err != nil {
		t.Fatal(err)
	}
	const block = "policyd.rate_limits."
	return map[string]string{
		block + "count": rule.FieldByName("Count").String(), block + "action": rule.FieldByName("Action").String(),
		block + "recipients":  rule.FieldByName("Recipients").String(),
		block + "ipv4_prefix": fmt.Sprint(rule.FieldByName("IPv4Bits").Int()), block + "ipv6_prefix": fmt.Sprint(rule.FieldByName("IPv6Bits").Int()),
		"policyd.srs_inbound": hidden(inbound, "inbound").String(),
	}
}

// noRecipients knows no key.
type noRecipients struct{}

func (noRecipients) Lookup(context.Context, string) (string, bool, error) { return "", false, nil }
