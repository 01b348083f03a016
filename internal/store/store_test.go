package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSQLite makes an embedded database and a store on it.
func newSQLite(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	o := Options{Driver: "sqlite", Path: path}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustExec(t testing.TB, s *Store, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := s.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := Options{Driver: "mysql", Hosts: []string{"127.0.0.1"}, Name: "maildb"}
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no driver", func(o *Options) { o.Driver = "" }, "mysql or sqlite"},
		{"other driver", func(o *Options) { o.Driver = "postgres" }, `no driver "postgres"`},
		{"no hosts", func(o *Options) { o.Hosts = nil }, "needs hosts"},
		{"no name", func(o *Options) { o.Name = "" }, "needs name"},
		{"sqlite without path", func(o *Options) { o.Driver = "sqlite" }, "needs path"},
		{"connections", func(o *Options) { o.MaxConnections = -1 }, "at least 1"},
		{"timeout", func(o *Options) { o.StatementTimeout = -1 }, "negative"},
		{"charset", func(o *Options) { o.Charset = "utf8; DROP" }, "no character set"},
		{"bad host", func(o *Options) { o.Hosts = []string{"db:x"} }, `host "db:x": port "x"`},
		{"relative socket", func(o *Options) { o.Hosts = []string{"unix:run/s"} }, "absolute path"},
		{"no such CA", func(o *Options) { o.TLS = TLS{Enabled: true, CAFile: "/nonexistent/ca"} }, "/nonexistent/ca"},
		{"bad cipher", func(o *Options) { o.TLS = TLS{Enabled: true, Ciphers: []string{"RC4-MD5"}} }, `no cipher "RC4-MD5": one of AES128`},
		{"no client certificate", func(o *Options) { o.TLS = TLS{Enabled: true, Cert: "/nonexistent/c"} }, "client certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(&o)
			_, err := Open(o, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
			if _, again := NewPools(nil).Open(o); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("a pool says %v, a store %v", again, err)
			}
		})
	}
}

func TestOptionsKeepThePassword(t *testing.T) {
	o := Options{Driver: "mysql", Hosts: []string{"db"}, Name: "maildb", User: "postern", Password: "hunter2"}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("opened", "database", o, "pointer", &o)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&log, verb+verb, o, &o)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("password in %s", log.String())
	}
	if want := "mysql:postern@db/maildb"; o.String() != want {
		t.Errorf("printed as %q, want %q", o, want)
	}
}

func TestIdentity(t *testing.T) {
	s, err := Open(Options{Driver: "mysql", Hosts: []string{"a", "unix:/run/s"}, Name: "m", User: "u", Password: "p"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, want := s.Identity(), "mysql:u@a:3306,unix:/run/s/m"; got != want {
		t.Errorf("identity %q, want %q", got, want)
	}
	if s.Driver() != "mysql" {
		t.Errorf("driver %q", s.Driver())
	}
}

func TestStatement(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, `INSERT INTO domain (name) VALUES ('a.test'), ('b.test')`)
	st := s.Prepare(`SELECT name FROM domain WHERE name >= ? ORDER BY name`)
	if again := s.Prepare(`SELECT name FROM domain WHERE name >= ? ORDER BY name`); again != st {
		t.Error("equal texts are prepared twice")
	}
	for name, st := range map[string]*Statement{"prepared": st, "text": s.Text(st.query)} {
		rows, err := st.Query(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		var all []struct{ Name string }
		if err := sqlx.StructScan(rows, &all); err != nil || len(all) != 2 {
			t.Errorf("%s: query: %v, %v", name, all, err)
		}
		names, err := Read(t.Context(), st, func(rows *sqlx.Rows) (names []string, err error) {
			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					return nil, err
				}
				names = append(names, name)
			}
			return names, nil
		}, "b")
		if err != nil || len(names) != 1 || names[0] != "b.test" {
			t.Errorf("%s: read: %v, %v", name, names, err)
		}
	}
}

func TestStatementErrors(t *testing.T) {
	s := newSQLite(t)
	own := errors.New("too many rows")
	if _, err := Read(t.Context(), s.Prepare(`SELECT 1`), func(*sqlx.Rows) (int, error) { return 0, own }); err != own {
		t.Errorf("an error of the reader came back as %v", err)
	}
	broken := s.Prepare(`SELECT name FROM later`)
	if _, err := broken.Query(t.Context()); !MissingTable(err) {
		t.Errorf("missing table: %v", err)
	}
	mustExec(t, s, `CREATE TABLE later (name TEXT)`)
	rows, err := broken.Query(t.Context())
	if err != nil {
		t.Fatalf("the table is there now: %v", err)
	}
	rows.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, broken, func(*sqlx.Rows) (int, error) { return 0, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a question of nobody: %v", err)
	}
}

