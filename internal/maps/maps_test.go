package maps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
)

// rows is a table in a test: key → values, or trouble.
type rows struct {
	values map[string][]string
	err    error
}

func (r rows) Values(_ context.Context, key string) ([]string, error) {
	return r.values[key], r.err
}

func (r rows) Lookup(_ context.Context, key string) (string, bool, error) {
	if v := r.values[key]; len(v) > 0 && r.err == nil {
		return v[0], true, nil
	}
	return "", false, r.err
}

func table(pairs ...string) rows {
	r := rows{values: map[string][]string{}}
	for i := 0; i < len(pairs); i += 2 {
		r.values[pairs[i]] = append(r.values[pairs[i]], pairs[i+1])
	}
	return r
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(t time.Time, reason string) string { return fmt.Sprintf("%d %s", t.UnixMicro(), reason) }

// hostTables is a small forwarding host.
func hostTables() Tables {
	return Tables{
		Domain: table("fwd.test", "1", "b.test", "1", "old.test", "0", "x.fwd.test", "0", "c.test", "1", "sub.b.test", "1"),
		Alias: table(
			"info@fwd.test", "boss@dest.test",
			"team@fwd.test", "a@dest.test, b@dest.test",
			"@b.test", "all@dest.test",
			"@c.test", "@fwd.test",
			"sales@b.test", "@dest.test",
			"gone@old.test", "boss@dest.test",
			"blank@fwd.test", " , ",
			"bob@dest.test", "trap@evil.test",
			"bob@fwd.test", "bob-alias@dest.test",
			"admin@b.test", "boss@dest.test",
			"self@fwd.test", "self@fwd.test",
			"keep@fwd.test", "keep@fwd.test,other@dest.test",
			"dead@fwd.test", "nobody@fwd.test",
			"half@fwd.test", "nobody@fwd.test,other@dest.test",
			"ring1@fwd.test", "ring2@fwd.test",
			"ring2@fwd.test", "ring1@fwd.test",
			"open1@fwd.test", "open2@fwd.test,out@dest.test",
			"open2@fwd.test", "open1@fwd.test",
			"grow@fwd.test", "grow+x@fwd.test",
			"chain@fwd.test", "team@fwd.test",
			"josé@fwd.test", "accent@dest.test",
		),
		Handle: table(
			"alice", "alice@home.test",
			"bob", "bob@home.test",
			"com", "evil@home.test",
			"fwd.test", "evil@home.test",
			"admin", "captured@home.test",
			"postmaster", "captured@home.test",
			"empty", " ",
			"loopa", "loopb@fwd.test",
			"loopb", "loopa@fwd.test",
		),
		Sender: table(
			"shared@fwd.test", "zoe", "shared@fwd.test", "alice", "shared@fwd.test", "zoe",
			"alice@fwd.test", "alice",
			"@b.test", "bob",
		),
		Ban: table(
			"domain:bad.test", "- spam source",
			"domain:gone.test", at(now.Add(-time.Second), "expired"),
			"domain:soon.test", at(now.Add(time.Microsecond), "until now"),
			"domain:twice.test", at(now.Add(time.Hour), "short"),
			"domain:twice.test", at(now.Add(2*time.Hour), "long"),
			"domain:twice.test", at(now.Add(-time.Hour), "over"),
			"domain:odd.test", "- line\r\nbreak \x00 ü",
			"domain:noreason.test", "-",
			"email:x@mail.test", "- only this address",
		),
	}
}

func hostOptions() Options {
	return Options{
		Delimiter: "+", Propagate: true, Operator: "ops@elsewhere.test",
		Reserved: []string{"postmaster", "admin", "abuse", "root"},
		MyOrigin: "mx.test",
		Now:      func() time.Time { return now },
	}
}

// none is the expectation "not found".
const none = ""

func TestAnswers(t *testing.T) {
	set := New(hostTables(), hostOptions()).Set()
	for _, c := range []struct{ name, mapName, key, want string }{
		{"alias by address", Virtual, "info@fwd.test", "boss@dest.test"},
		{"case is folded", Virtual, "Info@FWD.test", "boss@dest.test"},
		{"extension is stripped and propagated", Virtual, "info+News@fwd.test", "boss+News@dest.test"},
		{"several targets stay as written", Virtual, "team@fwd.test", "a@dest.test, b@dest.test"},
		{"catch-all", Virtual, "anyone@b.test", "all@dest.test"},
		{"domain for domain, which Postfix completes", Virtual, "sales@b.test", "@dest.test"},
		{"domain for a hosted domain", Virtual, "info@c.test", "@fwd.test"},
		{"domain for a hosted domain without that name", Virtual, "nobody@c.test", none},
		{"handle", Virtual, "alice@fwd.test", "alice@home.test"},
		{"handle at every hosted domain", Virtual, "alice@b.test", "alice@home.test"},
		{"handle before alias", Virtual, "bob@fwd.test", "bob@home.test"},
		{"handle with extension", Virtual, "alice+x@b.test", "alice+x@home.test"},
		{"unknown", Virtual, "nobody@fwd.test", none},

		{"a handle named like a TLD", Allowlist, "com", none},
		{"a handle named like a domain", AllowlistHandles, "fwd.test", none},
		{"a bare local part", AllowlistHandles, "alice@", none},
		{"a stranger's domain", AllowlistHandles, "alice@evil.test", none},
		{"a handle where it belongs", AllowlistHandles, "alice@fwd.test", "OK"},
		{"an empty handle", Allowlist, "empty@fwd.test", none},
		{"an empty handle in virtual", VirtualHandles, "empty@fwd.test", none},
		{"padding", VirtualHandles, "alice @fwd.test", none},
		{"quoted padding", VirtualHandles, `"alice "@fwd.test`, none},
		{"a destination is not expanded", Virtual, "bob@dest.test", none},
		{"hosted domains only", VirtualHandles, "alice@old.test", none},
		{"reserved handle", VirtualHandles, "admin@fwd.test", none},
		{"reserved, alias row wins", Virtual, "admin@b.test", "boss@dest.test"},
		{"reserved before the catch-all, no operator for it", VirtualHandles, "root@b.test", none},
		{"postmaster reaches the operator", Virtual, "postmaster@fwd.test", "ops@elsewhere.test"},
		{"abuse reaches the operator", VirtualAliases, "abuse@b.test", "ops@elsewhere.test"},
		{"not at foreign domains", Virtual, "postmaster@evil.test", none},
		{"a hosted domain", VirtualDomains, "FWD.test", "1"},
		{"a handle is no domain", VirtualDomains, "alice", none},
		{"an inactive domain", VirtualDomains, "old.test", none},
		{"alias at an inactive domain", Virtual, "gone@old.test", none},
		{"allow list at an inactive domain", AllowlistAliases, "gone@old.test", none},
		{"an empty goto", Virtual, "blank@fwd.test", none},
		{"bare postmaster, completed with $myorigin", Virtual, "postmaster@mx.test", "ops@elsewhere.test"},
		{"handles in a circle", VirtualHandles, "loopa@fwd.test", none},
		{"aliases in a circle", Virtual, "ring1@fwd.test", none},
		{"the allow list knows", Allowlist, "ring2@fwd.test", none},
		{"a circle with a way out", Virtual, "open1@fwd.test", "out@dest.test"},
		{"the same from the other side", Virtual, "open2@fwd.test", "out@dest.test"},
		{"to itself", Virtual, "self@fwd.test", none},
		{"without end", Virtual, "grow@fwd.test", none},
		{"dead end", Virtual, "dead@fwd.test", none},
		{"half a dead end stays as written", Virtual, "half@fwd.test", "nobody@fwd.test,other@dest.test"},
		{"a copy for itself stays as written", Virtual, "keep@fwd.test", "keep@fwd.test,other@dest.test"},
		{"a chain stays as written", Virtual, "chain@fwd.test", "team@fwd.test"},
		{"accents make a difference", Virtual, "jose@fwd.test", none},
		{"and are found as written", Virtual, "José@fwd.test", "accent@dest.test"},

		{"forged sender", BlockLocalSenders, "ceo@fwd.test", "REJECT forged local sender"},
		{"a subdomain", BlockLocalSenders, "ceo@deep.mail.fwd.test", "REJECT forged local sender"},
		{"hosted elsewhere by choice", BlockLocalSenders, "ceo@x.fwd.test", none},
		{"and below", BlockLocalSenders, "ceo@y.x.fwd.test", none},
		{"hosted subdomain", BlockLocalSenders, "ceo@sub.b.test", "REJECT forged local sender"},
		{"foreign sender", BlockLocalSenders, "ceo@dest.test", none},
		{"no suffix without a dot", BlockLocalSenders, "ceo@notfwd.test", none},
		{"null sender", BlockLocalSenders, "<>", none},

		{"all logins", SenderLoginMaps, "Shared@fwd.test", "alice,zoe"},
		{"one login", SenderLoginMaps, "alice@fwd.test", "alice"},
		{"login of an extension", SenderLoginMaps, "alice+tag@fwd.test", "alice"},
		{"wildcard, login", SenderLoginMaps, "any@b.test", "bob"},
		{"wildcard, sender", AllowedSenders, "any@b.test", "OK"},
		{"not a sender", AllowedSenders, "any@fwd.test", none},
		{"null sender", AllowedSenders, "<>", none},

		{"banned", BannedDomains, "x@bad.test", "error:5.7.1 Domain banned. spam source"},
		{"banned below", BannedDomains, "x@mail.sub.bad.test", "error:5.7.1 Domain banned. spam source"},
		{"not by a common ending", BannedDomains, "x@notbad.test", none},
		{"expired", BannedDomains, "x@gone.test", none},
		{"expires in a microsecond", BannedDomains, "x@soon.test", "error:5.7.1 Domain banned. until now"},
		{"the longest of several", BannedDomains, "x@twice.test", "error:5.7.1 Domain banned. long"},
		{"reason is escaped", BannedDomains, "x@odd.test", "error:5.7.1 Domain banned. line  break   ?"},
		{"no reason", BannedDomains, "x@noreason.test", "error:5.7.1 Domain banned."},
		{"an address ban is no domain ban", BannedDomains, "x@mail.test", none},
		{"wildcard key", BannedDomains, "*", none},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, found, err := set[c.mapName].Lookup(context.Background(), c.key)
			if err != nil {
				t.Fatal(err)
			}
			if found != (c.want != none) || found && got != c.want {
				t.Errorf("%s %q: got %q %v, want %q", c.mapName, c.key, got, found, c.want)
			}
		})
	}
}

