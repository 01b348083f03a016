package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Addresses of the networks, all of RFC 5737: HostAddr is ours, and every
// address of OutsideNetworks lives outside.
const (
	HostAddr   = "192.0.2.1"
	routerAddr = "192.0.2.254"
)

// OutsideNetworks are the networks whose every address is outside, to listen
// on and to come from.
func OutsideNetworks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24")}
}

// Outside is the rest of the internet as a machine sees it: a network
// namespace of its own, so that its port 25 is not ours, and its clients come
// from addresses that are not ours.
type Outside struct {
	namespace *os.File
}

// namespacePath is where ip-netns(8) keeps it.
const namespacePath = "/run/netns/outside"

// networkCommands make the outside. An address of a "local" route can be bound
// without being assigned one by one.
func networkCommands() []string {
	commands := []string{
		"netns add outside",
		"link add name uplink type veth peer name downlink netns outside",
		"address add " + HostAddr + "/24 dev uplink",
		"link set uplink up",
		"-netns outside address add " + routerAddr + "/24 dev downlink",
		"-netns outside link set downlink up",
		"-netns outside link set lo up",
		"route add default via " + routerAddr,
	}
	for _, network := range OutsideNetworks() {
		commands = append(commands, "-netns outside route add local "+network.String()+" dev lo")
	}
	return commands
}

// NewOutside makes the outside, once in a machine, with ip(8).
func NewOutside(ctx context.Context) (*Outside, error) {
	if !Inside() {
		return nil, errors.New("machine: outside: only a machine has one: call Run first")
	}
	for _, command := range networkCommands() {
		if out, err := exec.CommandContext(ctx, "ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("machine: outside: ip %s: %w: %s", command, err, out)
		}
	}
	namespace, err := os.Open(namespacePath)
	if err != nil {
		return nil, fmt.Errorf("machine: outside: %w", err)
	}
	return &Outside{namespace: namespace}, nil
}

// Listen listens on a TCP address of an outside network.
func (o *Outside) Listen(addr string) (net.Listener, error) {
	var listener net.Listener
	err := o.do(func() (err error) {
		listener, err = net.Listen("tcp4", addr)
		return err
	})
	return listener, err
}

// Dial connects from an outside IP address to a TCP address, given as numbers:
// names would be looked up on another thread.
func (o *Outside) Dial(ctx context.Context, from, to string) (net.Conn, error) {
	target, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, fmt.Errorf("machine: outside: %w", err)
	}
	source, err := netip.ParseAddr(from)
	if err != nil {
		return nil, fmt.Errorf("machine: outside: %w", err)
	}
	dialer := net.Dialer{Timeout: time.Minute, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))}
	var conn net.Conn
	err = o.do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp4", target.String())
		return err
	})
	return conn, err
}

// do calls f on a thread that is outside. A socket stays in the network
// namespace where it was made. The thread ends with its goroutine: a thread
// that could not come back must not serve others.
func (o *Outside) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if err := unix.Setns(int(o.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("machine: outside: setns: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
