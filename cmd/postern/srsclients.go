package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"strconv"

	"golang.org/x/sys/unix"

	"postern/internal/config"
	"postern/internal/daemon"
	"postern/internal/lookup"
	builtin "postern/internal/maps"
	"postern/socketmap"
	"postern/srsd"
	"postern/srsd/srs"
)

// askLookups has the maps that a daemon without tables needs asked of the
// daemon that owns them: socketmap.
func (a *assembly) askLookups(*assembly) error {
	a.set = lookup.Set{}
	network, address, ok := dialable(a.config.Socketmap.Listen...)
	if !ok {
		return nil
	}
	client := socketmap.NewClient(network, address, builtin.Virtual, socketmap.ClientOptions{Timeout: answerWithin(a.config)})
	a.clients = append(a.clients, client)
	for _, name := range append([]string{builtin.Virtual, builtin.VirtualDomains}, a.policyMaps()...) {
		a.set[name] = client.Named(name)
	}
	return nil
}

// srsClients are the SRS maps for a daemon that runs alone: only srsd opens
// the secrets, so it is asked.
func srsClients(c *config.Config) (lookup.Set, *socketmap.Client) {
	network, address, ok := dialable(c.SRSD.Socketmap)
	if !ok {
		return brokenSRS(errors.New("srsd.socketmap has no listener that this daemon could ask: add one, such as inet:127.0.0.1:10004")), nil
	}
	client := socketmap.NewClient(network, address, srsd.MapForward, socketmap.ClientOptions{Timeout: answerWithin(c)})
	return lookup.Set{
		srsd.MapForward:    client,
		srsd.MapReverse:    onlySRS(client.Named(srsd.MapReverse), string(srs.NotSRS)),
		srsd.MapRecipients: onlySRS(client.Named(srsd.MapRecipients), ""),
	}, client
}

// onlySRS asks m about SRS addresses alone, so that other recipients do not
// depend on another daemon.
func onlySRS(m lookup.Map, reason string) lookup.Map {
	return lookup.Func(func(ctx context.Context, key string) (string, bool, error) {
		if !srs.IsSRS(key) {
			return reason, false, nil
		}
		return m.Lookup(ctx, key)
	})
}

// dialable is the first listener that we can ask, as net.Dial takes it; not ok if
// there is none. A descriptor is known to its owner only, and a unix socket may
// be closed to our user, such as Postfix's to a daemon that is not in its group.
func dialable(listeners ...config.Listener) (network, address string, ok bool) {
	for _, l := range listeners {
		at, err := daemon.ParseAt(l.At)
		if l.At == "" || err != nil {
			continue
		}
		switch at.Kind {
		case daemon.Unix:
			if !errors.Is(unix.Access(at.Path, unix.W_OK), fs.ErrPermission) {
				return "unix", at.Path, true
			}
		case daemon.Inet:
			return "tcp", net.JoinHostPort(cmp.Or(at.Host, "localhost"), strconv.Itoa(at.Port)), true
		}
	}
	return "", "", false
}
