//go:build integration

package packagetest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// stream asks without a pause, several at a time, until it is stopped.
type stream struct {
	stopped atomic.Bool
	done    sync.WaitGroup
	asked   atomic.Int64
	mu      sync.Mutex
	faults  []error
}

func startStream(t *testing.T) *stream {
	s := &stream{}
	for range 3 {
		s.ask("socketmap", "OK someone@example.net", func() (string, error) { return ask("info@example.org") })
		s.ask("policy", "action=DUNNO", askPolicy)
	}
	t.Cleanup(func() { _ = s.stop() })
	return s
}

func (s *stream) ask(name, want string, question func() (string, error)) {
	s.done.Go(func() {
		for !s.stopped.Load() {
			got, err := question()
			s.asked.Add(1)
			if err == nil && !strings.EqualFold(got, want) {
				err = fmt.Errorf("%q", got)
			}
			if err != nil {
				s.mu.Lock()
				s.faults = append(s.faults, fmt.Errorf("%s: %w", name, err))
				s.mu.Unlock()
			}
		}
	})
}

// await waits until so many more questions have been answered.
func (s *stream) await(more int64) {
	for end := s.asked.Load() + more; s.asked.Load() < end; {
		_, _ = ask("info@example.org") // its own pace
	}
}

func (s *stream) stop() error {
	s.stopped.Store(true)
	s.done.Wait()
	return errors.Join(s.faults...)
}

// TestUpgradingLosesNoReply: all in one, and each alone.
func TestUpgradingLosesNoReply(t *testing.T) {
	for name, services := range map[string][]string{
		"all in one": {"postern.service"},
		"each alone": {"postern-socketmap.service", "postern-policyd.service"},
	} {
		t.Run(name, func(t *testing.T) {
			purged(t)
			install(t, "1.0.0")
			configure(t)
			sh(t, "systemctl enable --now "+strings.Join(services, " "))
			old := map[string]string{}
			for _, unit := range services {
				old[unit] = property(t, unit, "MainPID")
			}
			s := startStream(t)
			s.await(200)
			out := install(t, "1.1.0")
			s.await(200)
			if err := s.stop(); err != nil {
				t.Errorf("of %d questions:\n%v", s.asked.Load(), err)
			}
			for _, unit := range services {
				pid := property(t, unit, "MainPID")
				if pid == old[unit] || pid == "0" {
					t.Errorf("%s is the process of before:\n%s", unit, out)
				}
				if exe, err := os.Readlink("/proc/" + pid + "/exe"); err != nil || exe != "/usr/bin/postern" {
					t.Errorf("%s runs %s, %v", unit, exe, err)
				}
			}
		})
	}
}

// TestUpgradingStartsNothing that does not run.
func TestUpgradingStartsNothing(t *testing.T) {
	purged(t)
	install(t, "1.0.0")
	install(t, "1.1.0")
	quiet(t)
	install(t, "1.0.0") // and back
	quiet(t)
}

// TestUpgradingIntoABadConfiguration keeps the daemon that runs.
func TestUpgradingIntoABadConfiguration(t *testing.T) {
	purged(t)
	install(t, "1.0.0")
	configure(t)
	sh(t, "systemctl start postern; sed -i 's/^socketmap:/sockmap:/' /etc/postern/postern.yaml")
	pid := property(t, "postern.service", "MainPID")
	out := install(t, "1.1.0")
	if !strings.Contains(out, "postern.service goes on as the version before") || !strings.Contains(out, "postern.yaml:3") || !strings.Contains(out, "sockmap") {
		t.Errorf("it does not say so:\n%s", out)
	}
	if now := property(t, "postern.service", "MainPID"); now != pid {
		t.Errorf("another process: %s, was %s", now, pid)
	}
	if found, err := ask("info@example.org"); err != nil || found != "OK someone@example.net" {
		t.Errorf("%q, %v", found, err)
	}
	if state := strings.TrimSpace(sh(t, "dpkg-query -W -f '${db:Status-Abbrev}' postern")); state != "ii" {
		t.Errorf("dpkg has it as %q", state)
	}
}

// TestADaemonThatDoesNotComeBack is said, and the package is configured.
func TestADaemonThatDoesNotComeBack(t *testing.T) {
	purged(t)
	install(t, "1.0.0")
	configure(t)
	sh(t, "systemctl start postern; mkdir -p /etc/systemd/system/postern.service.d")
	dropIn := "[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n"
	if err := os.WriteFile("/etc/systemd/system/postern.service.d/broken.conf", []byte(dropIn), 0o644); err != nil {
		t.Fatal(err)
	}
	out := install(t, "1.1.0")
	if !strings.Contains(out, "postern.service did not come back after the upgrade: see journalctl -u postern.service") {
		t.Errorf("it does not say so:\n%s", out)
	}
}
