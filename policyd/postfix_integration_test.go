//go:build integration

package policyd_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/serve"
	"postern/policyd"
)

// judge is a check with every outcome. The local part of the recipient names
// the action and, after a dot, the state that it is for: RCPT, if none is said.
type judge struct {
	asked func(ctx context.Context, q *policyd.Request)
}

func (j judge) Check(ctx context.Context, q *policyd.Request) (policyd.Verdict, error) {
	if j.asked != nil {
		j.asked(ctx, q)
	}
	local, _, _ := strings.Cut(q.Recipient, "@")
	action, state, found := strings.Cut(local, ".")
	if !found {
		state = "rcpt"
	}
	if !strings.EqualFold(state, q.State) {
		return policyd.Verdict{}, nil
	}
	if action == "trouble" {
		return policyd.Verdict{}, errors.New("database: gone away")
	}
	return policyd.Verdict{Action: actions()[action]}, nil
}

// actions are those that the package can make.
func actions() map[string]policyd.Action {
	return map[string]policyd.Action{
		"refuse":      policyd.Refuse(554, "5.7.1", "go away"),
		"defer":       policyd.Refuse(452, "4.5.3", "come again"),
		"unavailable": policyd.Unavailable("policy check bans"),
		"greylist":    policyd.DeferIfPermit("greylisted"),
		"hold":        policyd.Hold("look at it"),
		"holdnow":     policyd.Hold(""),
		"discard":     policyd.Discard("spam"),
		"discardnow":  policyd.Discard(""),
		"prepend":     policyd.Prepend("X-Policy: seen: yes"),
		"prependlong": policyd.Prepend("X-Policy: " + strings.Repeat("long ", 200)),
		"long":        policyd.Refuse(554, "5.7.1", strings.Repeat("long ", 200)),
		"noisy":       policyd.Refuse(554, "5.7.1", "two\r\nlines: ü\x00"),
		"wordless":    policyd.Refuse(450, "4.7.1", ""),
	}
}

// office is a policy server with a real Postfix in front of it, and the world
// behind that.
type office struct {
	service string // as check_policy_service takes it
	sink    *scratch.Sink
	mta     *scratch.Postfix
}

// openOffice starts all three. SERVICE in main is the policy server.
func openOffice(t *testing.T, check policyd.Check, main map[string]string) *office {
	t.Helper()
	o := &office{service: "inet:" + servePolicy(t, check), sink: scratchtest.Sink(t, scratch.SinkOptions{})}
	all := map[string]string{
		"relayhost":                    o.sink.Nexthop(),
		"smtpd_relay_restrictions":     "permit_mynetworks, reject",
		"smtpd_error_sleep_time":       "0",
		"smtpd_recipient_limit":        "5000",
		"smtpd_hard_error_limit":       "5000",
		"smtpd_soft_error_limit":       "5000",
		"fast_flush_domains":           "example.com",
		"smtpd_policy_service_timeout": "20s",
	}
	for name, value := range main {
		all[name] = strings.ReplaceAll(value, "SERVICE", o.service)
	}
	o.mta = scratchtest.Postfix(t, scratch.PostfixOptions{Main: all})
	return o
}

