package store

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// verify tells whether certificate and host name are checked.
func (t TLS) verify() bool {
	if t.Verify != nil {
		return *t.Verify
	}
	return t.CAFile != "" || t.CADir != ""
}

// config reads the files and makes the configuration for one host.
func (t TLS) config(serverName string) (*tls.Config, error) {
	c := &tls.Config{ServerName: serverName, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !t.verify()}
	var err error
	if c.RootCAs, err = t.authorities(); err != nil {
		return nil, fmt.Errorf("database: tls: %w", err)
	}
	if c.CipherSuites, err = cipherSuites(t.Ciphers); err != nil {
		return nil, fmt.Errorf("database: tls: %w", err)
	}
	if t.Cert == "" && t.Key == "" {
		return c, nil
	}
	key := t.Key
	if key == "" {
		key = t.Cert // both in one file
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, key)
	if err != nil {
		return nil, fmt.Errorf("database: tls: client certificate: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// authorities are the certificates of CAFile and CADir; nil means the system's.
func (t TLS) authorities() (*x509.CertPool, error) {
	if t.CAFile == "" && t.CADir == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca: %s: no PEM certificate in it", t.CAFile)
		}
	}
	if t.CADir != "" {
		if err := appendFolder(pool, t.CADir); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	return pool, nil
}

// appendFolder takes every file of a folder as OpenSSL would find it: by
// whatever name.
func appendFolder(pool *x509.CertPool, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err == nil && pool.AppendCertsFromPEM(text) {
			found = true
		}
	}
	if !found {
		return fmt.Errorf("%s: no PEM certificate in it", folder)
	}
	return nil
}

// openSSLNames are the cipher suites of TLS 1.2 that Go has, as OpenSSL calls
// them (ciphers(1)). TLS 1.3 has its own, which cannot be chosen.
var openSSLNames = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// cipherSuites translates OpenSSL's names; none mean Go's own choice.
func cipherSuites(names []string) ([]uint16, error) {
	var suites []uint16
	for _, name := range names {
		suite, ok := openSSLNames[name]
		if !ok {
			known := make([]string, 0, len(openSSLNames))
			for n := range openSSLNames {
				known = append(known, n)
			}
			slices.Sort(known)
			return nil, fmt.Errorf("no cipher %q: one of %s", name, strings.Join(known, " "))
		}
		suites = append(suites, suite)
	}
	return suites, nil
}
