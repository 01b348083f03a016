package status

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHealth tells, for each thing that can be in trouble, what its state is
// and what the text must say about mail.
func TestHealth(t *testing.T) {
	loaded := reading{
		{family: tableAge, labels: labels{"alias"}}:  3,
		{family: tableRows, labels: labels{"alias"}}: 10,
	}
	alias := []TableFact{{Name: "alias"}}
	away, refusing := Database{Name: "db", Trouble: "cannot be reached"}, Database{Name: "db", Trouble: "refuses us"}
	for _, test := range []struct {
		what  string
		now   reading
		grown reading
		facts Facts
		name  string
		state State
		text  string
	}{
		{"database up", nil, nil, asked(Database{Name: "db", Up: true}, true), "database db", Good, ""},
		{"database away, tables loaded", loaded, nil, asked(away, true, alias...), "database db", Poor, "cannot be reached: known addresses are answered from memory"},
		{"database away, tables not loaded", nil, nil, asked(away, true, alias...), "database db", Bad, "cannot be reached, and not every table is in memory"},
		{"database away, table too large", loaded, nil, asked(away, true, TableFact{Name: "alias", PerKey: true}), "database db", Bad, "mail waits"},
		{"database refuses us, tables loaded", loaded, nil, asked(refusing, true, alias...), "database db", Poor, "refuses us: known addresses"},
		{"database refuses us, tables not loaded", nil, nil, asked(refusing, true, alias...), "database db", Bad, "refuses us, and not every table"},
		{"why it refuses us", nil, nil, asked(refusing, true), "database db", Bad, "(error 1045)"},
		{"database lacks a table", nil, nil, asked(Database{Name: "db", Up: true, Trouble: "lacks a table"}, true), "database db", Poor, "lacks a table: who needs"},
		{"database not asked", nil, nil, Facts{Databases: []DatabaseFact{{Database: Database{Name: "db"}}}}, "database db", Poor, "not asked yet"},
		{"database of .cf files away", loaded, nil, asked(away, false, alias...), "database db", Bad, "cannot be reached: what the cache holds"},
		{"one of two databases away", nil, nil, Facts{Databases: []DatabaseFact{{Database: away, Asked: true}, {Database: Database{Name: "two", Up: true}, Asked: true}}}, "database two", Good, ""},
		{"table", loaded, nil, Facts{Tables: alias}, "table alias", Good, ""},
		{"table not loaded", reading{}, nil, Facts{Tables: []TableFact{{Name: "alias", Trouble: "refused"}}}, "table alias", Bad, "mail waits (451) (refused)"},
		{"table per key", reading{}, nil, Facts{Tables: []TableFact{{Name: "alias", PerKey: true}}}, "table alias", Good, "too large"},
		{"table held", with(loaded, reading{{family: tableHeld, labels: labels{"alias"}}: 1}), nil, Facts{Tables: alias}, "table alias", Poor, "accept-snapshot"},
		{"table old", reading{{family: tableAge, labels: labels{"alias"}}: 600}, nil, Facts{Tables: []TableFact{{Name: "alias", Trouble: "refused"}}}, "table alias", Poor, "10 minutes ago"},
		{"table old by intent", reading{{family: tableAge, labels: labels{"alias"}}: 600}, nil, Facts{Tables: alias}, "table alias", Good, ""},
		{"redis", reading{{family: policyStateUp}: 1}, nil, Facts{Redis: "r"}, "redis r", Good, ""},
		{"redis away", reading{{family: policyStateUp}: 0}, nil, Facts{Redis: "r"}, "redis r", Poor, "its share"},
		{"store", reading{{family: srsStoreUp}: 1}, nil, Facts{Store: "s"}, "srs store s", Good, ""},
		{"store not asked", reading{{family: srsStoreUp}: 0}, nil, Facts{Store: "s"}, "srs store s", Good, "not asked yet"},
		{"store away", reading{{family: srsStoreUp}: 0, {family: srsStoreOps, labels: labels{"error"}}: 1}, nil, Facts{Store: "s"}, "srs store s", Bad, "wait"},
		{"saves", reading{{family: tableSaves, labels: labels{"ok"}}: 1}, nil, Facts{}, "disk copies", Good, ""},
		{"saves fail", reading{{family: policySaves, labels: labels{"error"}}: 2}, nil, Facts{}, "disk copies", Poor, "disk full"},
		{"reload", reading{{family: reloadGood}: 1}, nil, Facts{}, "configuration", Good, ""},
		{"reload refused", reading{{family: reloadGood}: 0}, nil, Facts{}, "configuration", Poor, "still is"},
		{"lookups", answers(9, 0), answers(9, 0), Facts{}, "lookups", Good, ""},
		{"lookups in trouble", answers(9, 1), answers(9, 1), Facts{}, "lookups", Poor, "1 of 10 answers"},
		{"lookups in great trouble", answers(1, 9), answers(1, 9), Facts{}, "lookups", Bad, "9 of 10 answers"},
		{"trouble long ago", answers(1, 9), answers(1, 0), Facts{}, "lookups", Good, ""},
		{"policy", reading{{family: policyRequests, labels: labels{"answered"}}: 1}, nil, Facts{}, "policy", Good, ""},
		{"policy without reply", replies(1), replies(1), Facts{}, "policy", Bad, "default_action"},
		{"accept", reading{}, reading{{family: acceptErrors, labels: labels{"policyd"}}: 2}, Facts{}, "connections", Bad, "file descriptors"},
	} {
		t.Run(test.what, func(t *testing.T) {
			all := view{now: sample{reading: test.now}, grown: test.grown}.health(test.facts)
			i := slices.IndexFunc(all, func(h Health) bool { return h.Name == test.name })
			if i < 0 {
				t.Fatalf("no health of %s in %+v", test.name, all)
			}
			got := all[i]
			if got.State != test.state || !strings.Contains(got.Text, test.text) || test.text == "" && got.Text != "" {
				t.Errorf("%s %q, want %s with %q", got.State, got.Text, test.state, test.text)
			}
			if got.State != Good && got.Text == "" {
				t.Error("it does not say what that means for mail")
			}
		})
	}
}

