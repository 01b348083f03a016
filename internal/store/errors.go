package store

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/internal/oneline"
)

// Error is trouble with a database. Its text holds no password and no rows.
type Error struct {
	text string
	err  error
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Unwrap returns what the driver said, which may quote data: not for logs.
func (e *Error) Unwrap() error { return e.err }

// MissingTable reports whether err says that a table does not exist.
func MissingTable(err error) bool {
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		return e.Number == 1146
	}
	e := (*sqlite.Error)(nil)
	return errors.As(err, &e) && strings.Contains(e.Error(), "no such table")
}

// explain puts err into words for a log.
func explain(o Options, err error) error {
	if err == nil || errors.As(err, new(*Error)) {
		return err
	}
	where := "database: "
	if o.Driver == "sqlite" {
		where += o.Path + ": "
	}
	return &Error{text: where + cause(err) + schemaAdvice(o, err), err: err}
}

// schemaAdvice tells how a table of postern's is made that does not exist.
func schemaAdvice(o Options, err error) string {
	name := missingTable(err)
	if _, ours := queries(o.Driver)[name]; !ours && name != Users {
		return ""
	}
	if o.Driver == "sqlite" {
		return ": load the schema: postern schema --driver sqlite | sqlite3 " + o.Path
	}
	return strings.TrimSuffix(": load the schema: postern schema | mariadb "+o.Name, " ")
}

// missingTable is the table that err says does not exist, or "".
func missingTable(err error) string {
	var (
		server *mysql.MySQLError
		file   *sqlite.Error
	)
	switch {
	case errors.As(err, &server) && server.Number == 1146: // Table 'maildb.alias' doesn't exist, or in another language
		if quoted := strings.Split(server.Message, "'"); len(quoted) > 1 {
			return quoted[1][strings.LastIndexByte(quoted[1], '.')+1:]
		}
	case errors.As(err, &file): // SQL logic error: no such table: alias (1)
		_, name, _ := strings.Cut(file.Error(), "no such table: ")
		name, _, _ = strings.Cut(name, " ")
		return strings.TrimPrefix(name, "main.")
	}
	return ""
}

// cause is the heart of err in at most 200 bytes.
func cause(err error) string {
	var (
		connect *connectError
		server  *mysql.MySQLError
		file    *sqlite.Error
		dns     *net.DNSError
		errno   syscall.Errno
		network net.Error
		foreign x509.UnknownAuthorityError
	)
	switch {
	case errors.As(err, &connect):
		return connect.Error()
	case errors.As(err, &server):
		return serverCause(server)
	case errors.As(err, &file):
		return fileCause(file)
	case errors.As(err, &dns):
		return dns.Err
	case errors.As(err, &foreign):
		return "its certificate is signed by an authority that is not ours"
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case isLost(err):
		return "connection lost"
	}
	return oneline.Log(err.Error())
}

// telling are the server errors whose text speaks of users, hosts, tables,
// columns and the statement's own text, never of a row.
var telling = []uint16{
	1040, 1044, 1045, 1049, 1053, 1054, 1064, 1129, 1130, 1142, 1143, 1146, 1176, 1193, 1203, 1205, 1213,
	1226, 1227, 1267, 1290, 1305, 1370, 1449, 1698, 1927, 1969, 3024,
}

func serverCause(e *mysql.MySQLError) string {
	code := fmt.Sprintf("error %d", e.Number)
	if e.SQLState != [5]byte{} {
		code += " (" + string(e.SQLState[:]) + ")"
	}
	if slices.Contains(telling, e.Number) {
		return oneline.Log(code + ": " + e.Message)
	}
	return code
}

func fileCause(e *sqlite.Error) string {
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return "the disk is full"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "locked by another program"
	case sqlite3.SQLITE_CANTOPEN:
		return "cannot be opened: no such file, or no right to read it and write its folder"
	case sqlite3.SQLITE_READONLY:
		return "cannot be written"
	case sqlite3.SQLITE_NOTADB:
		return "is no SQLite database"
	case sqlite3.SQLITE_CORRUPT:
		return "is damaged"
	case sqlite3.SQLITE_INTERRUPT:
		return "no answer in time"
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("reading or writing failed (%d)", e.Code())
	case sqlite3.SQLITE_ERROR: // speaks of the statement
		return oneline.Log(e.Error())
	}
	return fmt.Sprintf("SQLite error %d", e.Code())
}

// isLost reports whether a connection broke, so that another may do.
func isLost(err error) bool {
	if err == nil || errors.As(err, new(*connectError)) {
		return false
	}
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) {
		// Server shutdown, connection killed, client was idle too long.
		return e.Number == 1053 || e.Number == 1927 || e.Number == 4031
	}
	for _, lost := range []error{
		mysql.ErrInvalidConn, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// fromServer reports whether the database itself refused a statement.
func fromServer(err error) bool {
	if errors.As(err, new(*connectError)) || isLost(err) {
		return false
	}
	if errors.As(err, new(*mysql.MySQLError)) {
		return true
	}
	e := (*sqlite.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_ERROR
}
