//go:build integration

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// oldPathRows: what the stock queries make of them is in the cases below.
const oldPathRows = `
INSERT INTO domain (name, active) VALUES ('fwd.test', 1), ('off.test', 0);
INSERT INTO alias (address, goto) VALUES ('info@fwd.test', 'owner@far.test'), ('list@fwd.test', 'a@far.test, b@far.test'), ('x@off.test', 'x@far.test'),
	('ring@fwd.test', 'gnir@fwd.test'), ('gnir@fwd.test', 'ring@fwd.test'), ('jose@fwd.test', 'jose@far.test'), ('new@fwd.test', 'new@far.test');
INSERT INTO alias_handle (handle, address) VALUES ('desk', 'info@fwd.test'), ('admin', 'thief@far.test');
INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'sales@fwd.test'), ('bob', 'sales@fwd.test'), ('bob', 'bob@fwd.test');
CREATE TABLE alias_before AS SELECT * FROM alias;
UPDATE alias_before SET goto = 'former@far.test' WHERE address = 'info@fwd.test';
DELETE FROM alias_before WHERE address = 'new@fwd.test';
`

// TestOldPath: live questions are asked again by the stock queries. A row that
// is another there is found, what differs on purpose is explained, and while
// the database is dead nobody who asks notices.
func TestOldPath(t *testing.T) {
	m := scratchtest.MariaDB(t, scratch.MariaDBOptions{})
	dir := openFolder(t)
	schema := filepath.Join(dir, "schema.sql")
	writeFile(t, schema, schemaText(t, true))
	if err := errors.Join(m.Load(t.Context(), schema), m.Exec(t.Context(), oldPathRows)); err != nil {
		t.Fatal(err)
	}
	cf := func(name, query string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\nquery = %s\n", m.Addr(), m.User(), m.Password(), m.Database(), query))
		return path
	}
	d := startDaemon(t, fmt.Sprintf("database: {hosts: [\"%s\"], name: %s, user: %s, password: %s}\noperator: ops@far.test\n"+
		"twin:\n  share: 100%%\n  maps:\n    virtual: [%s, %s]\n    sender-login-maps: [%s]\n    virtual-domains: [/none.cf]\n",
		m.Addr(), m.Database(), m.User(), m.Password(),
		cf("handles.cf", "SELECT address FROM alias_handle WHERE handle = '%u' AND active = 1"),
		cf("aliases.cf", "SELECT goto FROM alias_before WHERE address = '%s' AND active = 1"),
		cf("logins.cf", "SELECT login FROM smtp_sender_acl WHERE sender = '%s' AND active = 1 LIMIT 1")))
	d.await(t, "a file that is not there is complained of", func() bool {
		return strings.Contains(d.log(), "map is not compared with its old path")
	})

	a := d.asker()
	defer a.close()
	asked := []struct{ table, key, want, because string }{
		{"virtual", "desk@fwd.test", "OK info@fwd.test", "same"},
		{"virtual", "list+tag@fwd.test", "OK a+tag@far.test, b+tag@far.test", "same"},
		{"virtual", "nobody@fwd.test", "NOTFOUND ", "same"},
		{"virtual", "info@fwd.test", "OK owner@far.test", ""},
		{"virtual", "new@fwd.test", "OK new@far.test", ""},
		{"virtual", "x@off.test", "NOTFOUND ", "active row in table domain"},
		{"virtual", "desk@gone.test", "NOTFOUND ", "active row in table domain"},
		{"virtual", "admin@fwd.test", "NOTFOUND ", "reserved_handles"},
		{"virtual", "postmaster@fwd.test", "OK ops@far.test", "lead to the operator"},
		{"virtual", "ring@fwd.test", "NOTFOUND leads in a circle", "leads in a circle"},
		{"virtual", "josé@fwd.test", "NOTFOUND ", "accents count"},
		{"sender-login-maps", "sales@fwd.test", "OK alice,bob", "all its logins"},
		{"sender-login-maps", "bob@fwd.test", "OK bob", "same"},
	}
	want := map[string]string{}
	for _, q := range asked {
		got, err := a.ask(q.table, q.key)
		if err != nil || !strings.HasPrefix(got, q.want) {
			t.Errorf("%s %s: %q (%v), want %q", q.table, q.key, got, err, q.want)
		}
		if q.because != "same" {
			want[q.table+" "+q.key] = q.because
		}
	}
	results := func() string {
		text := ""
		for _, r := range []string{"same", "different", "explained", "moved", "error", "dropped"} {
			text += fmt.Sprintf("%s %v ", r, d.metric(t, "postern_twin_questions_total", `result="`+r+`"`))
		}
		return text
	}
	d.await(t, "all are compared", func() bool { return results() == "same 4 different 2 explained 7 moved 0 error 0 dropped 0 " })

	out, err := d.run(t, "twin", "--json")
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	var reports []struct {
		Maps        []string
		Differences []struct{ Map, Key, Because string }
	}
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 || strings.Join(reports[0].Maps, " ") != "sender-login-maps virtual" {
		t.Fatalf("%v: %s", err, out)
	}
	for _, diff := range reports[0].Differences {
		name := diff.Map + " " + diff.Key
		if because, known := want[name]; !known || (because == "") != (diff.Because == "") || !strings.Contains(diff.Because, because) {
			t.Errorf("%s: %q, want %q", name, diff.Because, because)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	out, _ = d.run(t, "twin") // status 1, as above
	for _, text := range []string{"postern: owner@far.test", "old path: former@far.test", "SELECT goto FROM alias_before", "2 differences, and 7 on purpose"} {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in\n%s", text, out)
		}
	}

	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if got, err := a.ask("virtual", "info@fwd.test"); err != nil || got != "OK owner@far.test" {
			t.Fatalf("question %d with a dead database: %q, %v", i, got, err)
		}
	}
	d.await(t, "they are given up", func() bool {
		return d.metric(t, "postern_twin_questions_total", `result="dropped"`) > 250 && d.metric(t, "postern_twin_questions_total", `result="error"`) > 0
	})
	if got := results(); !strings.HasPrefix(got, "same 4 different 2 explained 7 moved 0 ") {
		t.Error(got)
	}
	if err := m.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.await(t, "it compares again", func() bool {
		_, err := a.ask("sender-login-maps", "bob@fwd.test")
		return err == nil && d.metric(t, "postern_twin_questions_total", `result="same"`) > 4
	})
}