// asked are the facts of a database that was asked, and of its tables.
func asked(d Database, forTables bool, tables ...TableFact) Facts {
	f := DatabaseFact{Database: d, Tables: forTables, Asked: true}
	if d.Trouble == "refuses us" {
		f.Cause = "error 1045"
	}
	return Facts{Databases: []DatabaseFact{f}, Tables: tables}
}

func with(r ...reading) reading {
	all := reading{}
	for _, one := range r {
		maps.Copy(all, one)
	}
	return all
}

func answers(good, trouble float64) reading {
	return reading{{family: lookupRequests, labels: labels{"m", "found"}}: good, {family: lookupRequests, labels: labels{"m", "temp"}}: trouble}
}

func replies(none float64) reading {
	return reading{{family: policyRequests, labels: labels{"no_reply"}}: none}
}

func TestWhatIsNotConfiguredHasNoHealth(t *testing.T) {
	now := reading{{family: policyStateUp}: 0, {family: srsStoreUp}: 0}
	if all := (view{now: sample{reading: now}}).health(Facts{}); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestTables knows, of each, whether its rows are in memory and how old they are.
func TestTables(t *testing.T) {
	now := reading{
		{family: tableRows, labels: labels{"alias"}}:    10,
		{family: tableAge, labels: labels{"alias"}}:     3.5,
		{family: tableRows, labels: labels{"api_bans"}}: 0,
		{family: tableRows, labels: labels{"domain"}}:   0,
	}
	got := view{now: sample{reading: now}}.tables([]TableFact{{Name: "alias"}, {Name: "api_bans", PerKey: true}, {Name: "domain"}})
	want := []Table{{Name: "alias", Rows: 10, Loaded: true, Age: 3.5}, {Name: "api_bans", PerKey: true}, {Name: "domain"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for age, want := range map[float64]time.Duration{3.5: 3500 * time.Millisecond, -1: 0, math.NaN(): 0, math.Inf(1): longest, 1e300: longest} {
		if got := (Table{Age: age}).Lag(); got != want {
			t.Errorf("age %v: %v, want %v", age, got, want)
		}
	}
}

func TestDatabaseStates(t *testing.T) {
	for want, d := range map[string]Database{
		"up": {Up: true}, "up, but lacks a table": {Up: true, Trouble: "lacks a table"}, "refuses us": {Trouble: "refuses us"}, "not asked yet": {},
	} {
		if got := d.State(); got != want {
			t.Errorf("%+v: %q, want %q", d, got, want)
		}
	}
}
