package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// connector makes the connections of a MySQL pool (driver.Connector).
type connector struct{ turn *turn }

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) { return c.turn.connect(ctx) }

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

func newConnector(o *Options) (*connector, error) {
	hosts, err := parseHosts(o.Hosts)
	if err != nil {
		return nil, err
	}
	o.Hosts = nil
	connectors := map[host]driver.Connector{}
	for _, h := range hosts {
		o.Hosts = append(o.Hosts, h.name())
		if connectors[h], err = hostConnector(*o, h); err != nil {
			return nil, err
		}
	}
	session := *o
	return &connector{&turn{
		hosts: hosts, pause: o.RetryInterval, now: time.Now, paused: map[host]time.Time{},
		dial: func(ctx context.Context, h host) (driver.Conn, error) {
			return dialHost(ctx, connectors[h], session)
		},
	}}, nil
}

// hostConnector is the driver's connector for one host.
func hostConnector(o Options, h host) (driver.Connector, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = o.User, o.Password, o.Name
	config.Net, config.Addr = h.network, h.address
	config.Timeout = o.ConnectTimeout
	// Contexts end first; these two are for a server that hangs in the middle.
	config.ReadTimeout = o.StatementTimeout + 5*time.Second
	config.WriteTimeout = config.ReadTimeout
	config.Logger = &mysql.NopLogger{} // what it says comes back as an error too
	if o.TLS.Enabled && h.network != "unix" {
		var err error
		if config.TLS, err = o.TLS.config(h.serverName()); err != nil {
			return nil, err
		}
	}
	c, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("database: host %s: %w", h.name(), err)
	}
	return c, nil
}

// dialHost connects, logs in and sets up the session, all of it in
// ConnectTimeout.
func dialHost(ctx context.Context, c driver.Connector, o Options) (driver.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
	defer cancel()
	conn, err := c.Connect(limited)
	if err != nil {
		return nil, err
	}
	if err := setUpSession(limited, conn.(driver.ExecerContext), o); err != nil {
		conn.Close()
		return nil, fmt.Errorf("session: %w", err)
	}
	return conn, nil
}

// setUpSession makes every session alike, whatever the server's defaults are.
// The time zone stays the server's, as it does for Postfix: a .cf file may ask
// for NOW(). Our own statements compare in UTC whatever it is.
func setUpSession(ctx context.Context, conn driver.ExecerContext, o Options) error {
	return withLimit(o.StatementTimeout, func(limit string) error {
		_, err := conn.ExecContext(ctx, "SET NAMES "+o.Charset+", "+limit, nil)
		return err
	})
}

// withLimit calls set with the assignment that limits the time of a statement,
// spelled for MariaDB, and for MySQL if that is not known (1193).
func withLimit(d time.Duration, set func(assignment string) error) error {
	err := set(fmt.Sprintf("SESSION max_statement_time = %.3f", d.Seconds()))
	if e := (*mysql.MySQLError)(nil); errors.As(err, &e) && e.Number == 1193 {
		return set(fmt.Sprintf("SESSION max_execution_time = %d", max(1, d.Milliseconds())))
	}
	return err
}
