//go:build integration

package fromguard_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/serve"
	"postern/policyd/fromguard"
)

// host is a submission service with Dovecot, the guard and OpenDKIM, and the
// outside world.
type host struct {
	t      *testing.T
	mta    *scratch.Postfix
	sink   *scratch.Sink
	rig    *rig
	submit string            // where the service listens
	plain  string            // where one listens that rewrites no headers and lets NUL bytes pass
	keys   map[string]string // DKIM records by the names in the DNS
	mails  int
	stop   func()
	guard  string // its socket
	rules  atomic.Pointer[fromguard.Guard]
}

// swap changes the guard for the next message.
func (h *host) swap(guard func() *fromguard.Guard) { h.rules.Store(guard()) }

// startHost takes Postfix from a Debian root folder; "" is this machine. All
// else is of this machine.
func startHost(t *testing.T, root string) *host {
	t.Helper()
	h := &host{t: t, rig: newRig(fromguard.Options{}), sink: scratchtest.Sink(t, scratch.SinkOptions{}), keys: map[string]string{}}
	h.swap(h.rig.handler.Guard)
	h.rig.handler.Guard = h.rules.Load
	h.serveGuard(folder(t, root))
	sasl, dkim, port, plain := freePort(t), freePort(t), freePort(t), freePort(t)
	h.startDovecot(sasl)
	h.startOpenDKIM(dkim)
	h.submit, h.plain = "127.0.0.1:"+port, "127.0.0.1:"+plain
	options := "  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n" +
		"  -o smtpd_sender_restrictions=reject_sender_login_mismatch\n" +
		"  -o smtpd_milters=unix:" + strings.TrimPrefix(h.guard, root) + ",inet:127.0.0.1:" + dkim + "\n"
	h.mta = scratchtest.Postfix(t, scratch.PostfixOptions{Root: root,
		Main: map[string]string{
			"relayhost": h.sink.Nexthop(), "mynetworks": "", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "inet:127.0.0.1:" + sasl,
			"milter_default_action": "tempfail", "smtpd_error_sleep_time": "0", "smtpd_hard_error_limit": "1000", "smtpd_junk_command_limit": "1000",
			"smtpd_client_connection_rate_limit": "0", "message_size_limit": "50000000", "disable_mime_output_conversion": "yes", "smtp_line_length_limit": "0",
			"smtpd_sender_login_maps": "inline:{ {alice@fwd.test=alice} {ceo@b.test=ceo} {alice@xn--bcher-kva.test=alice} }",
		},
		Master: h.submit + " inet n - n - - smtpd\n" + options + "  -o cleanup_service_name=subcleanup\n" +
			h.plain + " inet n - n - - smtpd\n" + options + "  -o local_header_rewrite_clients=\n" +
			"subcleanup unix n - n - 0 cleanup\n  -o message_reject_characters=\\0\n",
	})
	return h
}

// folder is one that user postfix can look into.
func folder(t *testing.T, root string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(root, "/tmp"), "postern-guard-")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// patience is the limit of waiting for what must come.
const patience = 2 * time.Minute

func freePort(t *testing.T) string {
	t.Helper()
	port, err := scratch.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// serveGuard runs the guard until h.stop or the end of the test.
func (h *host) serveGuard(dir string) {
	h.guard = filepath.Join(dir, "guard")
	ln, err := net.Listen("unix", h.guard)
	if err == nil {
		err = os.Chmod(h.guard, 0o666)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := &serve.Server{Daemon: "policyd", ConnHandler: &h.rig.handler, Limits: serve.Limits{Drain: 10 * time.Millisecond}}
	go func() { done <- s.Serve(ctx, ln); close(done) }()
	h.stop = func() { stop(); <-done }
	h.t.Cleanup(func() { h.stop() })
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startDovecot takes every login with the password "secret".
func (h *host) startDovecot(port string) {
	dir := folder(h.t, "")
	config := write(h.t, filepath.Join(dir, "dovecot.conf"), fmt.Sprintf("base_dir = %s/run\nstate_dir = %s/run\nlog_path = %s/log\nprotocols =\nlisten = 127.0.0.1\nssl = no\n"+
		"auth_mechanisms = plain\nauth_failure_delay = 0 secs\ndisable_plaintext_auth = no\n"+
		"passdb {\n driver = static\n args = password=secret\n}\nuserdb {\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}\n"+
		"service auth {\n inet_listener {\n  address = 127.0.0.1\n  port = %s\n }\n}\n", dir, dir, dir, port))
	h.run(port, "dovecot", "-F", "-c", config)
	h.t.Cleanup(func() {
		if text, _ := os.ReadFile(filepath.Join(dir, "log")); h.t.Failed() {
			h.t.Logf("log of Dovecot:\n%s", text)
		}
	})
}

// startOpenDKIM signs for fwd.test and b.test, by the envelope sender, and by
// header From where that is null.
func (h *host) startOpenDKIM(port string) {
	dir := folder(h.t, "")
	var keys, domains string
	for _, domain := range []string{"fwd.test", "b.test"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			h.t.Fatal(err)
		}
		public, _ := x509.MarshalPKIXPublicKey(key.Public())
		h.keys["sel._domainkey."+domain] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
		file := write(h.t, filepath.Join(dir, domain), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
		keys += fmt.Sprintf("sel._domainkey.%s %s:sel:%s\n", domain, domain, file)
		domains += fmt.Sprintf("*@%s sel._domainkey.%s\n", domain, domain)
	}
	config := write(h.t, filepath.Join(dir, "opendkim.conf"), fmt.Sprintf("Socket inet:%s@127.0.0.1\nBackground no\nSyslog no\nMode s\nSenderMacro {mail_addr}\nCanonicalization relaxed/simple\n"+
		"OversignHeaders From\nKeyTable file:%s\nSigningTable refile:%s\nRequireSafeKeys no\n",
		port, write(h.t, filepath.Join(dir, "KeyTable"), keys), write(h.t, filepath.Join(dir, "SigningTable"), domains)))
	h.run(port, "opendkim", "-f", "-x", config)
}

// run starts a server of the machine and waits until it listens.
func (h *host) run(port, name string, args ...string) {
	h.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		h.t.Fatalf("this test needs %s: install dovecot-core and opendkim: %v", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s does not listen", name)
		}
	}
}
