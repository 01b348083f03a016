//go:build integration

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
)

const day = 24 * time.Hour

// srsDoors are smtpd(8)s of one Postfix that differ in their restrictions, by
// name.
type srsDoors map[string]string

// doorSettings are those of the doors. BOUNCES is the map srs-recipients, ANY a
// map that says OK to everything.
var doorSettings = map[string]string{
	// Whoever has a valid address may send to it, as with PostSRSd.
	"any sender": "smtpd_recipient_restrictions=check_recipient_access BOUNCES, reject_unlisted_recipient",

	// Bounces only.
	"null sender": "smtpd_recipient_restrictions=check_sender_access inline:{ {<>=srs_bounces} }," +
		" check_recipient_access regexp:{ {/^SRS[01][-+=].*@srs\\.test$$/ 554 5.7.1 only bounces are taken at this address, and they have no sender} }," +
		" reject_unlisted_recipient",

	// Is the relay open where the map stands, whatever it says?
	"OK to all":                      "smtpd_recipient_restrictions=check_recipient_access ANY",
	"OK to all, one list":            "smtpd_relay_restrictions=\nsmtpd_recipient_restrictions=reject_unauth_destination, check_recipient_access ANY",
	"before the relay's lock":        "smtpd_relay_restrictions=check_recipient_access BOUNCES, reject_unauth_destination",
	"OK to all, before relay's lock": "smtpd_relay_restrictions=check_recipient_access ANY, reject_unauth_destination",
}

// startDoors starts a Postfix wired as in postfix/README.md, with more doors.
func startDoors(t *testing.T, d *srsDaemon) (*srsHost, srsDoors) {
	t.Helper()
	names := strings.NewReplacer("BOUNCES", d.socketmap("srs-recipients"), "ANY", "socketmap:inet:"+startYes(t)+":yes")
	main := mapsWiring(d)
	main["smtpd_restriction_classes"] = "srs_bounces"
	main["srs_bounces"] = names.Replace("check_recipient_access BOUNCES")
	doors, master := srsDoors{}, ""
	for name, settings := range doorSettings {
		doors[name] = freeAddr(t)
		master += doors[name] + " inet n - n - - smtpd\n"
		for i, setting := range strings.Split(names.Replace(settings), "\n") {
			parameter, value, _ := strings.Cut(setting, "=")
			user := fmt.Sprintf("door%d_%d", len(doors), i)
			main[user] = value // a name, since an option has no blanks
			master += "  -o " + parameter + "=$" + user + "\n"
		}
	}
	return startSRSHost(t, "", main, master), doors
}

