//go:build integration

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const securePassword = "unspeakable"

// TestDatabaseAccess: every way to reach the database that the configuration
// knows, by the built-in maps and by a .cf file; and the words where there is
// none.
func TestDatabaseAccess(t *testing.T) {
	db := outageDatabase(t, true)
	secure := "e2e_secure"
	t.Cleanup(func() { shared.db.Exec(t.Context(), "DROP USER "+secure) })
	db.exec(t, fmt.Sprintf("CREATE OR REPLACE USER %s IDENTIFIED BY '%s' REQUIRE SSL; GRANT ALL ON %s.* TO %s", secure, securePassword, db.name, secure))
	stranger := filepath.Join(openFolder(t), "stranger.pem")
	writeFile(t, stranger, authority(t))
	tests := []struct {
		name          string
		hosts         []string
		user          string
		tls, tlsLines string // of the database block and of the .cf file
		complaint     string // empty: it works
		ymOnly        bool   // a .cf file has other ways to say it
	}{
		{name: "unix socket", hosts: []string{"unix:" + shared.db.Socket()}},
		{name: "the first host is dead", hosts: []string{freeAddr(t), shared.db.Addr()}},
		{name: "the first host is silent", hosts: []string{silentHost(t), shared.db.Addr()}},
		{name: "a socket that is not there, then the host", hosts: []string{"unix:/no/such.sock", shared.db.Addr()}},
		{name: "all hosts are dead", hosts: []string{freeAddr(t), "unix:/no/such.sock"}, complaint: "connection refused"},
		{name: "TLS, verified", user: secure, tls: "ca: " + shared.db.CAFile() + ", verify: true", tlsLines: "tls_CAfile = " + shared.db.CAFile() + "\ntls_verify_cert = yes"},
		{name: "TLS, CA alone", user: secure, tls: "ca: " + shared.db.CAFile(), tlsLines: "tls_CAfile = " + shared.db.CAFile()},
		{name: "TLS, not verified", user: secure, tls: "verify: false", ymOnly: true},
		{name: "TLS, another CA", user: secure, tls: "ca: " + stranger, tlsLines: "tls_CAfile = " + stranger + "\ntls_verify_cert = yes", complaint: "certificate"},
		{name: "no TLS where the server wants it", user: secure, complaint: "Access denied"},
		{name: "wrong password", user: secure + "x", complaint: "Access denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hosts, user, password := test.hosts, shared.db.User(), shared.db.Password()
			if hosts == nil {
				hosts = []string{shared.db.Addr()}
			}
			if test.user != "" {
				user, password = test.user, securePassword
			}
			block := fmt.Sprintf("database: {driver: mysql, hosts: [\"%s\"], name: %s, user: %s, password: %s, tls: {%s}}\n",
				strings.Join(hosts, `", "`), db.name, user, password, test.tls)
			cf := filepath.Join(openFolder(t), "own.cf")
			writeFile(t, cf, fmt.Sprintf("hosts = %s\nuser = %s\npassword = %s\ndbname = %s\nquery = SELECT v FROM legacy WHERE k='%%s'\n%s\n",
				strings.Join(hosts, " "), user, password, db.name, test.tlsLines))
			if !test.ymOnly {
				block += "maps: {own: {cf: " + cf + "}}\n"
			}
			reached(t, block, test.complaint, !test.ymOnly)
		})
	}
}

// reached asks one built-in map and the .cf map.
func reached(t *testing.T, block, complaint string, cf bool) {
	t.Helper()
	d := newDaemon(t, block)
	d.start(t)
	a := d.asker()
	defer a.close()
	questions := []question{{"virtual", "a1@fwd.test", []string{"OK t1@dest.test"}}}
	if cf {
		questions = append(questions, question{"own", "k1", []string{"OK v1"}})
	}
	for _, q := range questions {
		began := time.Now()
		got := a.must(t, q.name, q.key)
		for complaint == "" && trouble(got) && time.Since(began) < 10*time.Second { // until a silent host was given up
			time.Sleep(10 * time.Millisecond)
			got = a.must(t, q.name, q.key)
		}
		switch {
		case complaint == "" && !q.accepts(got):
			t.Errorf("%s: %q", q.name, got)
		case complaint != "" && (status(got) != "TEMP" || !strings.Contains(got, complaint)):
			t.Errorf("%s: %q, want TEMP and %q", q.name, got, complaint)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: answered after %v", q.name, took)
		}
	}
	d.await(t, fmt.Sprintf("the log says %q", complaint), func() bool { return strings.Contains(d.log(), complaint) })
	for _, password := range []string{shared.db.Password(), securePassword} {
		if strings.Contains(d.log(), password) {
			t.Error("the log holds a password")
		}
	}
}

// trouble reports an answer that Postfix would ask for again.
func trouble(reply string) bool { return status(reply) == "TEMP" || status(reply) == "TIMEOUT" }

// silentHost takes connections and never says a word.
func silentHost(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String()
}

// authority is the certificate of somebody else's CA.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "somebody else"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
