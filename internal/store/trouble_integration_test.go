//go:build integration

package store

import (
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// TestMariaDBTroubles asks a server in each way that it refuses.
func TestMariaDBTroubles(t *testing.T) {
	m := scratchtest.Database(t, scratch.MariaDBOptions{})
	if err := m.Exec(t.Context(), "CREATE USER narrow IDENTIFIED BY 'x'; GRANT SELECT ON postern.domain TO narrow; GRANT SELECT ON nowhere.* TO narrow"); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Options)) Options {
		o := optionsOf(m)
		change(&o)
		return o
	}
	narrow := func(o *Options) { o.User, o.Password = "narrow", "x" }
	for _, test := range []struct {
		name    string
		options Options
		query   string
		up      bool
		want    Trouble
		says    string
	}{
		{"well", optionsOf(m), "SELECT 1", true, "", ""},
		{"wrong password", with(func(o *Options) { o.Password = "wrong" }), "SELECT 1", false, Refused, "Access denied for user"},
		{"unknown user", with(func(o *Options) { o.User = "nobody" }), "SELECT 1", false, Refused, "Access denied for user"},
		{"a database of others", with(func(o *Options) { narrow(o); o.Name = "mysql" }), "SELECT 1", false, Refused, "to database 'mysql'"},
		{"no such database", with(func(o *Options) { narrow(o); o.Name = "nowhere" }), "SELECT 1", false, NoDatabase, "Unknown database"},
		{"no right to a table", with(narrow), "SELECT 1 FROM alias", true, NoRight, "SELECT command denied"},
		{"no such table", optionsOf(m), "SELECT 1 FROM aliases", true, NoTable, "doesn't exist"},
		{"no such column", optionsOf(m), "SELECT target FROM alias", true, NoColumn, "Unknown column"},
		{"nobody there", with(func(o *Options) { o.Hosts = []string{"127.0.0.1:1"} }), "SELECT 1", false, Unreachable, "connection refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t, test.options)
			_, err := readOne(t.Context(), s.Prepare(test.query))
			is := s.State()
			if TroubleOf(err) != test.want || TroubleOf(is.Trouble) != test.want || is.Up != test.up || !is.Asked {
				t.Errorf("%v is %q, want %q; the state is %+v", err, TroubleOf(err), test.want, is)
			}
			if test.says != "" && !strings.Contains(is.Trouble.Error(), test.says) {
				t.Errorf("it says %q, want %q in it", is.Trouble, test.says)
			}
		})
	}
}
