package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// connecting is the error of a connection that could not be made.
func connecting(errs ...error) error {
	var failures []hostError
	for _, err := range errs {
		failures = append(failures, hostError{host{"tcp", "192.0.2.1:3306"}, err})
	}
	return &connectError{failures}
}

func serverError(number uint16) error {
	return &mysql.MySQLError{Number: number, SQLState: [5]byte{'2', '8', '0', '0', '0'}, Message: "as the server says"}
}

// TestTroubleOf has the errors in the shapes that the drivers give them.
func TestTroubleOf(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for _, test := range []struct {
		name string
		err  error
		want Trouble
	}{
		{"none", nil, ""},
		{"nobody listens", connecting(refused), Unreachable},
		{"no such host", connecting(&net.DNSError{Err: "no such host", Name: "db.test", IsNotFound: true}), Unreachable},
		{"no such socket", connecting(&net.OpError{Op: "dial", Net: "unix", Err: syscall.ENOENT}), Unreachable},
		{"no greeting in time", connecting(context.DeadlineExceeded), Unreachable},
		{"no answer in time", errTimeout, Unreachable},
		{"connection lost", mysql.ErrInvalidConn, Unreachable},
		{"shutdown", serverError(1053), Unreachable},
		{"wrong password", connecting(serverError(1045)), Refused},
		{"no right to the database", connecting(serverError(1044)), Refused},
		{"another kind of login", connecting(serverError(1698)), Refused},
		{"host not allowed", connecting(serverError(1130)), Refused},
		{"host blocked", connecting(serverError(1129)), Refused},
		{"password expired", connecting(serverError(1862)), Refused},
		{"account locked", connecting(serverError(4151)), Refused},
		{"a login that we do not offer", connecting(mysql.ErrCleartextPassword), Refused},
		{"one host is away, the other refuses", connecting(refused, serverError(1045)), Refused},
		{"too many connections", connecting(serverError(1040)), Full},
		{"too many of this user", connecting(serverError(1203)), Full},
		{"another's certificate", connecting(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Untrusted},
		{"no TLS", connecting(mysql.ErrNoTLS), Untrusted},
		{"no such database", connecting(serverError(1049)), NoDatabase},
		{"no such table", serverError(1146), NoTable},
		{"no such column", serverError(1054), NoColumn},
		{"no right to a table", serverError(1142), NoRight},
		{"no right to a column", serverError(1143), NoRight},
		{"statement took too long", serverError(1969), Unusable},
	} {
		t.Run(test.name, func(t *testing.T) {
			said := explain(Options{Driver: "mysql"}, test.err)
			if got := TroubleOf(said); got != test.want {
				t.Errorf("%v: %q, want %q", said, got, test.want)
			}
			if got := TroubleOf(fmt.Errorf("load alias: %w", said)); test.err != nil && got != test.want {
				t.Errorf("wrapped: %q, want %q", got, test.want)
			}
		})
	}
}

func openFile(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(Options{Driver: "sqlite", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTroubleOfSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	good, missing := openFile(t, path), openFile(t, path+".missing")
	for _, test := range []struct {
		store *Store
		query string
		want  Trouble
	}{
		{good, "SELECT 1", ""},
		{good, "SELECT 1 FROM nowhere", NoTable},
		{good, "SELECT absent FROM alias", NoColumn},
		{missing, "SELECT 1", Unusable},
	} {
		if _, err := test.store.Exec(t.Context(), test.query); TroubleOf(err) != test.want {
			t.Errorf("%s: %v is %q, want %q", test.query, err, TroubleOf(err), test.want)
		}
	}
}

// TestState follows a store through good and bad days.
func TestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{Driver: "mysql", Hosts: []string{"db.test"}, Name: "maildb", MaxConnections: 7}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		want := func(what string, asked, up bool, trouble Trouble) {
			t.Helper()
			if is := s.State(); is.Asked != asked || is.Up != up || TroubleOf(is.Trouble) != trouble || is.Max != 7 {
				t.Errorf("%s: %+v, want asked %v, up %v, %q", what, is, asked, up, trouble)
			}
		}
		want("opened", false, false, "")
		s.contacts.note(connecting(serverError(1045)))
		want("wrong password", true, false, Refused)
		s.contacts.note(nil)
		want("well", true, true, "")
		s.contacts.note(serverError(1062))
		want("a statement that failed by itself", true, true, "")
		s.contacts.note(serverError(1146))
		want("a table is missing", true, true, NoTable)
		s.contacts.note(nil)
		want("another statement is answered", true, true, NoTable)
		s.contacts.note(errTimeout)
		want("away", true, false, Unreachable)
		s.contacts.note(nil)
		time.Sleep(refusalHolds)
		want("a while after", true, true, "")
		if got, want := s.Place(), "db.test:3306/maildb"; got != want {
			t.Errorf("it is at %s, want %s", got, want)
		}
	})
}

// TestMissingFeedIsNoTrouble: who has not installed it shall not read of a table
// that is missing.
func TestMissingFeedIsNoTrouble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	s := openFile(t, path)
	if _, err := s.Exec(t.Context(), "DROP TABLE postern_change"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if feed, err := s.Feed(t.Context()); feed != nil || err != nil {
			t.Fatalf("%v, %v", feed, err)
		}
	}
	if is := s.State(); !is.Up || is.Trouble != nil {
		t.Errorf("%+v", is)
	}
	if _, err := s.Exec(t.Context(), "SELECT 1 FROM nowhere"); !MissingTable(err) || TroubleOf(s.State().Trouble) != NoTable {
		t.Errorf("%v, %+v", err, s.State())
	}
}
