//go:build integration

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// srsHost is a forwarding Postfix that asks for SRS, and the outside world.
type srsHost struct{ *forwardingHost }

var srsMails atomic.Int64

// newSubject is a header line that no other mail has.
func newSubject() string { return fmt.Sprintf("Subject: srs %d.", srsMails.Add(1)) }

// startSRSHost takes Postfix from a Debian root folder ("" is this machine).
// The aliases are its own unless main has others. Master is entries of
// master.cf.
func startSRSHost(t *testing.T, root string, main map[string]string, master ...string) *srsHost {
	t.Helper()
	h := &srsHost{forwardingHost: &forwardingHost{sink: scratchtest.Sink(t, scratch.SinkOptions{})}}
	refusing := scratchtest.Sink(t, scratch.SinkOptions{Args: []string{"-f", "RCPT"}})
	settings := map[string]string{
		"myhostname": "mx.fwd-host.test", "myorigin": "$myhostname", "mynetworks": "", "relayhost": h.sink.Nexthop(),
		"transport_maps":               "inline:{ {refuse.test=smtp:" + refusing.Nexthop() + "} }",
		"relay_domains":                "home.test",
		"virtual_alias_domains":        srsDomain + ", fwd.test, kept.test",
		"virtual_alias_maps":           srsAliases,
		"smtpd_relay_restrictions":     "reject_unauth_destination",
		"local_transport":              "error:5.1.1 no mailboxes on this host",
		"show_user_unknown_table_name": "no", "strict_rfc821_envelopes": "yes", "notify_classes": "",
		"smtpd_error_sleep_time": "0", "smtpd_soft_error_limit": "100000", "smtpd_hard_error_limit": "100000",
		"smtpd_client_connection_count_limit": "0",
	}
	maps.Copy(settings, main)
	h.mta = startPostfixOf(t, root, settings, master...)
	return h
}

// srsAliases lead out, to a host that refuses, and to home.test.
const srsAliases = "inline:{ {info@fwd.test=owner@dest.test} {bad@fwd.test=nobody@refuse.test} " +
	"{stays@fwd.test=box@home.test} {info@kept.test=owner@dest.test} {postmaster@" + srsDomain + "=ops@dest.test} }"

// forwards sends a mail that must be taken and returns what came out.
func (h *srsHost) forwards(t *testing.T, from, to string) *scratch.Message {
	t.Helper()
	mark := newSubject()
	if got := sendMail(t, h.mta.Addr(), "", from, to, mark); !strings.HasPrefix(got, "250") {
		t.Fatalf("<%s> to <%s>: %s", from, to, got)
	}
	return h.comes(t, mark)
}

// comes waits for the mail with a mark in it.
func (h *srsHost) comes(t *testing.T, mark string) (came *scratch.Message) {
	t.Helper()
	eventually(t, "the mail comes out", func() bool { came = h.find(t, mark); return came != nil })
	return came
}

// refuses sends a mail that must be refused with want in the reply.
func (h *srsHost) refuses(t *testing.T, from, to, want string) {
	t.Helper()
	if got := sendMail(t, h.mta.Addr(), "", from, to, newSubject()); !strings.HasPrefix(got, want) {
		t.Errorf("<%s> to <%s>: %s, want %s", from, to, got, want)
	}
}

// wantEnvelope compares what came out.
func wantEnvelope(t *testing.T, came *scratch.Message, sender string, recipients ...string) {
	t.Helper()
	if came.Sender != sender || !slices.Equal(came.Recipients, recipients) {
		t.Errorf("out came <%s> to %q, want <%s> to %q", came.Sender, came.Recipients, sender, recipients)
	}
}

// wantRewritten checks that the sender is an SRS address of the host's that
// ends like this.
func wantRewritten(t *testing.T, came *scratch.Message, tag, ending string) {
	t.Helper()
	if !strings.HasPrefix(came.Sender, tag+"=") || !strings.HasSuffix(came.Sender, ending+"@"+srsDomain) {
		t.Fatalf("out came <%s>, want %s=…%s@%s", came.Sender, tag, ending, srsDomain)
	}
}
