//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/scratch/trixie"
)

// TestReaderRelay runs the local relay, whose second way out is h.boxes here.
func TestReaderRelay(t *testing.T) {
	root, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, debian := range []struct{ name, root string }{{"this Debian", ""}, {"Debian 13", root}} {
		t.Run(debian.name, func(t *testing.T) {
			h := startRelay(t, debian.root)
			t.Run("mail", func(t *testing.T) { testRelayMail(t, h) })
			t.Run("rate delay", func(t *testing.T) { testRelayDelay(t, h) })
			t.Run("limit", func(t *testing.T) { testRelayLimit(t, h) })
			t.Run("a change", func(t *testing.T) { testRelayChange(t, h) })
			t.Run("postern away", func(t *testing.T) { testRelayAway(t, h) })
		})
	}
}

var relayTables = []string{"transport_maps", "sender_transport_maps", "sender_relayhost_maps"}

func startRelay(t *testing.T, root string) *readerHost {
	t.Helper()
	h := newReaderHost(t, root, "A local relay")
	h.boxes = scratchtest.Sink(t, scratch.SinkOptions{})
	for _, name := range append(relayTables, "header_checks") {
		text := strings.NewReplacer("[192.0.2.24]", h.out.Nexthop(), "[192.0.2.25]", h.boxes.Nexthop()).Replace(readersData(t, "relay/"+name))
		h.file(t, "etc/"+name, text)
	}
	for _, side := range []string{"before", "after"} {
		o := h.options(t, side)
		o.Chroot = true
		h.start(t, side, o)
	}
	for _, name := range relayTables {
		if out, err := h.before.mta.Run(t.Context(), "postmap", "hash:"+h.seen(h.dir)+"/etc/"+name); err != nil {
			t.Fatalf("postmap: %v: %s", err, out)
		}
	}
	if err := h.before.mta.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.configure(t, "", "limit: 1000/1h", "limit: 5/1h")
	h.d.start(t)
	return h
}

// testRelayMail: the same ways out, also by name of the transport, which shows
// in the log alone.
func testRelayMail(t *testing.T, h *readerHost) {
	h.same(t, readersData(t, "relay/mail.txt"))
	for _, s := range []*readerSide{h.before, h.after} {
		for _, to := range []string{"by-office@far.test", "by-null@far.test"} {
			if !regexp.MustCompile(`postfix-office/smtp\[\d+\]: \w+: to=<` + to + `>, .*status=sent`).MatchString(s.mta.Log()) {
				t.Errorf("%s: <%s> did not leave by the transport office", s.name, to)
			}
		}
	}
}

// testRelayDelay: Postfix spaces the deliveries of the transport that postern
// names, and no others.
func testRelayDelay(t *testing.T, h *readerHost) {
	for _, s := range []*readerSide{h.before, h.after} {
		began := time.Now()
		var marks []string
		for i := range 5 { // its clock has whole seconds: the first pause can be short, and now and then another
			mark := newSubject()
			if got := sendMail(t, s.mta.Addr(), "", "a@host.test", fmt.Sprintf("u%d@slow.test", i), mark); !strings.HasPrefix(got, "250") {
				t.Fatal(got)
			}
			marks = append(marks, mark)
		}
		for _, mark := range marks {
			s.comes(t, mark)
		}
		if took := time.Since(began); took < 1900*time.Millisecond {
			t.Errorf("%s: five mails to slow.test left within %v, want a second between them", s.name, took)
		}
		if !strings.Contains(s.mta.Log(), "postfix-slow/smtp[") {
			t.Errorf("%s: nothing left by the transport slow", s.name)
		}
	}
}

// testRelayLimit: a destination has its limit, whoever sends; the others go on,
// and the metrics tell.
func testRelayLimit(t *testing.T, h *readerHost) {
	h.after.play(t, "-- 127.0.0.1 localhost\nMAIL FROM:<a@host.test> | 250\n"+rcpts(5, "u%d@limited.test", "250")+`
		RCPT TO:<u5@Limited.test>      | 450 4.7.1 … limit of 5 recipients per hour to this recipient domain … (id
		RCPT TO:<u@unlimited.test>     | 250
		DATA                           | 354
		.                              | 250
		=> out u0@limited.test, u1@limited.test, u2@limited.test, u3@limited.test, u4@limited.test, u@unlimited.test
		MAIL FROM:<b@host.test>        | 250
		RCPT TO:<u@limited.test>       | 450 4.7.1
		RSET                           | 250
		MAIL FROM:<b@host.test>        | 250`+"\n"+rcpts(9, "u%d@host.test", "250"))
	if n := h.d.metric(t, "postern_policy_decisions_total", `rule="destination"`, `action="defer"`); n != 2 {
		t.Errorf("metrics: %v recipients were deferred by the limit, want 2", n)
	}
	for name, result := range map[string]string{"transport": "found", "sender-transport": "found", "sender-relayhost": "found"} {
		if n := h.d.metric(t, "postern_lookup_requests_total", `map="`+name+`"`, result); n == 0 {
			t.Errorf("metrics: no look-up of map %s found anything", name)
		}
	}
}

// testRelayChange: a new way counts without postmap, and "*" wins over the
// sender's.
func testRelayChange(t *testing.T, h *readerHost) {
	path := filepath.Join(h.dir, "etc", "transport_maps")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, path, "*  smtp:"+h.boxes.Nexthop()+"\n")
	a := h.d.asker()
	defer a.close()
	eventually(t, "the file is read", func() bool { return status(a.must(t, "transport", "*")) == "OK" })
	n := 0
	eventually(t, "trivial-rewrite(8) asks again", func() bool { // it keeps what "*" said for half a minute
		n++
		time.Sleep(200 * time.Millisecond)
		mark := newSubject()
		if got := sendMail(t, h.after.mta.Addr(), "", "a@office.test", fmt.Sprintf("u@star%d.test", n), mark); !strings.HasPrefix(got, "250") {
			return false
		}
		var came *scratch.Message
		eventually(t, "the mail leaves", func() bool {
			came = (&forwardingHost{sink: h.boxes}).find(t, mark)
			return came != nil || h.after.find(t, mark) != nil
		})
		return came != nil
	})
	writeFile(t, path, string(good))
	eventually(t, "the file is read", func() bool { return status(a.must(t, "transport", "*")) == "NOTFOUND" })
}

// testRelayAway: no mail is taken that no way is known for, none in the queue
// goes astray, and all leaves in the end.
func testRelayAway(t *testing.T, h *readerHost) {
	h.d.stop(t)
	h.after.play(t, `
		-- 127.0.0.1 localhost
		MAIL FROM:<a@host.test>    | 250
		RCPT TO:<unasked@far.test> | 451 4.3.0`) // smtpd(8) keeps the way of an address for half a minute
	mark := newSubject()
	if out, err := h.after.mta.RunInput(t.Context(), mark+"\n\ntext\n", "sendmail", "-f", "a@host.test", "u@direct.test"); err != nil {
		t.Fatalf("sendmail: %v: %s", err, out)
	}
	eventually(t, "the mail waits", func() bool {
		queue, err := h.after.mta.Queue(t.Context())
		return err == nil && len(queue) == 1
	})
	h.d.start(t)
	eventually(t, "it leaves its own way", func() bool {
		time.Sleep(200 * time.Millisecond)
		if err := h.after.mta.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return (&forwardingHost{sink: h.boxes}).find(t, mark) != nil
	})
	if h.after.find(t, mark) != nil {
		t.Error("it left by another way, too")
	}
}
