//go:build integration

package e2e

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// twinSinks are the outside world of all sides.
type twinSinks struct{ main, branch *scratch.Sink }

// twinMain is the main.cf that all sides have in common; table spells a table
// or list of tables.
func twinMain(sinks twinSinks, table func(name string) string) map[string]string {
	return map[string]string{
		"myorigin":                       "origin.test",
		"mydestination":                  "loc.test",
		"virtual_alias_domains":          strings.Join(twinVirtual, ", "),
		"recipient_delimiter":            "+-",
		"relayhost":                      sinks.main.Nexthop(),
		"local_transport":                "smtp:" + sinks.main.Nexthop(),
		"virtual_alias_maps":             table("virtual"),
		"canonical_maps":                 table("canonical"),
		"sender_canonical_maps":          table("scanon"),
		"recipient_canonical_maps":       table("rcanon"),
		"transport_maps":                 table("transport"),
		"relay_domains":                  table("relay"),
		"relay_recipient_maps":           table("relayrcpt"),
		"local_recipient_maps":           table("localrcpt"),
		"recipient_bcc_maps":             table("bcc"),
		"sender_bcc_maps":                table("pair"),
		"smtpd_sender_login_maps":        table("login"),
		"smtpd_client_restrictions":      "check_client_access " + table("client"),
		"smtpd_helo_restrictions":        "check_helo_access " + table("helo"),
		"smtpd_sender_restrictions":      "check_sender_access " + table("saccess") + ", reject_sender_login_mismatch",
		"smtpd_relay_restrictions":       "reject_unauth_destination",
		"smtpd_recipient_restrictions":   "check_recipient_access " + table("raccess"),
		"smtpd_sasl_auth_enable":         "yes",
		"smtpd_sasl_exceptions_networks": "static:all",
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		"local_header_rewrite_clients":   "static:all",
		"parent_domain_matches_subdomains": "debug_peer_list, fast_flush_domains, mynetworks, permit_mx_backup_networks, " +
			"qmqpd_authorized_clients, relay_domains, smtpd_access_maps",
		"virtual_alias_recursion_limit":   "20",
		"smtpd_error_sleep_time":          "0",
		"smtpd_soft_error_limit":          "100000",
		"smtpd_hard_error_limit":          "100000",
		"smtpd_junk_command_limit":        "100000",
		"in_flow_delay":                   "0",
		"smtp_connection_cache_on_demand": "no", // which session is reused is a matter of time
		"inet_protocols":                  "all",
		"notify_classes":                  "",
		"smtpd_client_port_logging":       "no",
	}
}

// twinSide is one of the Postfixes and what became of its mail.
type twinSide struct {
	name    string
	mta     *scratch.Postfix
	replies []string   // by case
	came    [][]string // by case: what the sinks got
	others  []string   // mail that Postfix made itself, and mail that stayed
}

// play sends the mail of all cases, one session per profile.
func (s *twinSide) play(t *testing.T, cases []twinCase) {
	s.replies = make([]string, len(cases))
	s.came = make([][]string, len(cases))
	for profile := range twinProfiles {
		var d *scratch.Dialog
		for i, c := range cases {
			if c.profile != profile {
				continue
			}
			if d == nil {
				d = s.greet(t, profile)
				defer d.Close()
			}
			s.replies[i] = s.transaction(t, d, i, c)
		}
	}
}

// greet opens a session as the profile says.
func (s *twinSide) greet(t *testing.T, profile int) *scratch.Dialog {
	d, err := scratch.DialSMTP(t.Context(), s.mta.Addr())
	if err != nil {
		t.Fatal(err)
	}
	p := twinProfiles[profile]
	if p.xclient != "" {
		s.say(t, d, "EHLO xclient.test")
		if reply := s.say(t, d, "XCLIENT "+p.xclient); !reply.OK() {
			t.Fatalf("%s: %s", s.name, reply)
		}
	}
	s.say(t, d, "EHLO "+p.helo)
	return d
}

func (s *twinSide) say(t *testing.T, d *scratch.Dialog, line string) scratch.Reply {
	reply, err := d.Command(line)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return reply
}

