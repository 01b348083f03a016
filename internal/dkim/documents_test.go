package dkim_test

import (
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"blitiri.com.ar/go/spf"
	"github.com/foxcpp/go-mockdns"
	"github.com/miekg/dns"

	"postern/internal/dkim"
)

// documentedZone is the zone that docs/dns.md shows.
func documentedZone(t *testing.T) map[string]mockdns.Zone {
	t.Helper()
	text, err := os.ReadFile("../../docs/dns.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```zone\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("docs/dns.md has no zone")
	}
	zones := map[string]mockdns.Zone{}
	p := dns.NewZoneParser(strings.NewReader("$TTL 3600\n"+string(block[1])), ".", "dns.md")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z := zones[rr.Header().Name]
		switch rr := rr.(type) {
		case *dns.A:
			z.A = append(z.A, rr.A.String())
		case *dns.AAAA:
			z.AAAA = append(z.AAAA, rr.AAAA.String())
		case *dns.MX:
			z.MX = append(z.MX, net.MX{Host: rr.Mx, Pref: rr.Preference})
		case *dns.TXT:
			z.TXT = append(z.TXT, strings.Join(rr.Txt, ""))
		case *dns.PTR:
			z.PTR = append(z.PTR, rr.Ptr)
		default:
			t.Errorf("%s", rr)
		}
		zones[rr.Header().Name] = z
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return zones
}

// TestDocumentedRecords: the records of docs/dns.md do what it says of them.
func TestDocumentedRecords(t *testing.T) {
	zones := documentedZone(t)
	for _, c := range []struct {
		name, ip, helo, sender string
		want                   spf.Result
	}{
		{"forwarded mail", "192.0.2.25", "mx.example.org", "SRS0=x=2W=example.net=a@srs.example.org", spf.Pass},
		{"forwarded mail over IPv6", "2001:db8::25", "mx.example.org", "SRS0=x=2W=example.net=a@srs.example.org", spf.Pass},
		{"the SRS domain from elsewhere", "198.51.100.7", "x.example.net", "a@srs.example.org", spf.Fail},
		{"a bounce", "192.0.2.25", "mx.example.org", "", spf.Pass},
		{"a bounce from elsewhere", "198.51.100.7", "mx.example.org", "", spf.Fail},
		{"submitted mail", "192.0.2.25", "mx.example.org", "alice@example.com", spf.Pass},
		{"a hosted domain from elsewhere", "198.51.100.7", "x.example.net", "alice@example.com", spf.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := spf.CheckHostWithSender(net.ParseIP(c.ip), c.helo, c.sender, spf.WithResolver(&mockdns.Resolver{Zones: zones}))
			if got != c.want {
				t.Errorf("%s (%v), want %s", got, err, c.want)
			}
		})
	}
	if ptr := zones["25.2.0.192.in-addr.arpa."].PTR; len(ptr) != 1 || zones[ptr[0]].A[0] != "192.0.2.25" {
		t.Errorf("PTR %q does not lead back", ptr)
	}
}

// TestZoneForm: what Sync prints is read by others as the record.
func TestZoneForm(t *testing.T) {
	r, err := dkim.Sync(t.Context(), dkim.Options{Dir: t.TempDir(), Owner: dkim.Nobody(), Bits: 4096}, []string{"example.org"})
	if err != nil {
		t.Fatal(err)
	}
	record := r.Domains[0].Record
	p := dns.NewZoneParser(strings.NewReader("$TTL 60\n"+record.Zone()+"\n"), ".", "")
	rr, ok := p.Next()
	txt, isTXT := rr.(*dns.TXT)
	if !ok || !isTXT || txt.Hdr.Name != record.Name+"." || strings.Join(txt.Txt, "") != record.Text {
		t.Errorf("%v %v from %s", rr, p.Err(), record.Zone())
	}
}
