package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"postern/internal/config"
	"postern/internal/lookup"
	"postern/internal/postconf"
)

// pairs is a map with a fixed content; a value that begins with "!" is a
// reason for "not found".
type pairs map[string]string

func (p pairs) Lookup(_ context.Context, key string) (string, bool, error) {
	value, found := p[key]
	if reason, ok := strings.CutPrefix(value, "!"); ok {
		return reason, false, nil
	}
	return value, found, nil
}

// compared asks two maps one key.
func compared(t *testing.T, name, key string, old, now pairs, set lookup.Set) Comparison {
	t.Helper()
	settings := config.Defaults()
	settings.HandlesAllowed = []string{"admin"}
	c := &comparer{plan: &Plan{Config: settings}, set: set, progress: func() {}}
	if err := c.askAll(t.Context(), Ask{Map: name}, old, now, []string{key}); err != nil {
		t.Fatal(err)
	}
	return c.result()
}

// Each difference that is meant has its reason; all others have none.
func TestWhy(t *testing.T) {
	set := lookup.Set{
		"virtual-domains": pairs{"example.org": "1"},
		"virtual":         pairs{"live@example.org": "x@example.com"},
		"virtual-aliases": pairs{"@example.org": "all@example.com"},
		"allowed-senders": pairs{"@example.org": "OK"},
	}
	for _, test := range []struct{ name, table, key, old, now, want string }{
		{"same", "virtual", "a@example.org", "x@example.com", "x@example.com", ""},
		{"same list in another order", "virtual", "a@example.org", "y@example.com,X@example.com", "x@example.com, y@example.com", ""},
		{"neither", "virtual", "a@example.org", "", "", ""},
		{"lost", "virtual", "a@example.org", "x@example.com", "", "?"},
		{"other place", "virtual", "a@example.org", "x@example.com", "z@example.com", "?"},
		{"appeared", "virtual", "a@example.org", "", "z@example.com", "?"},
		{"not hosted", "virtual", "a@example.net", "x@example.com", "", "no active row"},
		{"no address", "virtual", "example.org", "x@example.com", "", "no address"},
		{"reserved", "virtual", "root@example.org", "x@example.com", "", "a reserved handle"},
		{"reserved, but allowed", "virtual", "admin@example.org", "x@example.com", "", "?"},
		{"operator", "virtual", "abuse@example.org", "", "ops@example.net", "reach the operator"},
		{"leads nowhere", "virtual", "a@example.org", "gone@example.org", "", "leads in a circle"},
		{"leads somewhere", "virtual", "a@example.org", "live@example.org", "", "?"},
		{"a reason of the map", "virtual", "a@example.org", "b@example.org", "!leads in a circle: a > b > a", "a > b > a"},
		{"accents", "virtual-aliases", "jos\u00e9@example.org", "x@example.com", "", "accents"},
		{"allow list that follows", "allowlist", "a@example.org", "OK", "", "leads in a circle"},
		{"allow list that does not", "allowlist", "live@example.org", "OK", "", "?"},
		{"allow list and a catch-all", "allowlist-aliases", "a@example.org", "", "OK", "a row @domain leads"},
		{"allow list without a catch-all", "allowlist-aliases", "a@example.net", "", "OK", "?"},
		{"a sender of several logins", "allowed-senders", "a@example.org", "OK,OK", "OK", "Postfix takes OK,OK"},
		{"a sender with another answer", "allowed-senders", "a@example.org", "OK,REJECT", "OK", "?"},
		{"more logins", "sender-login-maps", "a@example.org", "x", "x,y", "several logins"},
		{"other logins", "sender-login-maps", "a@example.org", "x", "y,z", "?"},
		{"no login", "sender-login-maps", "a@example.org", "x", "", "?"},
		{"sender by a row of its domain", "allowed-senders", "a@example.org", "", "OK", "a row @domain"},
		{"sender without a row", "allowed-senders", "a@example.net", "", "OK", "?"},
		{"forged subdomain", "block-local-senders", "a@b.example.org", "", "REJECT x", "below a hosted domain"},
		{"another sender refused", "block-local-senders", "a@b.example.net", "", "REJECT x", "?"},
		{"ban that is new", "banned-domains", "a@example.net", "", "error:5.7.1 a", "?"},
		{"another reason", "banned-domains", "a@example.net", "error:5.7.1 a", "error:5.7.1 b", "the same ban"},
		{"ban that is gone", "banned-domains", "a@example.net", "error:5.7.1 a", "", "?"},
		{"a table of one's own", "office", "a@example.net", "x", "", "?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, now := pairs{}, pairs{}
			if test.old != "" {
				old[test.key] = test.old
			}
			if test.now != "" {
				now[test.key] = test.now
			}
			got := compared(t, test.table, test.key, old, now, set)
			switch {
			case test.want == "" && got.Different != 0:
				t.Errorf("differs: %+v", got)
			case test.want == "?" && (got.Unexplained != 1 || got.Differences[0].Why != ""):
				t.Errorf("explained: %+v", got)
			case test.want != "" && test.want != "?" && (got.Unexplained != 0 || got.Different != 1 || !strings.Contains(got.Differences[0].Why, test.want)):
				t.Errorf("got %+v, want a difference with %q", got, test.want)
			}
		})
	}
}

