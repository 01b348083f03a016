//go:build integration

package stack

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// survivors is how many signed messages are forwarded.
const survivors = 1000

// author is the domain outside that signs.
const author = "signer.outside.test"

// TestSignedMailSurvivesForwarding forwards messages as odd as SMTP allows, and
// each signature that was valid is valid at the destination, at a server
// without 8BITMIME, too.
func TestSignedMailSurvivesForwarding(t *testing.T) {
	s := start(t, options{})
	signers := publishKeys(t, s)
	const seed = 20261121
	random := mathrand.New(mathrand.NewPCG(seed, seed))
	aliases := survivorAliases(t, s)

	sent := map[string][]byte{} // by message id
	for n := 0; n < survivors; {
		c := s.outside(t, fmt.Sprintf("198.51.100.%d", 20+n%200))
		for range 25 {
			id := fmt.Sprintf("survivor-%d@%s", n, author)
			signed := sign(t, oddLetter(random, id), signers[n%len(signers)])
			c.expect("MAIL FROM:<ann@"+author+"> BODY=8BITMIME", 250)
			c.expect("RCPT TO:<"+aliases[n%len(aliases)]+">", 250)
			if reply := c.data(string(signed)); reply.Code != 250 {
				t.Fatalf("message %d: %s", n, reply)
			}
			sent[id] = signed
			n++
		}
		c.command("QUIT")
	}

	lookup := askedOnce()
	arrived := 0
	err := await("all messages arrive", func() error {
		for _, m := range s.world.takeAll("survivor") {
			arrived++
			id := strings.Trim(m.header("Message-Id"), "<> \t")
			if fault := survives(m.Data, lookup); fault != nil {
				t.Errorf("%s: %v\n%s", id, fault, changed(sent[id], m.Data))
			}
			delete(sent, id)
		}
		if len(sent) > 0 {
			return fmt.Errorf("%d of %d messages are missing", len(sent), survivors)
		}
		return nil
	})
	if err != nil || arrived != survivors {
		t.Errorf("%d arrived: %v", arrived, err)
	}
}

// survivorAliases make several aliases, so that no limit per alias is reached;
// every fourth leads to the server without 8BITMIME.
func survivorAliases(t *testing.T, s *stack) []string {
	t.Helper()
	var aliases []string
	for n := range 8 {
		to := "dest.test"
		if n%4 == 3 {
			to = "old.test"
		}
		alias := fmt.Sprintf("survivor%d@fwd.test", n)
		s.exec(t, "INSERT INTO alias (address, goto) VALUES (?, ?)", alias, fmt.Sprintf("survivor%d@%s", n, to))
		aliases = append(aliases, alias)
	}
	s.awaitAlias(t, aliases[len(aliases)-1])
	return aliases
}

// publishKeys publishes an RSA and an Ed25519 key of the author, and returns the
// ways of signing with them.
func publishKeys(t *testing.T, s *stack) []*dkim.SignOptions {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	p := base64.StdEncoding.EncodeToString(public)
	zone := fmt.Sprintf("rsa._domainkey.%[1]s. TXT \"v=DKIM1; k=rsa; p=%[2]s\" \"%[3]s\"\ned._domainkey.%[1]s. TXT \"v=DKIM1; k=ed25519; p=%[4]s\"\n%[1]s. MX 10 mx.world.test.\n",
		author, p[:200], p[200:], base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey)))
	if err := s.dns.publish(zone); err != nil {
		t.Fatal(err)
	}
	var ways []*dkim.SignOptions
	for selector, key := range map[string]crypto.Signer{"rsa": rsaKey, "ed": edKey} {
		for _, header := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
			for _, body := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
				ways = append(ways, &dkim.SignOptions{Domain: author, Selector: selector, Signer: key, HeaderCanonicalization: header, BodyCanonicalization: body})
			}
		}
	}
	return ways
}

func sign(t *testing.T, message []byte, way *dkim.SignOptions) []byte {
	t.Helper()
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, bytes.NewReader(message), way); err != nil {
		t.Fatalf("sign: %v\n%.300q", err, message)
	}
	return signed.Bytes()
}

// survives is nil where the one signature verifies.
func survives(message []byte, lookup func(string) ([]string, error)) error {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("%d signatures", len(found))
	}
	return found[0].Err
}

