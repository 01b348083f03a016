//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch/trixie"
)

// postscreenTables are the hash tables that make rebuilt.
var postscreenTables = []string{"canonical", "sender_canonical", "generic", "sender_access"}

// TestReaderPostscreen runs the general MTA with postscreen in front.
func TestReaderPostscreen(t *testing.T) {
	root, err := trixie.Root(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, debian := range []struct{ name, root string }{{"this Debian", ""}, {"Debian 13", root}} {
		t.Run(debian.name, func(t *testing.T) {
			h, db := startPostscreenHost(t, debian.root)
			t.Run("mail", func(t *testing.T) { testPostscreenMail(t, h) })
			t.Run("mailboxes", func(t *testing.T) { testPostscreenMailboxes(t, h) })
			t.Run("no rebuild", func(t *testing.T) { testPostscreenNoRebuild(t, h) })
			t.Run("database away", func(t *testing.T) { testPostscreenOutage(t, h, db) })
			t.Run("virtual(8) refuses", func(t *testing.T) { testVirtualRefuses(t, h) })
		})
	}
}

// startPostscreenHost starts both sides and postern.
func startPostscreenHost(t *testing.T, root string) (*readerHost, *database) {
	t.Helper()
	h := newReaderHost(t, root, "An MTA behind postscreen")
	db := newDatabase(t, false, false)
	db.exec(t, readersData(t, "postscreen/schema.sql"))
	for _, name := range ispmailFiles[:3] {
		h.file(t, "etc/mysql-"+name+".cf", db.own(readersData(t, "postscreen/mysql-"+name+".cf")))
	}
	for _, name := range postscreenTables {
		h.file(t, "etc/"+name+".in", readersData(t, "postscreen/"+name+".in"))
		h.file(t, "etc/"+name, readersData(t, "postscreen/"+name+".in"))
	}
	h.file(t, "etc/postscreen_access.cidr", readersData(t, "postscreen/postscreen_access.cidr"))
	for _, side := range []string{"before", "after"} {
		mail := filepath.Join(h.dir, "vmail-"+side)
		if err := os.Mkdir(mail, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(mail, 5000, 5000); err != nil {
			t.Fatal(err)
		}
		addr := freeAddr(t)
		o := h.options(t, side, "/var/vmail", h.seen(mail), "smtp inet", addr+" inet")
		o.Chroot, o.SMTPPort = true, portOf(t, addr)
		h.start(t, side, o)
	}
	for _, name := range postscreenTables {
		if out, err := h.before.mta.Run(t.Context(), "postmap", "hash:"+h.seen(h.dir)+"/etc/"+name); err != nil {
			t.Fatalf("postmap: %v: %s", err, out)
		}
	}
	if err := h.before.mta.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.configure(t, "cache: {ttl: 500ms, negative_ttl: 1h}\n")
	h.d.start(t)
	return h, db
}

// testPostscreenMail: the same replies and envelopes behind postscreen, which
// tested the client first.
func testPostscreenMail(t *testing.T, h *readerHost) {
	h.same(t, readersData(t, "postscreen/mail.txt"))
	for _, s := range []*readerSide{h.before, h.after} {
		if log := s.mta.Log(); !strings.Contains(log, "PASS NEW [127.0.0.1]") || !strings.Contains(log, "PASS OLD [127.0.0.1]") {
			t.Errorf("%s: postscreen did not test its client", s.name)
		}
	}
}

// testPostscreenMailboxes: smtpd(8) asks postern whether the mailbox exists,
// virtual(8) its own mysql: table where it is.
func testPostscreenMailboxes(t *testing.T, h *readerHost) {
	for _, s := range []*readerSide{h.before, h.after} {
		for recipient, maildir := range map[string]string{
			"john+y@example.org": "example.org/john", "webmaster@example.net": "example.net/hostmaster", "anybody@example.net": "example.net/all",
		} {
			mark := newSubject()
			if got := sendMail(t, s.mta.Addr(), "", "friend@far.test", recipient, mark); !strings.HasPrefix(got, "250") {
				t.Fatalf("%s: <%s>: %s", s.name, recipient, got)
			}
			s.delivers(t, maildir, mark)
		}
	}
}

// delivers waits for the mail with a mark in a maildir.
func (s *readerSide) delivers(t *testing.T, maildir, mark string) {
	t.Helper()
	eventually(t, "the mail is in "+maildir+" of "+s.name, func() bool { return s.holds(maildir, mark) })
}

// deliversInTheEnd waits for one that was deferred, and has it tried again.
func (s *readerSide) deliversInTheEnd(t *testing.T, maildir, mark string) {
	t.Helper()
	eventually(t, "the mail that waited is in "+maildir, func() bool {
		if err := s.mta.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		return s.holds(maildir, mark)
	})
}

// holds reports whether the mail with a mark is in a maildir.
func (s *readerSide) holds(maildir, mark string) bool {
	files, _ := filepath.Glob(filepath.Join(s.host.dir, "vmail-"+s.name, maildir, "new", "*"))
	for _, file := range files {
		if text, _ := os.ReadFile(file); strings.Contains(string(text), mark+"\n") {
			return true
		}
	}
	return false
}

// testPostscreenNoRebuild: an edit of each file counts without make.
func testPostscreenNoRebuild(t *testing.T, h *readerHost) {
	etc := filepath.Join(h.dir, "etc")
	appendTo(t, filepath.Join(etc, "canonical.in"), "daily  report@example.net\n")
	appendTo(t, filepath.Join(etc, "generic.in"), "late@host.test  late@example.net\n")
	appendTo(t, filepath.Join(etc, "sender_access.in"), "late.test  REJECT too late\n")
	a := h.d.asker()
	defer a.close()
	for name, key := range map[string]string{"canonical": "daily@host.test", "generic": "late@host.test", "sender-access": "a@late.test"} {
		eventually(t, name+" has the edit", func() bool { return status(a.must(t, name, key)) == "OK" })
	}
	h.after.play(t, `
		-- 192.0.2.10 relay.far.test
		MAIL FROM:<a@late.test>        | 250
		RCPT TO:<john@example.org>     | 554 5.7.1 … too late
		-- 127.0.0.1 localhost
		MAIL FROM:<daily@host.test>    | 250
		RCPT TO:<friend@far.test>      | 250
		DATA                           | 354
		.                              | 250
		=> out friend@far.test from <report@example.net>
		MAIL FROM:<late@host.test>     | 250
		RCPT TO:<friend@far.test>      | 250
		DATA                           | 354
		.                              | 250
		=> out friend@far.test from <late@example.net>`)
}

// testPostscreenOutage: with the database away mailboxes that are known, and
// known to be no aliases, are taken and wait in the queue for virtual(8), whose
// own table is away; then all arrives.
func testPostscreenOutage(t *testing.T, h *readerHost, db *database) {
	send := func(recipient, want string) (mark string) {
		t.Helper()
		mark = newSubject()
		if got := sendMail(t, h.after.mta.Addr(), "", "friend@far.test", recipient, mark); !strings.HasPrefix(got, want) {
			t.Errorf("<%s>: %s, want %s", recipient, got, want)
		}
		return mark
	}
	h.after.delivers(t, "example.org/john", send("john@example.org", "250"))
	if err := shared.db.Kill(); err != nil {
		t.Fatal(err)
	}
	mark := send("john@example.org", "250")
	send("unasked@example.org", "451 4.3.0")
	if err := shared.db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.after.deliversInTheEnd(t, "example.org/john", mark)
	a := h.d.asker()
	defer a.close()
	eventually(t, "postern asks the database again", func() bool {
		return status(a.must(t, "mailboxes", "unasked@example.org")) == "NOTFOUND" && status(a.must(t, "aliases", "unasked@example.org")) == "NOTFOUND"
	})
	send("unasked@example.org", "550 5.1.1")
}

// testVirtualRefuses: without the line in master.cf all mail to mailboxes is
// deferred, and the log says why. Put back, it arrives.
func testVirtualRefuses(t *testing.T, h *readerHost) {
	path := filepath.Join(h.after.mta.ConfigDir(), "master.cf")
	right, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.after.remaster(t, path, dropOption(string(right), "virtual_mailbox_maps"))
	mark := newSubject()
	if got := sendMail(t, h.after.mta.Addr(), "", "friend@far.test", "john@example.org", mark); !strings.HasPrefix(got, "250") {
		t.Fatal(got)
	}
	eventually(t, "virtual(8) says why", func() bool {
		return strings.Contains(h.after.mta.Log(), "socketmap map is not allowed for security sensitive data") ||
			strings.Contains(h.after.mta.Log(), "map is not allowed for security-sensitive data")
	})
	h.after.remaster(t, path, string(right))
	h.after.deliversInTheEnd(t, "example.org/john", mark)
}

// remaster puts another master.cf in force.
func (s *readerSide) remaster(t *testing.T, path, text string) {
	t.Helper()
	writeFile(t, path, text)
	settle(t, path)
	if err := s.mta.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// dropOption is a master.cf without an option.
func dropOption(master, name string) string {
	var kept strings.Builder
	for line := range strings.Lines(master) {
		if !strings.Contains(line, "-o "+name+"=") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