// startYes is a socketmap server that answers OK to everything.
func startYes(t *testing.T) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for r := bufio.NewReader(conn); ; {
					if _, err := readFrame(r); err != nil {
						return
					}
					io.WriteString(conn, frame("OK OK"))
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// rcpt is the reply to a recipient.
func rcpt(t *testing.T, addr, from, to string) string {
	t.Helper()
	d, err := scratch.DialSMTP(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var reply scratch.Reply
	for _, command := range []string{"EHLO client.test", "MAIL FROM:<" + from + ">", "RCPT TO:<" + to + ">"} {
		if reply, err = d.Command(command); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint(reply.Code, " ", reply.Text)
}

// wantRcpt wants reply's begin, and after " … " something within it.
func wantRcpt(t *testing.T, addr, from, to, want string) {
	t.Helper()
	got := rcpt(t, addr, from, to)
	begin, within, _ := strings.Cut(want, " … ")
	if !strings.HasPrefix(got, begin) || !strings.Contains(got, within) {
		t.Errorf("MAIL FROM:<%s> RCPT TO:<%s>: %s, want %s", from, to, got, want)
	}
}

// srsAt is what a host with the daemon's configuration makes of a sender at
// another time.
func (d *srsDaemon) srsAt(t *testing.T, now time.Time, sender string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.binary, "srs", "forward", "--config", d.config(), sender)
	cmd.Env = append(os.Environ(), fmt.Sprintf("POSTERN_FAKETIME=%d", now.Unix()))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("postern srs forward %s: %v", sender, err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// longSender does not fit into a local part of 64 octets once it is rewritten.
const longSender = "bounces+0123456789-0123456789-0123456789@mail.sender.test"

// TestSRSAtTheDoor asks Postfix at RCPT about every kind of SRS recipient.
func TestSRSAtTheDoor(t *testing.T) {
	d := newNativeSRS(t, "database: {driver: sqlite, path: {dir}/postern.db}\n", "store: sqlite:{dir}/senders.db")
	makeSQLite(t, filepath.Join(d.dir, "postern.db"), srsRows)
	d.begin(t)
	h, doors := startDoors(t, d)
	a := d.asker()
	defer a.close()
	made := a.rewritten(t, "srs-forward", "friend@far.test")
	local, _, _ := strings.Cut(made, "@")
	t.Run("bounces", func(t *testing.T) { testBounces(t, d, h, doors, made) })
	t.Run("through the store", func(t *testing.T) { testStored(t, h) })
	t.Run("no open relay", func(t *testing.T) { testNoRelay(t, doors, local) })
	t.Run("mail with a sender", func(t *testing.T) { testWithSender(t, h, doors, made) })
	if strings.Contains(d.log(), "level=ERROR") {
		t.Errorf("log of postern:\n%s", d.log())
	}
}

// testBounces asks for recipients of the null sender.
func testBounces(t *testing.T, d *srsDaemon, h *srsHost, doors srsDoors, made string) {
	a, now := d.asker(), time.Now()
	defer a.close()
	const unsigned, none = "550 5.1.1 … its signature is wrong", "550 5.1.1 … this is no bounce address"
	want := map[string]string{
		made: "250", strings.ToLower(made): "250", strings.ToUpper(made): "250",
		"SRS0+" + made[5:]: "250", "srs0-" + made[5:]: "250", // a relay on the way may have another separator
		d.srsAt(t, now.Add(-20*day), "old@far.test"):                "250",
		d.srsAt(t, now.Add(day), "tomorrow@far.test"):               "250",
		d.srsAt(t, now.Add(-23*day), "expired@far.test"):            "550 5.1.1 … this bounce address has expired",
		d.srsAt(t, now.Add(3*day), "ahead@far.test"):                "550 5.1.1 … this bounce address has expired",
		a.rewritten(t, "srs-forward", strings.Repeat("0", 32)+"@1"): "550 5.1.1 … not known here",
		forged(made): unsigned, strings.ToLower(forged(made)): unsigned, strings.Replace(made, "=friend@", "=fiend@", 1): unsigned,
		"SRS0=abcd@srs.test": none, "SRS0=abcd=12@srs.test": none, "SRS0=abcd=AB=far.test@srs.test": none, "srs1=x@srs.test": none,
		"SRS0=abcd=11=far.test=friend@srs.test": none,
		"nobody@srs.test":                       "550 5.1.1", "SRS0@srs.test": "550 5.1.1", "SRS2=" + made[5:]: "550 5.1.1", "SRS0_" + made[5:]: "550 5.1.1",
		"postmaster@srs.test": "250",
	}
	for to, reply := range want {
		for _, door := range []string{h.mta.Addr(), doors["any sender"], doors["null sender"]} {
			wantRcpt(t, door, "", to, reply)
		}
	}
}

// testStored sends for senders that cannot be embedded: that are too long,
// need quotes, or would look to Postfix like a route by other hosts.
func testStored(t *testing.T, h *srsHost) {
	for _, sender := range []string{longSender, `"john doe"@far.test`, `"a@b"@far.test`, "user%dept@far.test", "dept!user@far.test", "user@[192.0.2.1]"} {
		came := h.forwards(t, sender, "info@fwd.test")
		wantRewritten(t, came, "SRS0", "")
		local, _, _ := strings.Cut(came.Sender, "@")
		if !strings.Contains(local, "=1=") || len(local) > 64 {
			t.Errorf("<%s> went out as <%s>", sender, came.Sender)
		}
		for _, to := range []string{came.Sender, strings.ToLower(came.Sender)} {
			wantEnvelope(t, h.forwards(t, "", to), "", sender)
		}
		wantEnvelope(t, h.forwards(t, sender, "bad@fwd.test"), "", sender)
	}
}

// testNoRelay asks for recipients elsewhere at every door.
func testNoRelay(t *testing.T, doors srsDoors, local string) {
	for name, door := range doors {
		for _, to := range []string{
			"victim@far.test", local + "@far.test", local + "@sub.srs.test", `"` + local + `@srs.test"@far.test`, "@srs.test:victim@far.test",
			"SRS0=abcd=AB=far.test=victim@far.test", "victim%far.test@srs.test", "far.test!victim@srs.test",
		} {
			want := "554 5.7.1 … Relay access denied"
			if routed := strings.ContainsAny(to, `%!"`); name == "OK to all, before relay's lock" && !routed {
				want = "250" // else the doors above would prove nothing
			}
			wantRcpt(t, door, "", to, want)
			wantRcpt(t, door, "friend@far.test", to, want)
		}
	}
}

// testWithSender: the map alone lets in mail with a sender too, as PostSRSd
// does; a restriction class keeps it out.
func testWithSender(t *testing.T, h *srsHost, doors srsDoors, made string) {
	came := h.forwards(t, "stranger@far.test", made)
	wantRewritten(t, came, "SRS0", "=far.test=stranger")
	wantEnvelope(t, came, came.Sender, "friend@far.test")
	for _, test := range []struct{ from, to, any, null string }{
		{"stranger@far.test", made, "250", "554 5.7.1 … only bounces"},
		{"stranger@far.test", strings.ToLower(made), "250", "554 5.7.1 … only bounces"},
		{"stranger@far.test", forged(made), "550 5.1.1 … signature", "554 5.7.1 … only bounces"},
		{"stranger@far.test", "nobody@srs.test", "550 5.1.1", "550 5.1.1"},
		{"stranger@far.test", "postmaster@srs.test", "250", "250"},
		{"stranger@far.test", "info@fwd.test", "250", "250"},
		{"stranger@far.test", "nobody@fwd.test", "550 5.1.1", "550 5.1.1"},
		{"", "info@fwd.test", "250", "250"},
	} {
		wantRcpt(t, doors["any sender"], test.from, test.to, test.any)
		wantRcpt(t, doors["null sender"], test.from, test.to, test.null)
	}
}
