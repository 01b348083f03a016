package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strings"
)

// dnsKinds are the findings of checkDNS.
func dnsKinds() []Kind {
	return []Kind{
		{"srs-domain-mx", Error, "the SRS domain has no MX record: bounces of forwarded mail are lost"},
		{"srs-domain-mx-elsewhere", Warning, "no MX of the SRS domain is this host's name: bounces go to another host, which needs the same secret"},
		{"srs-domain-spf", Warning, "the SRS domain has no SPF record: forwarded mail is marked as spam"},
		{"dns-unseen", Note, "DNS did not answer, and a record was not looked at"},
	}
}

// checkDNS looks at the records of the SRS domain.
func checkDNS(ctx context.Context, h *Host, f *findings) {
	if h.Config == nil || h.Config.SRSD == nil || h.Config.SRSD.Domain == "" || h.Resolver == nil {
		return
	}
	domain, at := h.Config.SRSD.Domain, h.setting("srsd.domain")
	mx, err := h.Resolver.LookupMX(ctx, domain)
	switch {
	case notThere(err) || err == nil && len(mx) == 0:
		f.add("srs-domain-mx", at, h.mxRecord(domain), "%s has no MX record: bounces of forwarded mail do not find this host", domain)
	case err != nil:
		f.add("dns-unseen", at, "give this host a working resolver, and run postern check again", "the MX records of %s were not looked at: %v", domain, err)
	case !h.isMX(mx):
		f.add("srs-domain-mx-elsewhere", at, h.mxRecord(domain), "the MX of %s is %s, and myhostname is %s: bounces go there, and need the same secrets_file", domain, strings.TrimSuffix(mx[0].Host, "."), h.name())
	}
	texts, err := h.Resolver.LookupTXT(ctx, domain)
	switch {
	case err != nil && !notThere(err):
		f.add("dns-unseen", at, "give this host a working resolver, and run postern check again", "the SPF record of %s was not looked at: %v", domain, err)
	case !hasSPF(texts):
		f.add("srs-domain-spf", at, domain+`. IN TXT "v=spf1 mx -all"`, "%s has no SPF record: rewritten senders do not pass SPF, and forwarded mail is marked as spam", domain)
	}
}

// notThere tells "no such name" and "no such record" from trouble.
func notThere(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

// mxRecord leads a domain to this host, whose name nobody may have told.
func (h *Host) mxRecord(domain string) string {
	return domain + ". IN MX 10 " + cmp.Or(h.name(), "(the name of this host)") + "."
}

// name is myhostname.
func (h *Host) name() string {
	if h.Postfix != nil {
		return strings.TrimSpace(h.Postfix.Value("myhostname"))
	}
	return h.Config.Postfix.MyHostname
}

func (h *Host) isMX(mx []*net.MX) bool {
	for _, record := range mx {
		if strings.EqualFold(strings.TrimSuffix(record.Host, "."), h.name()) {
			return true
		}
	}
	return h.name() == ""
}

func hasSPF(texts []string) bool {
	for _, t := range texts {
		if t == "v=spf1" || strings.HasPrefix(strings.ToLower(t), "v=spf1 ") {
			return true
		}
	}
	return false
}