func TestReservedHandleAllowed(t *testing.T) {
	o := hostOptions()
	o.Allowed = []string{"admin"}
	got, found, err := New(hostTables(), o).Set()[VirtualHandles].Lookup(context.Background(), "admin@fwd.test")
	if got != "captured@home.test" || !found || err != nil {
		t.Errorf("%q %v %v", got, found, err)
	}
}

func TestNoOperator(t *testing.T) {
	o := hostOptions()
	o.Operator = ""
	if _, found, err := New(hostTables(), o).Set()[Virtual].Lookup(context.Background(), "postmaster@fwd.test"); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
}

// TestReason: a circle names itself to the person who debugs.
func TestReason(t *testing.T) {
	reason, found, err := New(hostTables(), hostOptions()).Set()[Virtual].Lookup(context.Background(), "ring1@fwd.test")
	if found || err != nil || !strings.Contains(reason, "ring1@fwd.test > ring2@fwd.test > ring1@fwd.test") {
		t.Errorf("%q %v %v", reason, found, err)
	}
}

// TestTrouble: a table in trouble is never "not found".
func TestTrouble(t *testing.T) {
	broken := rows{err: errors.New("database: connection refused")}
	for name, change := range map[string]func(*Tables){
		"domain": func(t *Tables) { t.Domain = broken },
		"alias":  func(t *Tables) { t.Alias = broken },
		"handle": func(t *Tables) { t.Handle = broken },
		"sender": func(t *Tables) { t.Sender = broken },
		"ban":    func(t *Tables) { t.Ban = broken },
	} {
		t.Run(name, func(t *testing.T) {
			tables := hostTables()
			change(&tables)
			uses := map[string][]string{
				"domain": {Virtual, VirtualHandles, VirtualAliases, Allowlist, AllowlistHandles, AllowlistAliases, VirtualDomains, BlockLocalSenders},
				"alias":  {Virtual, VirtualAliases, Allowlist, AllowlistAliases},
				"handle": {Virtual, VirtualHandles, Allowlist, AllowlistHandles},
				"sender": {SenderLoginMaps, AllowedSenders},
				"ban":    {BannedDomains},
			}[name]
			set := New(tables, hostOptions()).Set()
			for _, use := range uses {
				key := "nobody@fwd.test"
				if use == VirtualDomains {
					key = "fwd.test"
				}
				if _, found, err := set[use].Lookup(context.Background(), key); found || err == nil {
					t.Errorf("%s: found %v, error %v", use, found, err)
				}
			}
		})
	}
}

