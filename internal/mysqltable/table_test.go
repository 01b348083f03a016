package mysqltable

import (
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"postern/internal/lookup"
	"postern/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openDead opens a file whose database is not there.
func openDead(t *testing.T, text string) lookup.Map {
	t.Helper()
	c, _, err := parseText(t, "hosts = unix:/no/such/socket\nuser = u\n"+text)
	if err != nil {
		t.Fatal(err)
	}
	pools := store.NewPools(store.NewMetrics(nil))
	t.Cleanup(func() { pools.Close() })
	m, err := Open(c, pools, store.Options{MaxConnections: 2}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDeadDatabase: it is asked for what it must be asked, and that is an error.
func TestDeadDatabase(t *testing.T) {
	for _, c := range []struct{ cf, key, want string }{
		{minimal, "user@example.com", "error"},
		{minimal, "", "key lacks a part that the query needs"},
		{minimal, "\xff@example.com", "key is not UTF-8"},
		{minimal + "domain = example.com\n", "user@example.com", "error"},
		{minimal + "domain = example.com\n", "user@sub.example.com", "not in a domain of the table"},
		{minimal + "domain = example.com\n", "@example.com", "not in a domain of the table"},
		{minimal + "domain = example.com\n", "example.com", "not in a domain of the table"},
		{minimal + "domain = example.com\n", "user@", "not in a domain of the table"},
		{minimal + "result_format = %U\n", "@example.com", "key lacks a part that the query needs"},
		{"dbname = d\nquery = SELECT \"%u\"\n", "user@example.com", "error"},
		{"dbname = d\nquery = CALL p('%u')\n", "user@example.com", "error"},
		{"dbname = d\nquery = SELECT '%s'\n", "trailing ", "error"},
	} {
		t.Run(c.cf+c.key, func(t *testing.T) {
			m := openDead(t, c.cf)
			got, found, err := m.Lookup(t.Context(), c.key)
			if err != nil {
				got = "error"
				if lookup.IsPermanent(err) || !strings.Contains(err.Error(), "t.cf: query: database: ") || !strings.Contains(err.Error(), "/no/such/socket") {
					t.Errorf("error %v", err)
				}
			}
			if found || got != c.want {
				t.Errorf("got %q %v, want %q", got, found, c.want)
			}
		})
	}
}

func TestTraceOfError(t *testing.T) {
	var steps []lookup.Step
	ctx := lookup.WithTrace(t.Context(), func(s lookup.Step) { steps = append(steps, s) })
	m := openDead(t, "dbname = d\nquery = SELECT v FROM t WHERE k='%s' OR k='%u'\n")
	_, _, err := m.Lookup(ctx, "it's@example.com")
	if len(steps) != 1 || steps[0].Err == nil || steps[0].Err != err || steps[0].Found {
		t.Fatalf("%v: %+v", err, steps)
	}
	if want := `SELECT v FROM t WHERE k= ?  OR k= ?  ["it's@example.com" "it's"]`; steps[0].Note != want {
		t.Errorf("got %s, want %s", steps[0].Note, want)
	}
}

// fakeRows look to reflection as those of the driver.
type fakeRows struct {
	rs struct{ columns []fakeColumn }

	sets   [][][]driver.Value
	widths []int
	fail   error // at the end of the last set
}

type fakeColumn struct {
	_         string // the driver's column has more than the type
	fieldType uint8
}

// begin takes up the next set.
func (r *fakeRows) begin() {
	r.rs.columns = make([]fakeColumn, r.widths[0])
}

func (r *fakeRows) Columns() []string { return make([]string, len(r.rs.columns)) }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(into []driver.Value) error {
	if len(r.sets[0]) == 0 {
		if len(r.sets) == 1 && r.fail != nil {
			return r.fail
		}
		return io.EOF
	}
	for i, c := range r.rs.columns {
		if c.fieldType != varString {
			return errors.New("the type was not set")
		}
		into[i] = r.sets[0][0][i]
	}
	r.sets[0] = r.sets[0][1:]
	return nil
}

func (r *fakeRows) HasNextResultSet() bool { return len(r.sets) > 1 }

func (r *fakeRows) NextResultSet() error {
	r.sets, r.widths = r.sets[1:], r.widths[1:]
	r.begin()
	return nil
}

func TestReadPrinted(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	row := func(v ...driver.Value) []driver.Value { return v }
	for _, c := range []struct {
		name    string
		sets    [][][]driver.Value
		widths  []int
		fail    error
		needSet bool
		want    string
		err     string
	}{
		{"rows and columns", [][][]driver.Value{{row(a, nil), row([]byte{}, b)}}, []int{2}, nil, true, "a,b", ""},
		{"no rows", [][][]driver.Value{nil}, []int{1}, nil, true, "", ""},
		{"no set", [][][]driver.Value{nil}, []int{0}, nil, true, "", "no result set (require_result_set = yes)"},
		{"no set is allowed", [][][]driver.Value{nil}, []int{0}, nil, false, "", ""},
		{"one of three", [][][]driver.Value{nil, {row(a)}, nil}, []int{0, 1, 0}, nil, true, "a", ""},
		{"two sets", [][][]driver.Value{{row(a)}, nil}, []int{1, 1}, nil, true, "", "several result sets: the procedure must return one"},
		{"error at the end", [][][]driver.Value{{row(a)}}, []int{1}, io.ErrUnexpectedEOF, true, "", "explained: unexpected EOF"},
		{"parsed by the driver", [][][]driver.Value{{row(int64(7))}}, []int{1}, nil, true, "", "the driver returned int64 for a printed value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := &fakeRows{sets: c.sets, widths: c.widths, fail: c.fail}
			rows.begin()
			result := &resultBuilder{format: template{{code: 's'}}}
			r := rowReader{needSet: c.needSet, result: result, explain: func(err error) error {
				return errors.New("explained: " + err.Error())
			}}
			err := r.readPrinted(rows)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("got %v, want %s", err, c.err)
				}
			} else if err != nil || string(result.joined) != c.want {
				t.Errorf("got %q %v, want %q", result.joined, err, c.want)
			}
		})
	}
}

