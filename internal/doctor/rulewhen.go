package doctor

import (
	"net/netip"
	"strconv"
	"strings"

	"postern/internal/postconf"
)

// The conditions of single rules.

// notPlain is a syslog_name of its own.
func notPlain(v string) bool { return v != "" && v != "postfix" }

// encrypted is a TLS level at which nothing is said in clear text.
func encrypted(v string) bool { return v == "encrypt" }

// notWrapped is true of a service where TLS begins with STARTTLS.
func notWrapped(s seat) bool { return s.value("smtpd_tls_wrappermode") != "yes" }

// lacksKey is true where TLS is wanted, and no older parameter names a key.
func lacksKey(s seat) bool {
	return s.value("smtpd_tls_security_level") != "" && s.value("smtpd_tls_cert_file") == ""
}

// logsIn is true of a service with passwords.
func logsIn(s seat) bool { return s.value("smtpd_sasl_auth_enable") == "yes" }

// notMailerDaemon is an address that somebody reads.
func notMailerDaemon(v string) bool { return v != "" && !strings.EqualFold(v, "MAILER-DAEMON") }

// discards accepts a list of EHLO keywords that has these.
func discards(words ...string) func(string) bool {
	return func(v string) bool { return lists(words...)(strings.ToLower(v)) }
}

// atLeastLevel2 is a compatibility_level from which relay_domains is empty.
func atLeastLevel2(v string) bool {
	major, _, _ := strings.Cut(v, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 2
}

// widest is the shortest network that mynetworks may have: what is wider holds
// hosts of others.
const (
	widest4 = 16
	widest6 = 48
)

// narrow is a mynetworks of this host and its own networks. What is no
// network, a table, say, is not judged.
func narrow(v string) bool {
	for _, word := range postconf.SplitList(v) {
		if strings.HasPrefix(word, "!") {
			continue
		}
		p, err := netip.ParsePrefix(strings.NewReplacer("[", "", "]", "").Replace(word))
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsPrivate() {
			continue
		}
		if p.Addr().Is4() && p.Bits() < widest4 || p.Addr().Is6() && p.Bits() < widest6 {
			return false
		}
	}
	return true
}
