package redisserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// reply is a server's error reply.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

func TestCause(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{reply("LOADING Redis is loading the dataset in memory"), "the server is loading its data (LOADING)"},
		{reply("READONLY You can't write against a read only replica."), "the server is a replica that takes no writes (READONLY)"},
		{reply("MASTERDOWN Link with MASTER is down"), "the server has lost its master (MASTERDOWN)"},
		{reply("CLUSTERDOWN Hash slot not served"), "the Cluster does not serve all keys (CLUSTERDOWN)"},
		{reply("NOAUTH Authentication required."), "the server wants a password (NOAUTH)"},
		{reply("ERR Protocol error: unauthenticated multibulk length"), "the server wants a password (NOAUTH)"},
		{reply("WRONGPASS invalid username-password pair"), "the server does not take this user and password (WRONGPASS)"},
		{reply("NOPERM this user has no permissions to run 'evalsha'"), "the user may not do that (NOPERM)"},
		{reply("OOM command not allowed"), "the server's memory is full: maxmemory (OOM)"},
		{reply("MISCONF Redis is configured to save"), "the server cannot save its data and takes no writes (MISCONF)"},
		{reply("NOREPLICAS Not enough good replicas to write."), "the server has too few replicas and takes no writes (NOREPLICAS)"},
		{reply("WRONGTYPE Operation against"), "the key holds something of another type (WRONGTYPE)"},
		{reply("ERR unknown command 'X', with args beginning with: 's3cr3t'"), "the server refuses: ERR unknown command 'X'"},
		{reply("STRANGE s3cr3t"), "the server refuses: STRANGE"},
		{fmt.Errorf("a: %w", context.Canceled), "given up by the asker"},
		{context.DeadlineExceeded, "no answer in time"},
		{os.ErrDeadlineExceeded, "no answer in time"},
		{redis.ErrPoolTimeout, "all connections to the server are busy"},
		{&net.DNSError{Name: "h\n", Err: "no such host"}, "no address of h : no such host"},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused"},
		{io.EOF, "connection lost"},
		{io.ErrUnexpectedEOF, "connection lost"},
		{redis.ErrClosed, "the client is closed"},
		{errors.New("a\nb\x1b\x7f"), "a b  "},
	} {
		if got := Cause(test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
	if got := Cause(errors.New(strings.Repeat("ä", 500))); len(got) > 204 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("x: %w", reply("NOSCRIPT No matching script.")), "NOSCRIPT"},
		{redis.Nil, ""},
		{io.EOF, ""},
	} {
		if got := Refusal(test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
