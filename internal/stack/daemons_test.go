//go:build integration

package stack

import (
	"fmt"
	"net"
	"net/http"
	"syscall"
)

// posternDaemons are the daemons that run, each as its own process, and their
// ports for metrics: the configured one is that of `postern serve`.
func posternDaemons(serve bool) map[string]int {
	if serve {
		return map[string]int{"serve": 9725}
	}
	return map[string]int{"socketmap": 9726, "policyd": 9728, "srsd": 9729}
}

// startPostern starts one daemon as its unit does: user postern, group
// postfix, and waits until it can answer.
func startPostern(name string, port int) (*process, error) {
	p, err := startProcess(name, "/bin/sh", "-c", `umask 0077; exec setpriv --reuid postern --regid postfix --clear-groups "$0" "$1"`, program, name)
	if err != nil {
		return nil, err
	}
	return p, p.await(func() error {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", resp.Status)
		}
		return nil
	})
}

func startRedis() (*process, error) {
	p, err := startProcess("redis-server", "/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--daemonize", "no")
	if err != nil {
		return nil, err
	}
	return p, p.await(listens("127.0.0.1:6379"))
}

func startDovecot() (*process, error) {
	p, err := startProcess("dovecot", "/usr/sbin/dovecot", "-F")
	if err != nil {
		return nil, err
	}
	return p, p.await(listens("127.0.0.1:12345"))
}

// startOpenDKIM keeps OpenDKIM in the foreground; all else is in its file.
func startOpenDKIM() (*process, error) {
	p, err := startProcess("opendkim", "/usr/sbin/opendkim", "-f")
	if err != nil {
		return nil, err
	}
	return p, p.await(listens("127.0.0.1:8891"))
}

// listens is whether somebody accepts connections at an address.
func listens(addr string) func() error {
	return func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// startPostfix starts Postfix as Debian does; it leaves us and logs to syslog.
func startPostfix() error {
	if release, err := debianRelease(); err != nil {
		return err
	} else if release == 12 { // later ones do this in `postfix start`
		if _, err := run("", "/usr/lib/postfix/configure-instance.sh"); err != nil {
			return err
		}
	}
	if _, err := run("", "postfix", "start"); err != nil {
		return err
	}
	return await("Postfix listens", func() error {
		for _, addr := range []string{"127.0.0.1:25", "127.0.0.1:587"} {
			if err := listens(addr)(); err != nil {
				return err
			}
		}
		return nil
	})
}

// stopPostfix stops it; one that does not run is fine.
func stopPostfix() error {
	if _, err := run("", "postfix", "status"); err != nil {
		return nil
	}
	_, err := run("", "postfix", "stop")
	return err
}

// terminate ends processes, the last one first.
func terminate(processes []*process) error {
	for i := len(processes) - 1; i >= 0; i-- {
		if err := processes[i].end(syscall.SIGTERM); err != nil {
			return err
		}
	}
	return nil
}
