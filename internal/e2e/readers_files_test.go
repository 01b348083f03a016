//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestReaderFiles runs the small host that has its addresses in a file.
func TestReaderFiles(t *testing.T) {
	h := newReaderHost(t, "", "A small host with files")
	h.file(t, "mail/addresses", h.doc.block(t, "/mail/addresses"))
	users := h.file(t, "mail/users", "test:testpass\nanother:anotherpass\n")
	files := ownCertificate(t)
	for _, side := range []string{"before", "after"} {
		o := h.options(t, side)
		o.Files, o.Chroot = files, true
		o.Main["smtpd_tls_chain_files"] = "$config_directory/key.pem, $config_directory/cert.pem"
		s := h.start(t, side, o)
		s.submit = s.mta.Addr()
		startDovecot(t, h, s, "passdb {\n driver = passwd-file\n args = scheme=PLAIN username_format=%u "+users+"\n}\n")
	}
	h.postmap(t)
	h.configure(t, "")
	h.d.start(t)
	t.Run("answers", func(t *testing.T) { testFilesAnswers(t, h) })
	t.Run("mail", func(t *testing.T) { h.same(t, readersData(t, "files/port25.txt")) })
	t.Run("logins", func(t *testing.T) { testFilesLogins(t, h, users) })
	t.Run("a change", func(t *testing.T) { testFilesChange(t, h) })
	t.Run("a broken line", func(t *testing.T) { testFilesBroken(t, h) })
	t.Run("no file", func(t *testing.T) { testFilesGone(t, h) })
}

// postmap makes the table of the side before.
func (h *readerHost) postmap(t *testing.T) {
	t.Helper()
	if out, err := h.before.mta.Run(t.Context(), "postmap", "hash:"+h.dir+"/mail/addresses"); err != nil {
		t.Fatalf("postmap: %v: %s", err, out)
	}
	if err := h.before.mta.Reload(t.Context()); err != nil { // its processes may have begun without the table
		t.Fatal(err)
	}
	h.known = nil
}

// testFilesAnswers compares every answer with the table that postmap made.
func testFilesAnswers(t *testing.T, h *readerHost) {
	a := h.d.asker()
	defer a.close()
	stock := func(form string) string { return h.stock(t, "hash:"+h.dir+"/mail/addresses", form) }
	hits := 0
	for _, key := range readersKeys(t, "files/keys.txt") {
		want := extendedSearch(key, "", stock)
		if got := answered(a.must(t, "addresses", key)); got != want {
			t.Errorf("%q: %q, postmap finds %q", key, got, want)
		}
		if want != "" {
			hits++
		}
	}
	if hits < 8 {
		t.Errorf("%d hits: this compares nothing", hits)
	}
}

// testFilesLogins: who is who is Dovecot's business, before and after, also
// when its file changes.
func testFilesLogins(t *testing.T, h *readerHost, users string) {
	logins := func(login, password, want string) {
		t.Helper()
		for _, s := range []*readerSide{h.before, h.after} {
			if got := s.submitAs(t, login, password, "nick@example.org", "friend@far.test"); !strings.HasPrefix(got, want) {
				t.Errorf("%s: login %s: %s, want %s", s.name, login, got, want)
			}
		}
	}
	logins("test", "testpass", "250")
	logins("test", "anotherpass", "535 5.7.8")
	writeFile(t, users, "test:changed-by-hand\n")
	logins("test", "changed-by-hand", "250")
	logins("another", "anotherpass", "535 5.7.8")
}

// testFilesChange: mail goes where the file says, seconds after it says so.
// The table that postmap made knows nothing of it.
func testFilesChange(t *testing.T, h *readerHost) {
	path := filepath.Join(h.dir, "mail", "addresses")
	appendTo(t, path, "new@example.org  new@far.test\nlate.test  DOMAIN\n@late.test  late@far.test\n")
	changed, strain := time.Now(), h.d.strain(t)
	h.takes(t, "new@example.org")
	if took := time.Since(changed); took > 5*time.Second+strain.slack() {
		t.Errorf("the change was seen after %v, want about two seconds", took)
	}
	h.after.play(t, `
		-- 192.0.2.10 relay.far.test
		MAIL FROM:<friend@far.test>  | 250
		RCPT TO:<new@example.org>    | 250
		RCPT TO:<any@late.test>      | 250
		DATA                         | 354
		.                            | 250
		=> out late@far.test, new@far.test`)
	if reply := h.before.attempt(t, "192.0.2.10 relay.far.test", "friend@far.test", "new@example.org"); reply.Code != 550 {
		t.Errorf("without postmap: %s", reply)
	}
	fresh := path + ".new"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, fresh, strings.ReplaceAll(string(text), "new@far.test", "renamed@far.test"))
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
	a := h.d.asker()
	defer a.close()
	eventually(t, "the renamed file is read", func() bool { return a.must(t, "addresses", "new@example.org") == "OK renamed@far.test" })
	h.postmap(t)
	testFilesAnswers(t, h)
}

// takes waits until a recipient is taken.
func (h *readerHost) takes(t *testing.T, recipient string) {
	t.Helper()
	eventually(t, recipient+" is taken", func() bool {
		time.Sleep(50 * time.Millisecond)
		return h.after.attempt(t, "192.0.2.10 relay.far.test", "friend@far.test", recipient).Code == 250
	})
}

// testFilesBroken: a version with a broken line does not count, and the log
// says where. Mended, it does.
func testFilesBroken(t *testing.T, h *readerHost) {
	path := filepath.Join(h.dir, "mail", "addresses")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Count(string(good), "\n") + 2
	appendTo(t, path, "early@example.org  early@far.test\nforgotten@example.org\n")
	a := h.d.asker()
	defer a.close()
	eventually(t, "the log names the line", func() bool {
		a.must(t, "addresses", "nick@example.org")
		return strings.Contains(h.d.log(), "new content not used") && strings.Contains(h.d.log(), "line="+strconv.Itoa(line))
	})
	h.after.play(t, `
		-- 192.0.2.10 relay.far.test
		MAIL FROM:<friend@far.test>       | 250
		RCPT TO:<early@example.org>       | 550 5.1.1
		RCPT TO:<forgotten@example.org>   | 550 5.1.1
		RCPT TO:<nick@example.org>        | 250
		DATA                              | 354
		.                                 | 250
		=> out nick@far.test`)
	writeFile(t, path, string(good)+"early@example.org  early@far.test\nforgotten@example.org  found@far.test\n")
	h.takes(t, "forgotten@example.org")
	h.takes(t, "early@example.org")
}

// testFilesGone: the last content stays in use. A start without it is trouble,
// and no refusal; the file that comes back is read.
func testFilesGone(t *testing.T, h *readerHost) {
	path := filepath.Join(h.dir, "mail", "addresses")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	a := h.d.asker()
	defer a.close()
	eventually(t, "the log says so", func() bool {
		a.must(t, "addresses", "nick@example.org")
		return strings.Contains(h.d.log(), "cannot be read; the last good content stays in use")
	})
	nick := func(reply string) {
		t.Helper()
		h.after.play(t, "-- 192.0.2.10 relay.far.test\nMAIL FROM:<friend@far.test> | 250\nRCPT TO:<nick@example.org> | "+reply+
			"\nRCPT TO:<nobody@other.test> | "+reply)
	}
	nick("250")
	h.d.stop(t)
	nick("451 4.3.0")
	h.d.start(t)
	nick("451 4.3.0")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	h.takes(t, "nick@example.org")
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
