package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestExplain(t *testing.T) {
	server := func(number uint16, text string) error {
		return &mysql.MySQLError{Number: number, SQLState: [5]byte{'4', '2', 'S', '0', '2'}, Message: text}
	}
	refused := &connectError{[]hostError{{host{"unix", "/run/s"}, syscall.ECONNREFUSED}}}
	tests := []struct {
		name         string
		err          error
		want         string
		lost, server bool
	}{
		{"missing table", server(1146, "Table 'm.alias' doesn't exist"), "error 1146 (42S02): Table 'm.alias' doesn't exist: load the schema: postern schema | mariadb m", false, true},
		{"missing table of others", server(1146, "Table 'm.virtual' doesn't exist"), "error 1146 (42S02): Table 'm.virtual' doesn't exist", false, true},
		{"missing table, no name", server(1146, "gone"), "error 1146 (42S02): gone", false, true},
		{"rows are not told", server(1062, "Duplicate entry 'bob@example.com' for key"), "error 1062 (42S02)", false, true},
		{"one line", server(1064, "near '\nselect'"), "error 1064 (42S02): near ' select'", false, true},
		{"bounded", server(1064, strings.Repeat("ä", 500)), "error 1064 (42S02): " + strings.Repeat("ä", 90) + "…", false, true},
		{"shutdown", server(1053, "Server shutdown in progress"), "error 1053 (42S02): Server shutdown in progress", true, false},
		{"lost", mysql.ErrInvalidConn, "connection lost", true, false},
		{"bad", driver.ErrBadConn, "connection lost", true, false},
		{"end of file", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "connection lost", true, false},
		{"broken pipe", syscall.EPIPE, "broken pipe", true, false},
		{"refused", refused, "host unix:/run/s: connection refused", false, false},
		{"reset while connecting", &connectError{[]hostError{{host{"unix", "/run/s"}, syscall.ECONNRESET}}}, "host unix:/run/s: connection reset by peer", false, false},
		{"timeout", errTimeout, "no answer in time", false, false},
		{"deadline", context.DeadlineExceeded, "no answer in time", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := explain(Options{Driver: "mysql", Name: "m"}, tt.err)
			if got.Error() != "database: "+tt.want {
				t.Errorf("said %q, want %q", got, "database: "+tt.want)
			}
			if isLost(tt.err) != tt.lost || fromServer(tt.err) != tt.server {
				t.Errorf("lost %v, from the server %v", isLost(tt.err), fromServer(tt.err))
			}
			if again := explain(Options{}, got); again != got {
				t.Errorf("said twice: %v", again)
			}
		})
	}
	if explain(Options{}, nil) != nil {
		t.Error("no trouble is explained")
	}
}