var queueID = regexp.MustCompile(`queued as \w+`)

// transaction sends one mail and returns all replies.
func (s *twinSide) transaction(t *testing.T, d *scratch.Dialog, i int, c twinCase) string {
	var replies []string
	note := func(r scratch.Reply) bool {
		replies = append(replies, queueID.ReplaceAllString(r.String(), "queued"))
		return r.OK()
	}
	utf8 := ""
	if c.utf8 {
		utf8 = " SMTPUTF8"
	}
	taken := note(s.say(t, d, "MAIL FROM:<"+c.sender+">"+utf8)) && note(s.say(t, d, "RCPT TO:<"+c.receiver+">"))
	if taken && note(s.say(t, d, "DATA")) {
		end, err := d.Body(fmt.Sprintf("Subject: case %s %d.\nFrom: %s\nTo: %s\nCc: once@far.test\n\ntext\n", s.name, i,
			cmp.Or(c.sender, "null@far.test"), c.receiver))
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		note(end)
	}
	s.say(t, d, "RSET")
	return strings.Join(replies, "\n  ")
}

// settled waits until nothing is under way and notes what stayed.
func (s *twinSide) settled(t *testing.T) {
	var queue []scratch.QueuedMessage
	eventually(t, "the queue of "+s.name+" comes to rest", func() bool {
		var err error
		if queue, err = s.mta.Queue(t.Context()); err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(queue, func(m scratch.QueuedMessage) bool { return m.Queue != "deferred" })
	})
	for _, m := range queue {
		for _, r := range m.Recipients {
			s.others = append(s.others, fmt.Sprintf("deferred: <%s> to <%s>: %s", m.Sender, r.Address, r.Reason))
		}
	}
	log, err := s.mta.Logged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, bounced := range notSent.FindAllStringSubmatch(log, -1) {
		s.others = append(s.others, "not sent: "+strings.Join(bounced[1:], " "))
	}
}

// notSent is a recipient in the log whose mail did not reach a sink: the sink
// has no SMTPUTF8, a transport is an error.
var notSent = regexp.MustCompile(`: (to=<.*?>), (?:(orig_to=<.*?>), )?relay=.*, status=(bounced \(.*\))`)

var subject = regexp.MustCompile(`(?m)^Subject: case (\w+) (\d+)\.$`)

// collect sorts what the sinks got to the sides.
func collect(t *testing.T, sinks twinSinks, sides ...*twinSide) {
	for name, sink := range map[string]*scratch.Sink{"main": sinks.main, "branch": sinks.branch} {
		messages, err := sink.Messages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			sortMessage(t, name, m, sides)
		}
	}
	for _, side := range sides {
		slices.Sort(side.others)
		for i := range side.came {
			slices.Sort(side.came[i])
		}
	}
}

// sortMessage files one message. A bounce is known by the mail in its body.
func sortMessage(t *testing.T, sink string, m scratch.Message, sides []*twinSide) {
	found := subject.FindSubmatch(m.Data)
	if found == nil {
		t.Errorf("a mail of nobody came: %q", m.Data)
		return
	}
	header, _, _ := strings.Cut(string(m.Data), "\n\n")
	own := strings.Contains(header, string(found[0]))
	for _, side := range sides {
		if side.name != string(found[1]) {
			continue
		}
		for _, recipient := range m.Recipients {
			if !own {
				side.others = append(side.others, fmt.Sprintf("bounce of %s: <%s> to <%s>", found[2], m.Sender, recipient))
				continue
			}
			var i int
			fmt.Sscan(string(found[2]), &i)
			side.came[i] = append(side.came[i], fmt.Sprintf("%s: <%s> to <%s>, %s", sink, m.Sender, recipient, headers(header)))
		}
	}
}

// headers are the header lines that tables have a say in.
func headers(header string) string {
	var kept []string
	for line := range strings.Lines(header) {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "From", "To", "Cc", "X-Via", "X-Null", "X-TLD", "X-Helo":
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, " | ")
}

// outcome is all that became of one case.
func (s *twinSide) outcome(i int) string {
	return "  " + s.replies[i] + "\n  " + strings.Join(s.came[i], "\n  ")
}
