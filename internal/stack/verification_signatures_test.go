//go:build integration

package stack

import (
	"bytes"
	"context"
	"net"
	"testing"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"

	"postern/internal/scratch/machine"
)

// signatures verifies every DKIM signature of a message against the records in DNS.
func signatures(t *testing.T, m message) []*dkim.Verification {
	t.Helper()
	lookup := func(name string) ([]string, error) { return resolver().LookupTXT(context.Background(), name) }
	found, err := dkim.VerifyWithOptions(bytes.NewReader(m.Data), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil {
		t.Fatalf("DKIM: %v", err)
	}
	return found
}

func TestDKIMSignatureIsThereAndVerifies(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct{ user, sender, domain string }{
		{"alice", "alice@fwd.test", "fwd.test"},
		{"bob", "bob@b.test", "b.test"},
		{"bob", "team@fwd.test", "fwd.test"},
	} {
		recipient := row.user + "-signed@dest.test"
		out, err := submit(t, row.user, "secret-of-"+row.user, row.sender, recipient)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		m := s.world.mail(t, recipient)
		found := signatures(t, m)
		if len(found) != 1 || found[0].Err != nil || found[0].Domain != row.domain {
			t.Fatalf("%s: signatures %+v in\n%s", row.sender, found, m.Data)
		}
		broken := message{Data: bytes.Replace(m.Data, []byte("Subject: "), []byte("Subject: not "), 1)}
		if found := signatures(t, broken); len(found) != 1 || found[0].Err == nil {
			t.Errorf("%s: a changed message verifies", row.sender)
		}
	}
}

// spfOf evaluates SPF of a message as the server that took it would.
func spfOf(t *testing.T, m message) (spf.Result, error) {
	t.Helper()
	return spf.CheckHostWithSender(net.ParseIP(m.Client), values().Hostname, m.Sender, spf.WithResolver(resolver()))
}

func TestSPFOfTheForwardedEnvelopePasses(t *testing.T) {
	s := start(t, options{})
	s.outside(t, stranger).send("ann@strict.test", []string{"spf@fwd.test"}, letter("ann@strict.test", "spf@fwd.test", "spf"))
	m := s.world.mail(t, "spf@dest.test")
	if result, err := spfOf(t, m); result != spf.Pass {
		t.Errorf("SPF of %s from %s: %s, %v", m.Sender, m.Client, result, err)
	}
	m.Sender = "ann@strict.test" // as it would be without SRS
	if result, err := spfOf(t, m); result != spf.Fail {
		t.Errorf("SPF of %s from %s: %s, %v", m.Sender, machine.HostAddr, result, err)
	}
}
