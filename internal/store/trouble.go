package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Trouble is what stands between us and a database, in words that may follow
// its name.
type Trouble string

// What an error can tell.
const (
	Unreachable Trouble = "cannot be reached"            // nobody answers, or not in time
	Refused     Trouble = "refuses us"                   // by user, password, or the host that we come from
	Full        Trouble = "takes no further connection"  // of ours, or of anybody
	Untrusted   Trouble = "cannot be trusted"            // it is not whom TLS shall prove, or has no TLS
	NoDatabase  Trouble = "has no database of that name" // and the user may know that
	NoTable     Trouble = "lacks a table"
	NoColumn    Trouble = "lacks a column"
	NoRight     Trouble = "refuses us a right"
	Unusable    Trouble = "cannot be used" // something else, which the error tells
)

// TroubleOf tells what kind of trouble err is; "" if it is none.
func TroubleOf(err error) Trouble {
	var (
		server *mysql.MySQLError
		file   *sqlite.Error
	)
	switch {
	case err == nil:
		return ""
	case isLost(err):
		return Unreachable
	case errors.As(err, &server):
		return serverTrouble(server.Number)
	case errors.As(err, &file):
		return fileTrouble(file)
	case isRefusal(err):
		return Refused
	case isUntrusted(err):
		return Untrusted
	}
	return Unreachable
}

// serverTrouble reads the error numbers of MariaDB and MySQL.
func serverTrouble(number uint16) Trouble {
	switch number {
	case 1040, 1203, 1226:
		return Full
	case 1044, 1045, 1129, 1130, 1251, 1275, 1524, 1698, 1820, 1862, 3118, 3159, 4151:
		return Refused
	case 1049:
		return NoDatabase
	case 1146:
		return NoTable
	case 1054:
		return NoColumn
	case 1142, 1143, 1227, 1370:
		return NoRight
	case 1053, 1927, 4031:
		return Unreachable
	}
	return Unusable
}

func fileTrouble(e *sqlite.Error) Trouble {
	switch {
	case e.Code()&0xff == sqlite3.SQLITE_INTERRUPT:
		return Unreachable
	case strings.Contains(e.Error(), "no such table"):
		return NoTable
	case strings.Contains(e.Error(), "no such column"):
		return NoColumn
	}
	return Unusable
}

// isRefusal reports a login in a way that the server wants and we do not offer.
func isRefusal(err error) bool {
	for _, refusal := range []error{mysql.ErrNativePassword, mysql.ErrOldPassword, mysql.ErrCleartextPassword, mysql.ErrUnknownPlugin} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

func isUntrusted(err error) bool {
	return errors.Is(err, mysql.ErrNoTLS) ||
		errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) ||
		errors.As(err, new(tls.RecordHeaderError)) ||
		errors.As(err, new(tls.AlertError))
}