// TestTroubleOnTheWay: what is known is said although a later step is in
// trouble; Postfix will ask for that step itself.
func TestTroubleOnTheWay(t *testing.T) {
	tables := hostTables()
	tables.Handle = lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		if key == "alice" {
			return "next@fwd.test", true, nil
		}
		return "", false, errors.New("database: gone")
	})
	got, found, err := New(tables, hostOptions()).Set()[Virtual].Lookup(context.Background(), "alice@fwd.test")
	if got != "next@fwd.test" || !found || err != nil {
		t.Errorf("%q %v %v", got, found, err)
	}
}

// TestWideWeb: rows that lead to one another in every direction cost a bounded
// walk.
func TestWideWeb(t *testing.T) {
	pairs := []string{}
	for layer := range 40 {
		next := fmt.Sprintf("l%da@fwd.test,l%db@fwd.test", layer+1, layer+1)
		pairs = append(pairs, fmt.Sprintf("l%da@fwd.test", layer), next, fmt.Sprintf("l%db@fwd.test", layer), next)
	}
	tables := hostTables()
	tables.Alias = table(pairs...)
	if _, found, err := New(tables, hostOptions()).Set()[Virtual].Lookup(context.Background(), "l0a@fwd.test"); found || err != nil {
		t.Errorf("%v %v", found, err)
	}
}

