package dkim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

func aKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestParseKey: what opendkim-genkey writes is PKCS #1 or #8, as openssl's
// version has it.
func TestParseKey(t *testing.T) {
	key := aKey(t)
	pkcs8 := func(k any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		good bool
	}{
		"PKCS #1":      {encodeKey(key), true},
		"PKCS #8":      {pkcs8(key), true},
		"another kind": {pkcs8(other), false},
		"text":         {[]byte("key"), false},
		"nothing":      {nil, false},
		"a public key": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}), false},
	} {
		got, err := parseKey(c.data)
		if (err == nil) != c.good || c.good && !got.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
