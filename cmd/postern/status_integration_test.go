//go:build integration

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"postern/internal/daemon"
	"postern/internal/status"
)

// TestStatusOnTheControlSocket is what `postern top` reads.
func TestStatusOnTheControlSocket(t *testing.T) {
	s := startServed(t, false, "")
	s.traffic(t, 3)
	request, err := http.NewRequest("GET", daemon.ControlURL+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	code, _, body := fetchPage(t, daemon.ControlClient(filepath.Join(s.dir, "control"), "serve"), request)
	var shot status.Snapshot
	if err := json.Unmarshal([]byte(body), &shot); err != nil || code != 200 {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	if shot.Daemon != "serve" || shot.NotReady != "" || shot.PID == 0 || shot.Started.IsZero() {
		t.Errorf("%+v", shot)
	}
	if len(shot.Lookups) == 0 || shot.Lookups[0].Map != "virtual" || shot.Lookups[0].Found == 0 || shot.Lookups[0].NotFound == 0 {
		t.Errorf("lookups %+v", shot.Lookups)
	}
	if len(shot.Tables) != 5 || len(shot.Database) != 1 || !shot.Database[0].Up || len(shot.Rules) == 0 || len(shot.Decisions) == 0 || len(shot.SRS) == 0 {
		t.Errorf("%+v", shot)
	}
	for _, h := range shot.Health {
		if h.State != status.Good {
			t.Errorf("%s is %s: %s", h.Name, h.State, h.Text)
		}
	}
	if strings.Contains(body, ".secret") || strings.Contains(body, "boss@") {
		t.Errorf("an address is not masked: %s", body)
	}
}

// TestStatusPageInATextBrowser reads the page as w3m shows it.
func TestStatusPageInATextBrowser(t *testing.T) {
	s := startServed(t, false, "")
	s.traffic(t, 3)
	var text, trouble bytes.Buffer
	w3m := exec.Command("w3m", "-dump", "-cols", "120", "http://"+s.metrics+"/")
	w3m.Env = append(os.Environ(), "HOME="+s.dir)
	w3m.Stdout, w3m.Stderr = &text, &trouble
	if err := w3m.Run(); err != nil {
		t.Fatalf("w3m: %v: %s", err, &trouble)
	}
	for _, want := range []string{
		"All is well", "Health", "database ", "tables domain", "Last decisions", "Recipient", "Top rules", "bans sender_domain reject",
		"m***@banned.test", "192.0.2.7", "Maps", "virtual", "Not asked since the start", "Database", "Tables", "api_bans", "SRS", "Connections",
		"_***@example.org", "Mail addresses are masked",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	for _, not := range []string{".secret", "alert(1)", "--back", "viewBox"} {
		if strings.Contains(text.String(), not) {
			t.Errorf("%q in\n%s", not, &text)
		}
	}
}

// TestStatusPageWithWebConfig puts exporter-toolkit's TLS and password before
// the page, the form included.
func TestStatusPageWithWebConfig(t *testing.T) {
	config, pool := writeWebConfig(t, "reader", "open sesame")
	s := startServed(t, true, config)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	request := func(method, body, password string) (int, string) {
		r, err := http.NewRequest(method, "https://"+s.metrics+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://"+s.metrics)
		if password != "" {
			r.SetBasicAuth("reader", password)
		}
		code, _, text := fetchPage(t, client, r)
		return code, text
	}
	question := url.Values{"kind": {"lookup"}, "map": {"virtual"}, "key": {"info@example.org"}}.Encode()
	for _, test := range []struct {
		method, password string
		code             int
		text             string
	}{
		{"GET", "", 401, "Unauthorized"},
		{"GET", "wrong", 401, "Unauthorized"},
		{"POST", "", 401, "Unauthorized"},
		{"GET", "open sesame", 200, "All is well"},
		{"POST", "open sesame", 200, "boss@example.net"},
	} {
		if code, text := request(test.method, question, test.password); code != test.code || !strings.Contains(text, test.text) {
			t.Errorf("%s with %q: %d, want %d with %q:\n%s", test.method, test.password, code, test.code, test.text, text)
		}
	}
	plain, err := http.NewRequest("GET", "http://"+s.metrics+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, text := fetchPage(t, http.DefaultClient, plain); code == 200 || strings.Contains(text, "postern") {
		t.Errorf("without TLS: %d %s", code, text)
	}
	if strings.Contains(s.logged(), "can ask it where aliases lead") {
		t.Error("a listener on loopback with a password is warned of")
	}
}

// writeWebConfig writes an exporter-toolkit file with a certificate of its own
// for 127.0.0.1 and one user.
func writeWebConfig(t *testing.T, user, password string) (path string, pool *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	pool.AppendCertsFromPEM(certPEM)
	for name, text := range map[string][]byte{
		"cert.pem": certPEM,
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"web.yaml": fmt.Appendf(nil, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {%s: %s}\n", user, hash),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "web.yaml"), pool
}
