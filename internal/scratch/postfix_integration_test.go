//go:build integration

package scratch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
)

func startPostfix(t *testing.T, opts scratch.PostfixOptions) *scratch.Postfix {
	t.Helper()
	began := time.Now()
	p, err := scratch.StartPostfix(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Postfix started in %s", time.Since(began))
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func startSink(t *testing.T, opts scratch.SinkOptions) *scratch.Sink {
	t.Helper()
	s, err := scratch.StartSink(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// patiently bounds a wait, so that a mail that never comes fails the test.
func patiently(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// relayTo is a Postfix that takes mail for example.com and sends all to nexthop.
func relayTo(nexthop string) map[string]string {
	return map[string]string{"relayhost": nexthop, "relay_domains": "example.com"}
}

func TestTwoPostfixAndAMail(t *testing.T) {
	sink := startSink(t, scratch.SinkOptions{})
	second := startPostfix(t, scratch.PostfixOptions{Chroot: true, Main: relayTo(sink.Nexthop())})
	first := startPostfix(t, scratch.PostfixOptions{
		Main:   map[string]string{"relayhost": fmt.Sprintf("[127.0.0.1]:%d", second.Port()), "virtual_alias_maps": "texthash:$config_directory/aliases", "virtual_alias_domains": "example.com"},
		Files:  map[string]string{"aliases": "alias@example.com one@example.net, \"odd>name\"@example.net\n"},
		Master: "smtp unix - - n - - smtp\n  -o syslog_name=override",
	})
	body := "Subject: dots\n\n.\n..two\n\nend\n"
	replies, err := scratch.Submit(t.Context(), first.Addr(), "sender@example.org", []string{"alias@example.com"}, body)
	if err != nil || len(scratch.Refusals(replies)) > 0 {
		t.Fatalf("%v\n%s", err, scratch.Transcript(replies))
	}
	messages, err := sink.Wait(patiently(t), 1)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, first.Log(), second.Log())
	}
	got := messages[0]
	if got.Sender != "sender@example.org" || fmt.Sprint(got.Recipients) != `["odd>name"@example.net one@example.net]` {
		t.Fatalf("envelope: %q → %q", got.Sender, got.Recipients)
	}
	if !bytes.HasSuffix(got.Data, []byte("\n\n.\n..two\n\nend\n")) || bytes.HasPrefix(got.Data, []byte("X-")) {
		t.Fatalf("data:\n%s", got.Data)
	}
	if err := first.WaitLog(patiently(t), "override/smtp["); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*scratch.Postfix{first, second} {
		if log, err := p.Logged(patiently(t)); err != nil || strings.Contains(log, "warning:") || strings.Contains(log, "fatal:") {
			t.Errorf("the log has complaints (%v):\n%s", err, log)
		}
	}
}

func TestPostfixRefusesAndQueues(t *testing.T) {
	ctx := t.Context()
	sink := startSink(t, scratch.SinkOptions{Args: []string{"-r", "RCPT"}})
	p := startPostfix(t, scratch.PostfixOptions{Main: relayTo(sink.Nexthop())})
	if _, err := p.Postconf(ctx, "-e", "smtpd_recipient_restrictions = check_recipient_access inline:{refused@example.com=REJECT}, permit"); err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	replies, err := scratch.Submit(ctx, p.Addr(), "", []string{"refused@example.com", "taken@example.com"}, "Subject: x\n\nx\n")
	if err != nil {
		t.Fatal(err)
	}
	refused := scratch.Refusals(replies)
	if len(refused) != 1 || refused[0].Code != 554 || refused[0].Command != "RCPT TO:<refused@example.com>" || len(replies) != 8 {
		t.Fatalf("want one 554 in 8 replies:\n%s", scratch.Transcript(replies))
	}
	if err := p.WaitLog(patiently(t), "status=deferred"); err != nil {
		t.Fatal(err)
	}
	queue, err := p.Queue(ctx)
	if err != nil || len(queue) != 1 || queue[0].Recipients[0].Address != "taken@example.com" {
		t.Fatalf("queue = %+v, %v", queue, err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if messages, err := sink.Messages(ctx); len(messages) != 0 || err != nil {
		t.Fatalf("sink: %v, %v; want nothing", messages, err)
	}
}

func TestPostfixTakesOverItsDir(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "keep-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	leftover := startPostfix(t, scratch.PostfixOptions{Dir: dir})
	master := leftover.MasterPid()
	p := startPostfix(t, scratch.PostfixOptions{Dir: dir})
	if left := livingGroup(master); left != "" || p.MasterPid() == 0 {
		t.Fatalf("the leftover still runs, or the new one does not:\n%s", left)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.ConfigDir()); err != nil {
		t.Fatalf("the folder is gone: %v", err)
	}
}

func TestPostfixPrograms(t *testing.T) {
	p := startPostfix(t, scratch.PostfixOptions{Files: map[string]string{"table": "key value\n"}})
	table := "texthash:" + filepath.Join(p.ConfigDir(), "table")
	if out, err := p.Run(t.Context(), "postmap", "-q", "key", table); out != "value\n" || err != nil {
		t.Fatalf("postmap: %q, %v", out, err)
	}
	var exit *exec.ExitError
	if _, err := p.Run(t.Context(), "postmap", "-q", "none", table); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("postmap of a missing key: %v; want exit status 1", err)
	}
	if out, err := p.RunInput(t.Context(), "key\n", "postmap", "-q", "-", table); out != "key\tvalue\n" || err != nil {
		t.Fatalf("postmap of keys on stdin: %q, %v", out, err)
	}
}

func TestPostfixLeavesNothing(t *testing.T) {
	p := startPostfix(t, scratch.PostfixOptions{})
	master := p.MasterPid()
	for range 2 {
		began := time.Now()
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
		t.Logf("stopped in %s", time.Since(began))
	}
	if left := livingGroup(master); left != "" {
		t.Fatalf("processes of master(8) are left:\n%s", left)
	}
	if _, err := os.Stat(p.ConfigDir()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("folder: %v; want gone", err)
	}
}

// livingGroup lists the processes of a group, without zombies.
func livingGroup(group int) string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var left strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" {
			left.Write(text)
		}
	}
	return left.String()
}

func TestPostfixThatCannotStart(t *testing.T) {
	_, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{Master: "bad inet"})
	if err == nil || !strings.Contains(err.Error(), "master.cf") {
		t.Fatalf("err = %v; want Postfix's own words", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = scratch.StartPostfix(t.Context(), scratch.PostfixOptions{SMTPPort: taken.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Fatalf("err = %v; want Postfix's own words", err)
	}
	_, err = scratch.StartPostfix(t.Context(), scratch.PostfixOptions{Files: map[string]string{"../x": ""}})
	if err == nil || !strings.Contains(err.Error(), "plain name") {
		t.Fatalf("err = %v; want a complaint about the file name", err)
	}
}

func TestSinkKeepsHundreds(t *testing.T) {
	const senders, each = 8, 50
	sink := startSink(t, scratch.SinkOptions{})
	failures := make(chan error, senders)
	for s := range senders {
		go func() { failures <- sendMany(t.Context(), sink.Addr(), s, each) }()
	}
	messages, err := sink.Wait(patiently(t), senders*each)
	if err != nil {
		t.Fatal(err)
	}
	for range senders {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]bool)
	for _, m := range messages {
		seen[m.Sender] = true
		if want := "\nSubject: " + m.Sender + "\n\n" + longBody; !strings.HasSuffix(string(m.Data), want) {
			t.Fatalf("message of %s is cut: %d bytes", m.Sender, len(m.Data))
		}
	}
	if len(messages) != senders*each || len(seen) != senders*each {
		t.Fatalf("%d messages of %d senders, want %d", len(messages), len(seen), senders*each)
	}
}

// longBody passes several buffers of smtp-sink and has empty lines throughout.
var longBody = strings.Repeat("line\n\n.dot\n\n", 2000)

func sendMany(ctx context.Context, addr string, sender, n int) error {
	for i := range n {
		from := fmt.Sprintf("s%d-%d@example.org", sender, i)
		replies, err := scratch.Submit(ctx, addr, from, []string{"a@example.com", "b@example.com"}, "Subject: "+from+"\n\n"+longBody)
		if err != nil {
			return err
		}
		if len(scratch.Refusals(replies)) > 0 {
			return errors.New(scratch.Transcript(replies))
		}
	}
	return nil
}