// servePolicy serves a chain of one check as the daemon does.
func servePolicy(t *testing.T, check policyd.Check) (address string) {
	t.Helper()
	policy := &policyd.Policy{Default: []policyd.Link{{Name: "judge", Check: check, Mode: policyd.Enforce}}}
	h := &policyd.Handler{Policy: func() *policyd.Policy { return policy }, NewID: func() string { return "ABCDEFGH" }}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- (&serve.Server{Daemon: "policyd", Handler: h}).Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// send submits a mail and gives the last reply before QUIT.
func (o *office) send(t *testing.T, recipient string) scratch.Reply {
	t.Helper()
	replies, err := scratch.Submit(t.Context(), o.mta.Addr(), "a@example.net", []string{recipient}, "Subject: hello\n\nhello\n")
	if err != nil {
		t.Fatal(err)
	}
	return replies[len(replies)-2]
}

// TestPostfixActions: what each action does in a real Postfix.
func TestPostfixActions(t *testing.T) {
	o := openOffice(t, judge{}, map[string]string{
		"smtpd_recipient_restrictions":   "check_policy_service SERVICE, check_recipient_access inline:{{greylist@refused.test=REJECT not here} {discard@refused.test=REJECT not here}}",
		"smtpd_data_restrictions":        "check_policy_service SERVICE",
		"smtpd_end_of_data_restrictions": "check_policy_service SERVICE",
	})
	for recipient, want := range map[string]string{
		"user@example.com":                   "sent",
		"refuse@example.com":                 "RCPT 554 5.7.1 <refuse@example.com>: Recipient address rejected: go away (id ABCDEFGH)",
		"defer@example.com":                  "RCPT 452 4.5.3 <defer@example.com>: Recipient address rejected: come again (id ABCDEFGH)",
		"unavailable@example.com":            "RCPT 451 4.3.0 <unavailable@example.com>: Recipient address rejected: policy check bans is not available, please try again (id ABCDEFGH)",
		"wordless@example.com":               "RCPT 450 4.7.1 <wordless@example.com>: Recipient address rejected: (id ABCDEFGH)",
		"noisy@example.com":                  "RCPT 554 5.7.1 <noisy@example.com>: Recipient address rejected: two  lines: ? (id ABCDEFGH)",
		"greylist@example.com":               "RCPT 450 4.7.1 <greylist@example.com>: Recipient address rejected: greylisted (id ABCDEFGH)",
		"greylist@refused.test":              "RCPT 554 5.7.1 <greylist@refused.test>: Recipient address rejected: not here",
		"hold@example.com":                   "held",
		"holdnow@example.com":                "held",
		"discard@example.com":                "dropped",
		"discardnow@example.com":             "dropped",
		"discard@refused.test":               "dropped", // the rest of the list is not asked
		"prepend@example.com":                "sent with X-Policy: seen: yes",
		"prependlong@example.com":            "sent with X-Policy: " + strings.TrimSpace(strings.Repeat("long ", 178)),
		"refuse.data@example.com":            "DATA 554 5.7.1 <DATA>: Data command rejected: go away (id ABCDEFGH)",
		"defer.data@example.com":             "DATA 452 4.5.3 <DATA>: Data command rejected: come again (id ABCDEFGH)",
		"greylist.data@example.com":          "DATA 450 4.7.1 <DATA>: Data command rejected: greylisted (id ABCDEFGH)",
		"hold.data@example.com":              "held",
		"discard.data@example.com":           "dropped",
		"prepend.data@example.com":           "sent with X-Policy: seen: yes",
		"refuse.end-of-message@example.com":  ". 554 5.7.1 <END-OF-MESSAGE>: End-of-data rejected: go away (id ABCDEFGH)",
		"defer.end-of-message@example.com":   ". 452 4.5.3 <END-OF-MESSAGE>: End-of-data rejected: come again (id ABCDEFGH)",
		"hold.end-of-message@example.com":    "held",
		"discard.end-of-message@example.com": "dropped",
		"prepend.end-of-message@example.com": "sent", // Postfix warns and does nothing
	} {
		t.Run(recipient, func(t *testing.T) {
			reply := o.send(t, recipient)
			verb, _, _ := strings.Cut(reply.Command, " ")
			if !reply.OK() {
				if got := fmt.Sprintf("%s %d %s", verb, reply.Code, reply.Text); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				return
			}
			if got := o.fate(t, recipient); got != want {
				t.Errorf("the mail was %s, want %s", got, want)
			}
		})
	}
}

// fate tells what became of a mail that was taken. What has left the queue has
// reached the sink before.
func (o *office) fate(t *testing.T, recipient string) string {
	t.Helper()
	for {
		switch queue := o.queueOf(t, recipient); {
		case queue == "hold":
			return "held"
		case queue != "":
			time.Sleep(10 * time.Millisecond)
			continue
		}
		messages, err := o.sink.Messages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if slices.Contains(m.Recipients, recipient) {
				return "sent" + header(string(m.Data))
			}
		}
		return "dropped"
	}
}

// queueOf is the queue that a mail for recipient is in; "" if it has left.
func (o *office) queueOf(t *testing.T, recipient string) string {
	t.Helper()
	queue, err := o.mta.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range queue {
		for _, r := range m.Recipients {
			if r.Address == recipient {
				return m.Queue
			}
		}
	}
	return ""
}

// header is the header of ours in a mail.
func header(mail string) string {
	for line := range strings.Lines(mail) {
		if strings.HasPrefix(line, "X-Policy") {
			return " with " + strings.TrimSpace(line)
		}
	}
	return ""
}

// TestPostfixLongTexts: whatever a check says, and be the recipient as long as
// it may (RFC 5321, section 4.5.3.1.3), the reply is a line of SMTP.
func TestPostfixLongTexts(t *testing.T) {
	o := openOffice(t, judge{}, map[string]string{"smtpd_recipient_restrictions": "check_policy_service SERVICE"})
	reply := o.send(t, "long@"+strings.Repeat(strings.Repeat("d", 49)+".", 4)+strings.Repeat("d", 49))
	// RFC 5321, section 4.5.3.1.5: 512 octets with code and CR LF.
	if line := fmt.Sprintf("%d %s\r\n", reply.Code, reply.Text); len(line) > 512 || !strings.HasSuffix(reply.Text, "(id ABCDEFGH)") {
		t.Errorf("a line of %d bytes: %s", len(line), line)
	}
}