// An address that is let in because of its bare domain is told from one whose
// alias leads nowhere.
func TestWhyDomainHandle(t *testing.T) {
	set := lookup.Set{"virtual-domains": pairs{"example.org": "1"}, "virtual": pairs{}}
	for _, handle := range []string{"example.org", "org"} {
		old := pairs{"a@example.org": "OK", handle: "OK"}
		got := compared(t, "allowlist", "a@example.org", old, pairs{}, set)
		if got.Different != 1 || !strings.Contains(got.Differences[0].Why, "a handle named like the domain") {
			t.Errorf("handle %s: %+v", handle, got)
		}
	}
}

// Trouble on one side ends the comparison with an error that names the key.
func TestCompareTrouble(t *testing.T) {
	defer goleak.VerifyNone(t)
	dead := lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, errors.New("no database") })
	var asked atomic.Int32
	c := &comparer{plan: &Plan{Config: config.Defaults()}, progress: func() { asked.Add(1) }}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("a%d@example.org", i)
	}
	err := c.askAll(t.Context(), Ask{Map: "m", Where: "virtual_alias_maps"}, dead, pairs{}, keys)
	if err == nil || !strings.Contains(err.Error(), "the old tables of virtual_alias_maps: key \"a") {
		t.Errorf("error %v", err)
	}
	if n := asked.Load(); n > 100 {
		t.Errorf("%d keys were asked in vain", n)
	}
	c = &comparer{plan: &Plan{Config: config.Defaults()}, progress: func() {}}
	if err := c.askAll(t.Context(), Ask{Map: "m"}, pairs{}, dead, keys); err == nil || !strings.Contains(err.Error(), "map m: key") {
		t.Errorf("error %v", err)
	}
}

// What is kept of a great many differences is bounded, and unexplained ones
// come first.
func TestManyDifferences(t *testing.T) {
	c := &comparer{plan: &Plan{Config: config.Defaults()}}
	for i := range 3 * maxDifferences {
		c.add(Difference{Map: "a", Key: fmt.Sprint(i), Why: "meant"})
		c.add(Difference{Map: "b", Key: fmt.Sprint(i)})
	}
	r := c.result()
	if r.Different != 6*maxDifferences || r.Unexplained != 3*maxDifferences || len(r.Differences) != 2*maxDifferences || r.Differences[0].Why != "" {
		t.Errorf("%d different, %d unexplained, %d kept, first %+v", r.Different, r.Unexplained, len(r.Differences), r.Differences[0])
	}
}

func TestKeys(t *testing.T) {
	c := newCollector(0)
	for _, key := range []string{"a@example.org", "b@example.net"} {
		c.address(key)
	}
	c.banned("domain:banned.test")
	c.banned("ip:192.0.2.1")
	c.handles = []string{"jane"}
	k := c.keys()
	if got := strings.Join(k.Addresses, " "); got != "a@example.org b@example.net jane@banned.test someone@banned.test someone@below.banned.test" {
		t.Errorf("addresses %s", got)
	}
	if got := k.of(postconf.SearchVirtual, 2); len(got) != 2 || got[0] != k.Addresses[0] || got[1] != k.Addresses[2] {
		t.Errorf("a sample of two: %q", got)
	}
	if got := k.of(postconf.SearchExact, 0); len(got) != 3 {
		t.Errorf("domains: %q", got)
	}
}

// However many keys there are, a bounded sample is kept, the same one each
// time.
func TestSample(t *testing.T) {
	first, second := newSample(100), newSample(100)
	for i := range 50_000 {
		first.add(fmt.Sprintf("a%d@example.org", i))
		second.add(fmt.Sprintf("a%d@example.org", i))
	}
	if n := len(first.keys); n < 100 || n > 400 {
		t.Errorf("%d keys are kept, want 100 to 400", n)
	}
	if !slices.Equal(first.sorted(), second.sorted()) {
		t.Error("two samples of the same keys differ")
	}
}