func TestMembers(t *testing.T) {
	b := New(hostTables(), hostOptions())
	for _, name := range Names() {
		if len(b.Members(name)) == 0 || b.Set()[name] == nil {
			t.Errorf("%s has no face", name)
		}
	}
}

func BenchmarkVirtual(b *testing.B) {
	m := New(hostTables(), hostOptions()).Set()[Virtual]
	b.ReportAllocs()
	for b.Loop() {
		if _, found, _ := m.Lookup(context.Background(), "alice@fwd.test"); !found {
			b.Fatal("not found")
		}
	}
}

func TestKnown(t *testing.T) {
	walker := New(hostTables(), Options{Delimiter: "+"}).Walker()
	for _, c := range []struct {
		address       string
		hosted, known bool
	}{
		{"info@fwd.test", true, true},
		{"INFO+news@FWD.test", true, true},
		{"anybody@b.test", true, true},
		{"nobody@fwd.test", true, false},
		{"self@fwd.test", true, false},
		{"dead@fwd.test", true, false},
		{"gone@old.test", false, false},
		{"bob@dest.test", false, false},
		{"postmaster", false, false},
		{"", false, false},
	} {
		hosted, known, err := walker.Known(context.Background(), c.address)
		if err != nil || hosted != c.hosted || known != c.known {
			t.Errorf("%q: hosted %v, known %v (%v)", c.address, hosted, known, err)
		}
	}
	tables := hostTables()
	tables.Alias = rows{err: errors.New("down")}
	if _, _, err := New(tables, Options{}).Walker().Known(context.Background(), "info@fwd.test"); err == nil {
		t.Error("a table that is down is no trouble")
	}
}