// otherRows are of a driver that is built otherwise.
type otherRows struct{ driver.Rows }

func TestUnknownDriver(t *testing.T) {
	for _, rows := range []driver.Rows{&otherRows{}, otherRows{}, nil, &struct {
		driver.Rows
		rs struct{ columns int }
	}{}, &struct {
		driver.Rows
		rs struct{ columns []struct{ fieldType string } }
	}{rs: struct{ columns []struct{ fieldType string } }{make([]struct{ fieldType string }, 1)}}} {
		if err := keepPrinted(rows); !errors.Is(err, errUnknownDriver) {
			t.Errorf("%T: %v", rows, err)
		}
	}
}

func TestPrintsAlike(t *testing.T) {
	for _, name := range []string{"UNSIGNED INT", "DECIMAL", "FLOAT", "DOUBLE", "YEAR", "BIT", "DATE", "TIME", "DATETIME", "TIMESTAMP", "GEOMETRY", "VECTOR", ""} {
		if printsAlike(name) {
			t.Errorf("%s must be asked by the text protocol", name)
		}
	}
	if !slices.ContainsFunc([]string{"VARCHAR"}, printsAlike) || !printsAlike("BIGINT") {
		t.Error("the usual columns must be asked by prepared statements")
	}
}

// FuzzParse: no text of a file makes the reader fall over.
func FuzzParse(f *testing.F) {
	f.Add(minimal + "domain = a, !b\nexpansion_limit = 3\n")
	f.Add("dbname=d\ntable=t\nselect_field=a\nwhere_field=b\nadditional_conditions=and c='%d'\nhosts=a\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "/:") {
			return // would open files and ask for services
		}
		params, _, err := readParameters("f.cf", []byte(text))
		if err != nil {
			return
		}
		v := newValues("f.cf", params)
		c := &Config{path: "f.cf"}
		c.readConnection(v)
		c.readQuery(v)
		c.readResult(v)
		if v.err() == nil && (len(c.StoreOptions(store.Options{}).Hosts) == 0 || c.Identity() == "") {
			t.Fatalf("taken without hosts: %q", text)
		}
	})
}
