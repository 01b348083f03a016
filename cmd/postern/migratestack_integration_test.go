//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/socketmap"
)

// TestMigratePostfix switches a running Postfix, chroot and all, and back: each
// recipient is answered by the tables, by postern and by the tables again.
func TestMigratePostfix(t *testing.T) {
	db := scratchtest.Database(t, scratch.MariaDBOptions{})
	if err := db.Exec(t.Context(), migrateRows); err != nil {
		t.Fatal(err)
	}
	cf := func(query string) string {
		return fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\nquery = %s\n", db.Addr(), db.User(), db.Password(), db.Database(), query)
	}
	p, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{
		Chroot: true,
		Main: map[string]string{
			"mynetworks":                   "192.0.2.1",
			"mydestination":                "",
			"recipient_delimiter":          "+",
			"virtual_alias_maps":           "mysql:$config_directory/handles.cf, mysql:$config_directory/aliases.cf",
			"transport_maps":               "proxy:mysql:$config_directory/banned.cf",
			"smtpd_relay_restrictions":     "",
			"smtpd_sender_restrictions":    "check_sender_access regexp:$config_directory/block_srs_inbound.regexp, check_sender_access mysql:$config_directory/local.cf",
			"smtpd_recipient_restrictions": "check_recipient_access mysql:$config_directory/allowhandles.cf, check_recipient_access mysql:$config_directory/allowaliases.cf, reject",
		},
		Files: map[string]string{
			"handles.cf":               cf("SELECT address FROM alias_handle WHERE handle='%u' AND active=1"),
			"aliases.cf":               cf("SELECT goto FROM alias WHERE address='%s' AND active=1"),
			"allowhandles.cf":          cf("SELECT 'OK' FROM alias_handle WHERE handle='%u' AND active=1"),
			"allowaliases.cf":          cf("SELECT 'OK' FROM alias WHERE address='%s' AND active=1"),
			"local.cf":                 cf("SELECT 'REJECT forged local sender' FROM domain WHERE name='%d' AND active=1"),
			"banned.cf":                cf("SELECT CONCAT('error:5.7.1 Domain banned. ', COALESCE(reason, '')) FROM api_bans WHERE ban_type='domain' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > NOW()) AND ('%s'=ban_value OR '%s' LIKE ban_pattern)"),
			"block_srs_inbound.regexp": "/^SRS[01]=/ REJECT no SRS senders\n",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	dialogues := [][2]string{
		{"a@example.com", "info@example.org"}, {"a@example.com", "info+x@example.org"}, {"a@example.com", "jane@example.org"},
		{"a@example.com", "nobody@example.org"}, {"a@example.com", "a@example.net.test"}, {"a@example.org", "info@example.org"},
		{"SRS0=a=b=example.com=x@example.com", "info@example.org"}, {"", "info@example.org"},
	}
	before := replies(t, p, dialogues)
	if before[0] != "250" || before[3] != "554" || before[5] != "554" || before[6] != "554" {
		t.Fatalf("on the tables: %q", before)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "postsrsd")
	free := &ports{}
	forward, err := free.next(0)
	if err != nil {
		t.Fatal(err)
	}
	reverse, err := free.next(0)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("SRS_DOMAIN=srs.example.org\nSRS_SECRET=%s\nSRS_LISTEN_ADDR=127.0.0.1\nSRS_FORWARD_PORT=%d\nSRS_REVERSE_PORT=%d\n", secret, forward, reverse)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(t.TempDir(), "postern.yaml")
	var out bytes.Buffer
	args := []string{"migrate", "--postfix", p.ConfigDir(), "--config", file, "--postsrsd-defaults", settings, "--apply"}
	if status := run(context.Background(), args, nil, &out, &out); status != 0 {
		t.Fatalf("status %d: %s", status, &out)
	}
	serveMigrated(t, p, file)
	if err := p.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := replies(t, p, dialogues)
	if !slices.Equal(before, after) {
		t.Errorf("on postern: %q, on the tables it was %q\n%s\n%s", after, before, &out, p.Log())
	}
	if main, _ := p.Postconf(t.Context(), "-n"); strings.Contains(main, "mysql:") {
		t.Errorf("main.cf still asks MySQL: %s", main)
	}
}

// serveMigrated runs postern with the written configuration until the test
// ends.
func serveMigrated(t *testing.T, p *scratch.Postfix, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(p.QueueDir(), "postern"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "\nstate_dir: state\ncontrol: control\n")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	var log bytes.Buffer
	go func() { done <- run(ctx, []string{"serve", "--config", file}, nil, &log, &log) }()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != 0 || t.Failed() {
			t.Logf("serve ended with %d: %s", status, &log)
		}
	})
	sockets := filepath.Join(p.QueueDir(), "postern")
	asked := socketmap.NewClient("unix", filepath.Join(sockets, "socketmap"), "virtual", socketmap.ClientOptions{})
	defer asked.Close()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, _, err := asked.Lookup(t.Context(), "info@example.org") // who answers has given all sockets their modes
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"socketmap", "policy"} {
		if err := os.Chmod(filepath.Join(sockets, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// replies are the codes for RCPT, or for MAIL where that is refused.
func replies(t *testing.T, p *scratch.Postfix, dialogues [][2]string) []string {
	t.Helper()
	var codes []string
	for _, d := range dialogues {
		c, err := smtp.Dial(p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		err = c.Mail(d[0])
		if err == nil {
			err = c.Rcpt(d[1])
		}
		code := "250"
		if err != nil {
			code, _, _ = strings.Cut(err.Error(), " ")
		}
		codes = append(codes, code)
		c.Close()
	}
	return codes
}
