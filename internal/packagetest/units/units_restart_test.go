//go:build integration

package units

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestRestart restarts postern under running questions, of Postfix's own
// socketmap client and of policy clients: nobody is refused and every question
// has its answer. A connection that the daemon closes between two questions is
// opened again, as Postfix does (smtpd_policy_service_try_limit).
func TestRestart(t *testing.T) {
	begin(t, "postern")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lookups, policies atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { check(t, streamLookups(ctx, &lookups)) })
		group.Go(func() { check(t, streamPolicies(ctx, &policies)) })
	}
	for range 3 {
		pid, before, beforePolicies := mainPID(t, "postern"), lookups.Load(), policies.Load()
		must(t, "systemctl restart postern")
		if now := mainPID(t, "postern"); now == pid || now == 0 {
			t.Errorf("process %d, was %d before the restart", now, pid)
		}
		await(t, "questions after the restart", func() bool { return lookups.Load() > before+200 && policies.Load() > beforePolicies+200 })
	}
	cancel()
	group.Wait()
	t.Logf("%d lookups and %d policy requests over three restarts", lookups.Load(), policies.Load())
	if log := must(t, "journalctl --no-pager -o cat -u postern.socket"); strings.Contains(log, "Failed") {
		t.Errorf("the socket unit: %s", log)
	}
}

// TestCrashes kills the process under running lookups: Postfix's client asks
// again, and the socket keeps the question for the next process.
func TestCrashes(t *testing.T) {
	begin(t, "postern")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lookups atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { check(t, streamLookups(ctx, &lookups)) })
	}
	for range 3 {
		await(t, "postern is up", func() bool { return property(t, "postern", "ActiveState") == "active" && mainPID(t, "postern") > 0 })
		before, pid := lookups.Load(), mainPID(t, "postern")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "another process", func() bool { now := mainPID(t, "postern"); return now != 0 && now != pid })
		await(t, "questions after the crash", func() bool { return lookups.Load() > before+5000 }) // past what a pipe holds
	}
	cancel()
	group.Wait()
}

func check(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// pace is the pause between the questions of one client.
const pace = time.Millisecond

// streamLookups feeds postmap(1), as Postfix's user, until ctx ends. It ends with
// an error at the first question without an answer.
func streamLookups(ctx context.Context, count *atomic.Int64) error {
	// Postfix's daemons ignore SIGPIPE; postmap does as it is told.
	cmd := exec.Command("runuser", "-u", "postfix", "--", "sh", "-c", "trap '' PIPE; exec postmap -q - socketmap:unix:/var/spool/postfix/postern/socketmap:virtual")
	var out, trouble strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &trouble
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	asked := 0
	for ; ctx.Err() == nil; time.Sleep(pace) {
		if _, err := io.WriteString(in, "info@example.org\n"); err != nil {
			break // it has ended, and says why
		}
		asked++
		count.Add(1)
	}
	in.Close()
	err = cmd.Wait()
	answered := strings.Count(out.String(), "info@example.org\tsomeone@example.net\n")
	if err != nil || answered != asked || trouble.Len() > 0 {
		return fmt.Errorf("postmap: %d of %d questions answered, %v: %s", answered, asked, err, trouble.String())
	}
	return nil
}

// streamPolicies asks as smtpd(8) does until ctx ends.
func streamPolicies(ctx context.Context, count *atomic.Int64) error {
	for ctx.Err() == nil {
		if err := onePolicyConnection(ctx, count); err != nil {
			return err
		}
	}
	return nil
}

// onePolicyConnection asks until the daemon closes the connection between two
// questions. A connection without any answer is an error.
func onePolicyConnection(ctx context.Context, count *atomic.Int64) error {
	conn, err := net.Dial("unix", "/var/spool/postfix/postern/policy")
	if err != nil {
		return fmt.Errorf("policy: refused: %w", err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for asked := 0; ctx.Err() == nil; asked++ {
		conn.SetDeadline(time.Now().Add(patience))
		_, err := io.WriteString(conn, policyRequest)
		var action, end string
		if err == nil {
			action, err = r.ReadString('\n')
		}
		if err == nil {
			end, err = r.ReadString('\n')
		}
		if err != nil {
			if asked > 0 && action == "" && !errors.Is(err, os.ErrDeadlineExceeded) {
				return nil // closed while it was idle
			}
			return fmt.Errorf("policy: question %d of a connection: %q: %w", asked, action, err)
		}
		if !strings.HasPrefix(action, "action=") || end != "\n" {
			return fmt.Errorf("policy: reply %q %q", action, end)
		}
		count.Add(1)
		time.Sleep(pace)
	}
	return nil
}

// askPolicy asks once.
func askPolicy(request string) (string, error) {
	conn, err := net.Dial("unix", "/var/spool/postfix/postern/policy")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

const policyRequest = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.9\nclient_name=unknown\n" +
	"helo_name=client.example.net\nsender=friend@example.net\nrecipient=info@example.org\nrecipient_count=0\ninstance=units.1\n\n"
