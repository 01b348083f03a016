package dkim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// zone answers like DNS.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	texts, ok := z[name]
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case len(texts) == 1 && texts[0] == "fail":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	return texts, nil
}

func aRecord(t *testing.T, bits int) Record {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRecord("example.org", "mail", &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecord(t *testing.T) {
	r := aRecord(t, 4096)
	if r.Name != "mail._domainkey.example.org" || !strings.HasPrefix(r.Text, "v=DKIM1; h=sha256; k=rsa; p=") {
		t.Errorf("%+v", r)
	}
	parts := r.Strings()
	if len(parts) != 3 || strings.Join(parts, "") != r.Text {
		t.Errorf("%d parts: %q", len(parts), parts)
	}
	for _, part := range parts {
		if len(part) > 255 || !strings.Contains(r.Zone(), `"`+part+`"`) {
			t.Errorf("part %q of %q", part, r.Zone())
		}
	}
	if zone := r.Zone(); !strings.HasPrefix(zone, r.Name+". IN TXT ( \"v=DKIM1;") || !strings.HasSuffix(zone, "\" )") {
		t.Errorf("%q", zone)
	}
}

func TestCheck(t *testing.T) {
	r := aRecord(t, 1024)
	p := strings.TrimPrefix(r.Text, "v=DKIM1; h=sha256; k=rsa; p=")
	for _, c := range []struct {
		name  string
		texts []string
		want  Published
		words string
	}{
		{"as printed", []string{r.Text}, Matches, ""},
		{"least", []string{"p=" + p}, Matches, ""},
		{"blanks, and a semicolon at the end", []string{" v = DKIM1 ;k=rsa;\tp=" + p[:40] + " \r\n " + p[40:] + " ; "}, Matches, ""},
		{"beside another text", []string{"v=spf1 -all", r.Text}, Matches, ""},
		{"several hashes", []string{"h=sha1:sha256; s=email:tlsrpt; t=s; p=" + p}, Matches, ""},
		{"none", nil, Missing, "no record"},
		{"another text", []string{"v=spf1 -all"}, Missing, "no key"},
		{"two", []string{r.Text, "p=" + p[:40]}, Differs, "2 keys"},
		{"another key", []string{"v=DKIM1; p=" + p[:40]}, Differs, "another key"},
		{"revoked", []string{"v=DKIM1; p="}, Differs, "revokes"},
		{"version", []string{"v=DKIM2; p=" + p}, Differs, "version"},
		{"kind", []string{"k=ed25519; p=" + p}, Differs, "kind"},
		{"SHA-1", []string{"h=sha1; p=" + p}, Differs, "refuses SHA-256"},
		{"not for mail", []string{"s=tlsrpt; p=" + p}, Differs, "not for mail"},
		{"test", []string{"t=y:s; p=" + p}, Differs, "test"},
		{"trouble", []string{"fail"}, Unsure, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zone{}
			if c.texts != nil {
				z[r.Name] = c.texts
			}
			domains := []Domain{{Name: "example.org", Record: r}, {Name: "refused", Trouble: "stays"}}
			Check(t.Context(), z, domains)
			d := domains[0]
			if d.Published != c.want || (d.Trouble == "") != (c.want == Matches) || !strings.Contains(d.Trouble, c.words) {
				t.Errorf("%s: %s", d.Published, d.Trouble)
			}
			if domains[1].Published != "" || domains[1].Trouble != "stays" {
				t.Errorf("%+v", domains[1])
			}
		})
	}
}

// busy counts how many ask at once.
type busy struct{ now, most atomic.Int32 }

func (b *busy) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	n := b.now.Add(1)
	defer b.now.Add(-1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
	<-ctx.Done()
	return nil, errors.Join(ctx.Err())
}

func TestCheckIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &busy{}
	domains := make([]Domain, 100)
	for i := range domains {
		domains[i].Record = Record{Name: "x", Text: "p=x"}
	}
	Check(ctx, b, domains)
	if b.most.Load() > questions {
		t.Errorf("%d questions at once", b.most.Load())
	}
	for _, d := range domains {
		if d.Published != Unsure {
			t.Fatalf("%+v", d)
		}
	}
}
