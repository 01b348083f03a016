//go:build integration

package milter_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/serve"
	"postern/srsd/milter"
)

// host is a Postfix with the milter, and the outside world.
type host struct {
	t     *testing.T
	mta   *scratch.Postfix
	sink  *scratch.Sink
	rig   *rig
	dir   string // where the unix socket is
	addr  net.Addr
	stop  context.CancelFunc
	done  chan error
	mails int

	mu    sync.Mutex
	rules milter.Rules
	seen  []string // recipients that the rules were asked about
}

// startHost takes Postfix from a Debian root folder; "" is this machine.
func startHost(t *testing.T, root, network string, main map[string]string) *host {
	t.Helper()
	h := &host{t: t, rules: fakeRules(), sink: scratchtest.Sink(t, scratch.SinkOptions{})}
	h.rig = newRig(milter.Rules{})
	h.rig.handler.Rules = h.current
	h.openFolder(root)
	h.serve(h.listen(network))
	endpoint := "inet:" + h.addr.String()
	if network == "unix" {
		endpoint = "unix:" + strings.TrimPrefix(h.addr.String(), root)
	}
	settings := map[string]string{
		"relayhost": h.sink.Nexthop(), "smtpd_milters": endpoint, "non_smtpd_milters": endpoint, "milter_default_action": "tempfail",
		"virtual_alias_maps":           "inline:{ {alias@home.example=target@out.example} }",
		"smtpd_relay_restrictions":     "permit_mynetworks, reject",
		"smtpd_recipient_restrictions": "check_recipient_access inline:{ {nobody@out.example=REJECT} }",
		"smtpd_error_sleep_time":       "0", "smtpd_hard_error_limit": "1000", "smtpd_soft_error_limit": "1000",
	}
	for name, value := range main {
		settings[name] = value
	}
	h.mta = scratchtest.Postfix(t, scratch.PostfixOptions{Root: root, Main: settings})
	t.Cleanup(h.wantNoWarning)
	return h
}

// openFolder makes a folder that user postfix can look into.
func (h *host) openFolder(root string) {
	h.t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(root, "/tmp"), "postern-milter-")
	if err == nil {
		h.t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.dir = dir
}

// listen opens the socket: the same each time.
func (h *host) listen(network string) net.Listener {
	h.t.Helper()
	var at string
	switch {
	case h.addr != nil:
		at = h.addr.String()
	case network == "unix":
		at = filepath.Join(h.dir, "milter")
	default:
		port, err := scratch.FreePort() // nobody takes it while the milter is away
		if err != nil {
			h.t.Fatal(err)
		}
		at = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	ln, err := net.Listen(network, at)
	if err == nil && network == "unix" {
		err = os.Chmod(at, 0o666)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = ln.Addr()
	return ln
}

// serve runs the milter until kill or the end of the test.
func (h *host) serve(ln net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	h.stop, h.done = stop, done
	s := &serve.Server{Daemon: "milter", ConnHandler: &h.rig.handler, Limits: serve.Limits{Drain: 10 * time.Millisecond}}
	go func() {
		done <- s.Serve(ctx, ln)
		close(done)
	}()
	h.t.Cleanup(func() { stop(); <-done })
}

// kill ends the milter with whatever it is at.
func (h *host) kill() {
	h.stop()
	<-h.done
}

// current are the rules, with a record of the recipients.
func (h *host) current() milter.Rules {
	h.mu.Lock()
	defer h.mu.Unlock()
	rules := h.rules
	refuse := rules.Refuse
	rules.Refuse = func(ctx context.Context, sender, recipient string) (string, error) {
		h.mu.Lock()
		h.seen = append(h.seen, recipient)
		h.mu.Unlock()
		return refuse(ctx, sender, recipient)
	}
	return rules
}

// change changes the rules for the next message.
func (h *host) change(change func(*milter.Rules)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.rules)
}

// wantNoWarning looks for what Postfix does not like about the milter.
func (h *host) wantNoWarning() {
	log, err := h.mta.Logged(context.Background())
	if err != nil {
		h.t.Error(err)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "warning: ") && strings.Contains(line, "milter") &&
			!strings.Contains(line, "connect to Milter service") && !strings.Contains(line, "can't read SMFIC_") &&
			!strings.Contains(line, "milter configuration error: can't reject recipient") {
			h.t.Errorf("Postfix warns: %s", line)
		}
	}
}

// smtp is an SMTP session that must not break.
type smtp struct {
	t *testing.T
	*scratch.Dialog
}

func (h *host) dial(t *testing.T) smtp {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), h.mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	s := smtp{t, d}
	s.want("EHLO client.example", "250")
	return s
}

// want sends a command and checks how the reply begins.
func (s smtp) want(command, want string) {
	s.t.Helper()
	reply, err := s.Command(command)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := fmt.Sprint(reply.Code, " ", reply.Text); !strings.HasPrefix(got, want) {
		s.t.Fatalf("%s: %s, want %s", command, got, want)
	}
}

// body sends DATA and a text.
func (s smtp) body(text, want string) {
	s.t.Helper()
	s.want("DATA", "354")
	reply, err := s.Body(text)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := fmt.Sprint(reply.Code, " ", reply.Text); !strings.HasPrefix(got, want) {
		s.t.Fatalf("end of message: %s, want %s", got, want)
	}
}

// mark is the header of a mail of its own.
func (h *host) mark() string {
	h.mails++
	return fmt.Sprintf("Subject: mail %d.\n\n", h.mails)
}

// wantOut waits until a mail has come out for all its recipients, in one or
// more transactions, and compares its envelope.
func (h *host) wantOut(t *testing.T, mark, sender string, recipients ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	want := slices.Sorted(slices.Values(recipients))
	for {
		messages, err := h.sink.Messages(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range messages {
			if !strings.Contains(string(m.Data), strings.TrimSpace(mark)) {
				continue
			}
			if m.Sender != sender {
				t.Fatalf("out came <%s>, want <%s>", m.Sender, sender)
			}
			got = append(got, m.Recipients...)
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("out came a mail to %q, want %q", got, want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// wantNothingElse checks that no mail came out that no test waited for.
func (h *host) wantNothingElse(t *testing.T, marks ...string) {
	t.Helper()
	messages, err := h.sink.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		for _, mark := range marks {
			if strings.Contains(string(m.Data), strings.TrimSpace(mark)) {
				t.Errorf("out came <%s> to %q", m.Sender, m.Recipients)
			}
		}
	}
}
