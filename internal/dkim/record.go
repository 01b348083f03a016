package dkim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
)

// stringLimit is how long a string of a TXT record is at most, in bytes
// (RFC 1035, section 3.3).
const stringLimit = 255

// Record is the TXT record that publishes a key (RFC 6376, section 3.6.1).
type Record struct {
	// Name ends without a dot: mail._domainkey.example.org.
	Name string
	// Text is the value as a whole: v=DKIM1; h=sha256; k=rsa; p=…
	Text string
}

// newRecord publishes the public half of a key. h=sha256 says what OpenDKIM signs
// with; verifiers refuse SHA-1 anyway (RFC 8301).
func newRecord(domain, selector string, key *rsa.PublicKey) (Record, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return Record{}, err
	}
	return Record{
		Name: keyName(domain, selector),
		Text: "v=DKIM1; h=sha256; k=rsa; p=" + base64.StdEncoding.EncodeToString(der),
	}, nil
}

// keyName is what KeyTable and DNS call a key.
func keyName(domain, selector string) string { return selector + "._domainkey." + domain }

// Strings are the text in parts that a TXT record can hold, which readers put
// together again without anything between.
func (r Record) Strings() []string {
	var parts []string
	for text := r.Text; text != ""; {
		n := min(len(text), stringLimit)
		parts = append(parts, text[:n])
		text = text[n:]
	}
	return parts
}

// Zone is the record in the form of a zone file (RFC 1035, section 5.1), without
// a newline at its end.
func (r Record) Zone() string {
	return fmt.Sprintf("%s. IN TXT ( \"%s\" )", r.Name, strings.Join(r.Strings(), "\"\n\t\""))
}
