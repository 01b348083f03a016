//go:build integration

package policyd_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/scratch"
	"postern/policyd"
)

// notebook keeps what smtpd(8) asked.
type notebook struct {
	mu    sync.Mutex
	lines []string   // one for each request
	names [][]string // of the attributes of each
}

// Check writes the request down and lets it pass.
func (n *notebook) Check(_ context.Context, q *policyd.Request) (policyd.Verdict, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, noted(q))
	var names []string
	for _, a := range q.Attributes {
		names = append(names, strings.Clone(a.Name))
	}
	n.names = append(n.names, names)
	return policyd.Verdict{}, nil
}

// noted is a request as the golden file has it: list and state, then what is
// not empty. What differs from run to run is "…".
func noted(q *policyd.Request) string {
	words := []string{q.Context, q.State}
	for _, name := range []string{"protocol_name", "helo_name", "sender", "recipient", "recipient_count", "size", "queue_id", "instance", "etrn_domain"} {
		value := q.Get(name)
		switch {
		case value == "" || value == "0":
			continue
		case name == "queue_id" || name == "instance":
			value = "…"
		}
		words = append(words, name+"="+value)
	}
	return strings.Join(words, " ")
}

// take gives what was asked since the last time.
func (n *notebook) take() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := strings.Join(n.lines, "\n")
	n.lines = nil
	return text
}

// everyList asks in every restriction list, which its policy_context names.
func everyList(delay string) map[string]string {
	main := map[string]string{"smtpd_delay_reject": delay}
	for _, list := range []string{"client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn"} {
		main["smtpd_"+list+"_restrictions"] = "check_policy_service { SERVICE, policy_context=" + list + " }, permit_mynetworks, reject"
	}
	return main
}

// TestPostfixStates plays the conversations of a file, line by line, and
// compares what the policy server was asked at each.
func TestPostfixStates(t *testing.T) {
	for _, delay := range []string{"no", "yes"} {
		t.Run("smtpd_delay_reject="+delay, func(t *testing.T) {
			var asked notebook
			o := openOffice(t, &asked, everyList(delay))
			file := "testdata/states_delay_reject_" + delay + ".txt"
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			asked.take() // of the greeting that Postfix was awaited by
			if got := replay(t, o, &asked, string(text)); got != string(text) {
				t.Errorf("%s has\n%s\nPostfix asks\n%s", file, text, got)
			}
			allNames(t, o, &asked)
		})
	}
}

// replay sends the lines that begin with "->" and gives the text with what was
// asked after each. An empty line begins another session.
func replay(t *testing.T, o *office, asked *notebook, text string) string {
	var out strings.Builder
	var d *scratch.Dialog
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		command, isCommand := strings.CutPrefix(line, "-> ")
		switch {
		case strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
			continue
		case line == "":
			hangUp(d)
			d = nil
			out.WriteString("\n")
			continue
		case !isCommand:
			continue
		}
		out.WriteString(line + "\n")
		d = say(t, o, d, command)
		if questions := asked.take(); questions != "" {
			out.WriteString("   " + strings.ReplaceAll(questions, "\n", "\n   ") + "\n")
		}
	}
	hangUp(d)
	return out.String()
}

func hangUp(d *scratch.Dialog) {
	if d != nil {
		_ = d.Close()
	}
}

// say sends one command; "connect" opens the session and "body" sends a mail.
func say(t *testing.T, o *office, d *scratch.Dialog, command string) *scratch.Dialog {
	t.Helper()
	var reply scratch.Reply
	var err error
	switch command {
	case "connect":
		d, err = scratch.DialSMTP(t.Context(), o.mta.Addr())
		if err == nil {
			reply = d.Greeting
		}
	case "body":
		reply, err = d.Body("Subject: hello\n\nhello\n")
	default:
		reply, err = d.Command(strings.ReplaceAll(command, `\r\n`, "\r\n"))
	}
	if err != nil || !reply.OK() {
		t.Fatalf("%s: %s, %v", command, reply, err)
	}
	return d
}

// allNames: a request has the attributes that the table gives for this release,
// in its order.
func allNames(t *testing.T, o *office, asked *notebook) {
	t.Helper()
	version, err := o.mta.Postconf(t.Context(), "-h", "mail_version")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, known := range policyd.Attributes() {
		if release(known.Since) <= release(version) {
			want = append(want, known.Name)
		}
	}
	for _, names := range asked.names {
		if !slices.Equal(names, want) {
			t.Fatalf("Postfix %s sends %q, the table has %q", strings.TrimSpace(version), names, want)
		}
	}
	if len(asked.names) == 0 {
		t.Error("nothing was asked")
	}
}

// release orders "3.7.11" and "3.12".
func release(version string) int {
	var major, minor int
	_, _ = fmt.Sscanf(version, "%d.%d", &major, &minor)
	return 1000*major + minor
}