// TestPostfixWithoutReply: a connection that ends without a reply is asked
// again as often as try_limit says, and then default_action is done.
func TestPostfixWithoutReply(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		asked    int
		want     string // reply; "" is taken
	}{
		"defaults":           {"", 2, "451 4.3.5 <trouble@example.com>: Recipient address rejected: Server configuration problem"},
		"lets mail pass":     {", try_limit=1, default_action=DUNNO", 1, ""},
		"words of our own":   {", try_limit=1, { default_action = 451 4.3.0 policy service unavailable }", 1, "451 4.3.0 <trouble@example.com>: Recipient address rejected: policy service unavailable"},
		"tries three times":  {", try_limit=3, default_action=DUNNO", 3, ""},
		"refuses as it says": {", try_limit=1, default_action=REJECT", 1, "554 5.7.1 <trouble@example.com>: Recipient address rejected: Access denied"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			check := judge{func(_ context.Context, q *policyd.Request) {
				if strings.HasPrefix(q.Recipient, "trouble") {
					asked.Add(1)
				}
			}}
			o := openOffice(t, check, map[string]string{
				"smtpd_recipient_restrictions": "check_policy_service { SERVICE, timeout=10s" + c.settings + " }, permit_mynetworks",
			})
			reply, got := o.send(t, "trouble@example.com"), ""
			if !reply.OK() {
				got = fmt.Sprintf("%d %s", reply.Code, reply.Text)
			}
			if got != c.want || asked.Load() != int64(c.asked) {
				t.Errorf("replied %q after %d questions, want %q after %d", got, asked.Load(), c.want, c.asked)
			}
			o.recovers(t)
		})
	}
}

// recovers waits until a later session is judged again. The next one may still
// find the connection that ended, see TestPostfixTriesOnce.
func (o *office) recovers(t *testing.T) {
	t.Helper()
	var reply scratch.Reply
	for range 20 {
		if reply = o.send(t, "refuse@example.com"); reply.Code == 554 {
			return
		}
	}
	t.Errorf("after the trouble: %s", reply)
}

// TestPostfixTriesOnce: with try_limit=1 one connection that ends costs all
// further questions of the session; with two attempts it costs a second.
func TestPostfixTriesOnce(t *testing.T) {
	for limit, want := range map[string]int{"1": 250, "2": 554} {
		t.Run("try_limit="+limit, func(t *testing.T) {
			o := openOffice(t, judge{}, map[string]string{
				"smtpd_recipient_restrictions": "check_policy_service { SERVICE, try_limit=" + limit + ", default_action=DUNNO }",
			})
			recipients := []string{"refuse@1.example.com", "trouble@example.com", "refuse@2.example.com", "refuse@3.example.com"}
			replies, err := scratch.Submit(t.Context(), o.mta.Addr(), "a@example.net", recipients, "Subject: x\n\nx\n")
			if err != nil || len(replies) < 7 {
				t.Fatalf("%v\n%s", err, scratch.Transcript(replies))
			}
			for i, code := range []int{554, 250, want, want} {
				if got := replies[3+i]; got.Code != code {
					t.Errorf("%s, want %d", got, code)
				}
			}
		})
	}
}

// TestPostfixTwoAtOnce: a slow answer to one smtpd(8) holds up no other.
func TestPostfixTwoAtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	check := judge{func(_ context.Context, q *policyd.Request) {
		if strings.HasPrefix(q.Recipient, "slow") {
			entered <- struct{}{}
			<-leave
		}
	}}
	o := openOffice(t, check, map[string]string{"smtpd_recipient_restrictions": "check_policy_service SERVICE"})
	var slow sync.WaitGroup
	slow.Go(func() {
		replies, err := scratch.Submit(t.Context(), o.mta.Addr(), "a@example.net", []string{"slow@example.com"}, "Subject: x\n\nx\n")
		if err != nil || len(scratch.Refusals(replies)) > 0 {
			t.Errorf("slow: %v\n%s", err, scratch.Transcript(replies))
		}
	})
	<-entered
	if reply := o.send(t, "user@example.com"); !reply.OK() {
		t.Errorf("beside it: %s", reply)
	}
	close(leave)
	slow.Wait()
}

// TestPostfixManyRequests: thousands of recipients are asked for over one
// connection.
func TestPostfixManyRequests(t *testing.T) {
	connections, asked := map[uint64]int{}, 0
	var mu sync.Mutex
	check := judge{func(ctx context.Context, _ *policyd.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[serve.ID(ctx)]++
		asked++
	}}
	o := openOffice(t, check, map[string]string{"smtpd_recipient_restrictions": "check_policy_service SERVICE"})
	const n = 2500
	recipients := make([]string, n)
	for i := range recipients {
		recipients[i] = fmt.Sprintf("refuse@%d.example.com", i)
		if i%2 == 0 {
			recipients[i] = fmt.Sprintf("user%d@example.com", i)
		}
	}
	replies, err := scratch.Submit(t.Context(), o.mta.Addr(), "a@example.net", recipients, "Subject: x\n\nx\n")
	if err != nil {
		t.Fatal(err)
	}
	if refused := scratch.Refusals(replies); len(refused) != n/2 || refused[0].Code != 554 {
		t.Errorf("%d refused, want %d: %s", len(refused), n/2, refused[0])
	}
	mu.Lock()
	defer mu.Unlock()
	if asked != n || len(connections) != 1 {
		t.Errorf("%d questions over %v", asked, connections)
	}
}
