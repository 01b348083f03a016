package redisserver

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"postern/internal/oneline"
)

// Cause is the heart of err, an error of a client or of a dial, in at most 200
// bytes without control characters. It quotes no argument of a command.
func Cause(err error) string {
	var (
		server  redis.Error
		dns     *net.DNSError
		errno   syscall.Errno
		network net.Error
	)
	switch {
	case errors.As(err, &server):
		return serverCause(server.Error())
	case errors.Is(err, context.Canceled):
		return "given up by the asker"
	case errors.Is(err, redis.ErrPoolTimeout), errors.Is(err, redis.ErrPoolExhausted):
		return "all connections to the server are busy"
	case errors.As(err, &dns):
		return oneline.Log("no address of " + dns.Name + ": " + dns.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection lost"
	case errors.Is(err, redis.ErrClosed):
		return "the client is closed"
	}
	return oneline.Log(err.Error())
}

// serverCause says what a server's error means. The server quotes the
// arguments of a command it does not know, and those may be an address.
func serverCause(text string) string {
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "LOADING":
		return "the server is loading its data (LOADING)"
	case "READONLY":
		return "the server is a replica that takes no writes (READONLY)"
	case "MASTERDOWN":
		return "the server has lost its master (MASTERDOWN)"
	case "CLUSTERDOWN":
		return "the Cluster does not serve all keys (CLUSTERDOWN)"
	case "NOAUTH":
		return "the server wants a password (NOAUTH)"
	case "WRONGPASS":
		return "the server does not take this user and password (WRONGPASS)"
	case "NOPERM":
		return "the user may not do that (NOPERM)"
	case "OOM":
		return "the server's memory is full: maxmemory (OOM)"
	case "MISCONF":
		return "the server cannot save its data and takes no writes (MISCONF)"
	case "NOREPLICAS":
		return "the server has too few replicas and takes no writes (NOREPLICAS)"
	case "WRONGTYPE":
		return "the key holds something of another type (WRONGTYPE)"
	case "ERR":
		if strings.HasPrefix(text, "ERR Protocol error: unauthenticated") { // instead of NOAUTH, for a long command
			return "the server wants a password (NOAUTH)"
		}
		before, _, _ := strings.Cut(text, ", with args")
		return oneline.Log("the server refuses: " + before)
	}
	return oneline.Log("the server refuses: " + word)
}

// Refusal is the first word of a server's error reply, such as NOPERM; "" if
// err is none.
func Refusal(err error) string {
	var server redis.Error
	if !errors.As(err, &server) || errors.Is(err, redis.Nil) {
		return ""
	}
	word, _, _ := strings.Cut(server.Error(), " ")
	return word
}