// oddLetter is a message that a mail program, or something like it, could have
// written.
func oddLetter(r *mathrand.Rand, id string) []byte {
	header := []string{
		"From: \"Ann, at home\" <ann@" + author + ">",
		"To: <somebody@fwd.test>",
		"Message-ID: <" + id + ">",
		"Date: Sat, 21 Nov 2026 12:00:00 +0000",
	}
	for _, odd := range oddFields() {
		if r.IntN(3) == 0 {
			header = append(header, odd)
		}
	}
	r.Shuffle(len(header), func(i, j int) { header[i], header[j] = header[j], header[i] })
	var body []string
	for range r.IntN(12) {
		body = append(body, pick(r, oddLines()))
	}
	text := strings.Join(header, "\n") + "\n\n" + strings.Join(body, "\n") + "\n"
	if r.IntN(20) == 0 {
		text = strings.Join(header, "\n") + "\n\n" // no body
	}
	return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
}

func pick(r *mathrand.Rand, list []string) string { return list[r.IntN(len(list))] }

// oddFields are fields of a header as they are seen.
func oddFields() []string {
	return []string{
		"Subject: plain",
		"Subject:no blank before it",
		"Subject: \ttabs\t and   blanks  \t",
		"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_aus_K=C3=B6ln?=",
		"Subject: Grüße, not encoded",
		"Subject: latin1 \xfc\xdf\xe9",
		"X-Folded: one\n two\n\tthree\n    four",
		"X-Folded-At-Once:\n everything below",
		"X-Empty:",
		"X-Blank: ",
		"X-Long: " + strings.Repeat("word ", 190),
		"X-Very-Long: " + strings.Repeat("0123456789", 140),
		"x-lower-case: kept",
		"X-UPPER-CASE: KEPT",
		"Received: from a.test by b.test; Sat, 21 Nov 2026 11:59:00 +0000",
		"Received: from b.test by c.test;\n\tSat, 21 Nov 2026 11:59:30 +0000",
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary=\"b=_1\"",
		"MIME-Version: 1.0\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable",
		"Cc: a@dest.test,b@dest.test ,\n c@dest.test",
		"Cc: undisclosed-recipients:;",
		"Reply-To: Ann <ann@" + author + "> (at home)",
		"Sender: ann@" + author,
		"List-Id: <list." + author + ">",
		"In-Reply-To: <a@b> <c@d>",
		"References: " + strings.TrimSpace(strings.Repeat("<0123456789abcdef@outside.test>\n ", 30)),
		"Content-Length: 12",
		"Authentication-Results: elsewhere.test; spf=pass",
	}
}

// oddLines are lines of a body as they are seen.
func oddLines() []string {
	return []string{
		"hello",
		"",
		" ",
		"trailing blanks  \t",
		".",
		"..two dots",
		".hidden",
		"From here on, an mbox would escape",
		">From there",
		"Grüße aus Köln, and \xe2\x82\xac",
		"latin1 \xe4\xf6\xfc \xa0\xff",
		"\ttabs\tinside\t",
		"-- ",
		"--b=_1",
		"--b=_1--",
		"=3D=\x20",
		"soft break=",
		strings.Repeat("x", 998),
		strings.Repeat("long ", 300),
		strings.Repeat("ö", 700),
		strings.Repeat("0123456789abcdef", 400),
		"Content-Type: text/plain",
		"begin 644 file",
		"a\x0bvertical\x0cform feed",
		"\x01\x02control\x7f",
	}
}

// askedOnce looks names up in the machine's DNS, each once.
func askedOnce() func(name string) ([]string, error) {
	known := map[string][]string{}
	return func(name string) ([]string, error) {
		if texts, ok := known[name]; ok {
			return texts, nil
		}
		texts, err := resolver().LookupTXT(context.Background(), name)
		if err == nil && len(texts) == 0 {
			err = errors.New("no TXT record")
		}
		if err == nil {
			known[name] = slices.Clone(texts)
		}
		return texts, err
	}
}

// changed is the first line of a message that did not arrive as it was.
func changed(sent, arrived []byte) string {
	_, rest, _ := bytes.Cut(arrived, []byte("\r\nDKIM-Signature:")) // below what Postfix put on top
	rest = append([]byte("DKIM-Signature:"), rest...)
	for n := 1; ; n++ {
		was, more, ok := bytes.Cut(sent, []byte("\r\n"))
		is, restMore, _ := bytes.Cut(rest, []byte("\r\n"))
		if !bytes.Equal(was, is) {
			return fmt.Sprintf("line %d was %.200q, is %.200q", n, was, is)
		}
		if !ok {
			return fmt.Sprintf("no line changed; behind them is %.200q", restMore)
		}
		sent, rest = more, restMore
	}
}