// TestSlowStatement: a statement that does not end is ended, and who asked
// need not wait for that.
func TestSlowStatement(t *testing.T) {
	s := newSQLite(t, func(o *Options) { o.StatementTimeout = time.Millisecond; o.MaxConnections = 1 })
	endless := s.Prepare(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n`)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error)
	go func() {
		_, err := endless.Query(ctx)
		asked <- err
	}()
	for s.db.Stats().InUse == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Ping(impatient); err == nil || !strings.Contains(err.Error(), "connections are busy") {
		t.Errorf("second connection of one: %v", err)
	}
	// The connection comes back when the statement's time is over.
	if _, err := endless.Query(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("endless statement: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestCloseEndsStatements(t *testing.T) {
	s := newSQLite(t, func(o *Options) { o.StatementTimeout = time.Hour })
	endless := s.Prepare(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n`)
	asked := make(chan error)
	go func() {
		_, err := endless.Query(context.Background())
		asked <- err
	}()
	for s.db.Stats().InUse == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-asked; err == nil {
		t.Error("an endless statement ended well")
	}
	if err := s.Ping(context.Background()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
}

func TestPools(t *testing.T) {
	pools := NewPools(nil)
	base := Options{Driver: "mysql", Hosts: []string{"127.0.0.1"}, Name: "maildb", User: "u", Password: "p"}
	open := func(change func(*Options)) *Store {
		o := base
		change(&o)
		s, err := pools.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	yes := true
	first := open(func(*Options) {})
	same := map[string]func(*Options){
		"port by default":  func(o *Options) { o.Hosts = []string{"127.0.0.1:3306"} },
		"other limits":     func(o *Options) { o.MaxConnections, o.StatementTimeout = 3, time.Second },
		"charset by name":  func(o *Options) { o.Charset = "utf8mb4" },
		"verify by itself": func(o *Options) { o.TLS.CAFile = "" },
	}
	for name, change := range same {
		if open(change) != first {
			t.Errorf("%s: another pool for the same database", name)
		}
	}
	other := map[string]func(*Options){
		"host":     func(o *Options) { o.Hosts = []string{"127.0.0.2"} },
		"name":     func(o *Options) { o.Name = "other" },
		"user":     func(o *Options) { o.User = "other" },
		"password": func(o *Options) { o.Password = "other" },
		"charset":  func(o *Options) { o.Charset = "latin1" },
		"tls":      func(o *Options) { o.TLS.Enabled = true },
		"verify":   func(o *Options) { o.TLS.Enabled, o.TLS.Verify = true, &yes },
		// "a b" and "c" are not "a" and "b c"
		"split": func(o *Options) { o.Name, o.User = `maildb" "u`, "" },
	}
	seen := map[*Store]string{first: "first"}
	for name, change := range other {
		s := open(change)
		if twin := seen[s]; twin != "" {
			t.Errorf("%s shares a pool with %s", name, twin)
		}
		seen[s] = name
	}
	if err := pools.Keep(first); err != nil {
		t.Error(err)
	}
	if open(func(*Options) {}) != first {
		t.Error("a kept store was closed")
	}
	for s := range seen {
		if s != first && s.life.Err() == nil {
			t.Errorf("%s was not closed", seen[s])
		}
	}
	if err := pools.Close(); err != nil {
		t.Error(err)
	}
	if _, err := pools.Open(base); err == nil {
		t.Error("opened after Close")
	}
}

func TestPoolsAtOnce(t *testing.T) {
	pools := NewPools(nil)
	defer pools.Close()
	var wg sync.WaitGroup
	stores := make([]*Store, 50)
	for i := range stores {
		wg.Go(func() {
			stores[i], _ = pools.Open(Options{Driver: "mysql", Hosts: []string{"h"}, Name: "n"})
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil || s != stores[0] {
			t.Fatal("50 who asked at once got different stores")
		}
	}
}

// Who has to wait for a connection is counted, while he waits and after.
func TestMetricsOfWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		m := NewMetrics(reg)
		s := &Store{metrics: m, slots: make(chan struct{}, 1), life: context.Background()}
		if err := s.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		patient, impatient := make(chan error, 1), make(chan error, 1)
		go func() { patient <- s.acquire(t.Context()) }()
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			impatient <- s.acquire(ctx)
		}()
		synctest.Wait()
		if waiting, waits := testutil.ToFloat64(m.waiting), testutil.ToFloat64(m.waits); waiting != 2 || waits != 2 {
			t.Errorf("%v wait of %v", waiting, waits)
		}
		if err := <-impatient; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("all are busy: %v", err)
		}
		time.Sleep(time.Second)
		s.release()
		if err := <-patient; err != nil {
			t.Error(err)
		}
		if waiting, waited := testutil.ToFloat64(m.waiting), testutil.ToFloat64(m.waited); waiting != 0 || waited != 3 {
			t.Errorf("%v wait, they waited %v s", waiting, waited)
		}
	})
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	up := func(want float64) {
		t.Helper()
		if got := m.up(); got != want {
			t.Errorf("database_up is %v, want %v", got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "db")
	if err := InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	good, err := Open(Options{Driver: "sqlite", Path: path, MaxConnections: 3}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	bad, err := Open(Options{Driver: "sqlite", Path: path + ".missing", MaxConnections: 4}, m)
	if err != nil {
		t.Fatal(err)
	}
	up(0) // nobody was asked
	if err := good.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	up(1)
	if err := bad.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be opened") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := os.Stat(path + ".missing"); err == nil {
		t.Error("a missing database was created empty")
	}
	up(0)
	if _, err := good.Text("SELECT nonsense FROM nowhere").Query(t.Context()); err == nil {
		t.Error("nonsense was answered")
	}
	up(0) // still the other one
	for state, want := range map[string]float64{"idle": 1, "in_use": 0, "max": 7} {
		if got := gathered(t, reg, "database_connections", state); got != want {
			t.Errorf("database_connections{state=%q} is %v, want %v", state, got, want)
		}
	}
	bad.Close()
	up(1) // a refused statement is an answer
	if got := gathered(t, reg, "database_up", ""); got != 1 {
		t.Errorf("database_up is registered as %v", got)
	}
	if got := gathered(t, reg, "database_query_duration_seconds", ""); got != 3 {
		t.Errorf("%v questions were timed, want 3", got)
	}
}

// gathered is the value of a gauge, or the count of a histogram.
func gathered(t *testing.T, reg prometheus.Gatherer, name, state string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case family.GetName() != name:
			case m.GetHistogram() != nil:
				return float64(m.GetHistogram().GetSampleCount())
			case state == "" || m.GetLabel()[0].GetValue() == state:
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
