//go:build integration

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"errors"
)

// startDovecot starts a Dovecot that does nothing but SASL, at private/auth of
// a side's queue directory. Where passwords are is said by passdb.
func startDovecot(t *testing.T, h *readerHost, s *readerSide, passdb string) {
	t.Helper()
	dir := openFolder(t)
	socket := filepath.Join(h.dir, s.name, "queue", "private", "auth")
	config := filepath.Join(dir, "dovecot.conf")
	writeFile(t, config, fmt.Sprintf("base_dir = %s/run\nstate_dir = %s/run\nlog_path = %s/log\nprotocols =\nlisten = 127.0.0.1\nssl = no\n"+
		"auth_mechanisms = plain login\nauth_failure_delay = 0 secs\n"+
		"userdb {\n driver = static\n args = uid=65534 gid=65534 home=/nonexistent\n}\n%s"+
		"service auth {\n unix_listener %s {\n  mode = 0666\n }\n}\nservice stats {\n client_limit = 100\n}\n", dir, dir, dir, passdb, socket))
	path, err := exec.LookPath("dovecot")
	if err != nil {
		t.Fatalf("this test needs Dovecot: install dovecot-core and dovecot-mysql: %v", err)
	}
	cmd := exec.Command(path, "-F", "-c", config)
	log, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	process, err := startProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.end(syscall.SIGTERM)
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("log of Dovecot:\n%s", tail(string(text), 3000))
		}
	})
	eventually(t, "Dovecot listens", func() bool {
		select {
		case <-process.done:
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("Dovecot ended: %v: %s", process.err, text)
		default:
		}
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// submitAs logs in over TLS and sends one mail. It returns the reply that
// decided.
func (s *readerSide) submitAs(t *testing.T, login, password, from, to string) string {
	t.Helper()
	client, err := smtp.Dial(s.submit)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.StartTLS(&tls.Config{InsecureSkipVerify: true}) // its certificate is nobody's
	if err != nil {
		t.Fatalf("STARTTLS: %v", err)
	}
	for _, step := range []func() error{
		func() error { return client.Auth(smtp.PlainAuth("", login, password, "127.0.0.1")) },
		func() error { return client.Mail(from) },
		func() error { return client.Rcpt(to) },
		func() error {
			w, err := client.Data()
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s\r\nFrom: %s\r\nTo: %s\r\n\r\ntext\r\n", newSubject(), from, to)
			return w.Close()
		},
	} {
		if err := step(); err != nil {
			var reply *textproto.Error
			if !errors.As(err, &reply) {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d %s", reply.Code, reply.Msg)
		}
	}
	client.Quit()
	return "250"
}

// ownCertificate is a key and a certificate that signs itself, as files of
// Postfix.
func ownCertificate(t *testing.T) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.host.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
	}
}
