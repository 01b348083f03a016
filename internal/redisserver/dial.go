package redisserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer makes connections for the client's pool.
type dialer struct {
	location Location
	timeout  time.Duration
	tls      *tls.Config
}

// dial never fails: what it could not reach is a connection that says so when
// it is used. The library would write a failed dial to its logger, which is one
// for the whole process, and would then try by itself once a second.
func (d dialer) dial(ctx context.Context, network, server string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, server)
	if err != nil {
		return unreachable{err}, nil
	}
	return conn, nil
}

func (d dialer) connect(ctx context.Context, network, server string) (net.Conn, error) {
	if d.location.master != "" {
		master, err := d.askSentinels(ctx)
		if err != nil {
			return nil, err
		}
		server = master
	}
	plain := net.Dialer{Timeout: d.timeout, KeepAlive: time.Minute}
	if d.tls != nil {
		return (&tls.Dialer{NetDialer: &plain, Config: d.tls}).DialContext(ctx, network, server)
	}
	return plain.DialContext(ctx, network, server)
}

// askSentinels asks anew for every connection. A master that was demoted
// answers READONLY, which ends the connection, and the next goes to its successor.
func (d dialer) askSentinels(ctx context.Context) (string, error) {
	var errs []error
	share := d.timeout / time.Duration(len(d.location.servers))
	for _, sentinel := range d.location.servers {
		master, err := d.askSentinel(ctx, sentinel, share)
		if err == nil {
			return master, nil
		}
		errs = append(errs, fmt.Errorf("sentinel %s: %s", sentinel, Cause(err)))
	}
	return "", errors.Join(errs...)
}

func (d dialer) askSentinel(ctx context.Context, sentinel string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l := Location{network: "tcp", servers: []string{sentinel}}
	client := redis.NewSentinelClient(l.clientOptions(Options{Timeout: limit, Retries: 1}.withDefaults(), dialer{location: l, timeout: limit}))
	defer client.Close()
	answer, err := client.GetMasterAddrByName(ctx, d.location.master).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("knows no master %q", d.location.master)
	}
	if err != nil {
		return "", err
	}
	if len(answer) != 2 {
		return "", errors.New("gave no address of a master")
	}
	return net.JoinHostPort(answer[0], answer[1]), nil
}

// unreachable is the connection to a server that could not be reached.
type unreachable struct{ err error }

func (u unreachable) Read([]byte) (int, error)         { return 0, u.err }
func (u unreachable) Write([]byte) (int, error)        { return 0, u.err }
func (u unreachable) Close() error                     { return nil }
func (u unreachable) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (u unreachable) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (u unreachable) SetDeadline(time.Time) error      { return nil }
func (u unreachable) SetReadDeadline(time.Time) error  { return nil }
func (u unreachable) SetWriteDeadline(time.Time) error { return nil }
