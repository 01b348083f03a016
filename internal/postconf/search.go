package postconf

import (
	"slices"
	"strings"
)

// Search is the kind of key search that Postfix does in a table, in the
// words of search: in postern.yaml.
type Search string

// The searches. SearchNone is that of tables whose key is no address or
// domain, or is formed in a way that no word stands for.
const (
	SearchNone          Search = ""
	SearchExact         Search = "exact"
	SearchVirtual       Search = "virtual"
	SearchCanonical     Search = "canonical"
	SearchAccessAddress Search = "access-address"
	SearchAccessDomain  Search = "access-domain"
	SearchTransport     Search = "transport"
	SearchSenderLogin   Search = "sender-login"
	SearchAddress       Search = "address"
	SearchDomain        Search = "domain"
)

// Parameter says how Postfix uses the tables of a parameter.
type Parameter struct {
	Name    string
	Search  Search
	Daemons []string // base names of the commands that open the tables
	// Trusted tables decide what runs as which user: the daemons named here
	// refuse socketmap:, proxy: and other tables that somebody else answers.
	Trusted []string
}

// Parameters are the parameters that hold tables, restriction lists aside.
func Parameters() []Parameter {
	return []Parameter{
		{"virtual_alias_maps", SearchVirtual, []string{"cleanup", "smtpd"}, nil},
		{"canonical_maps", SearchCanonical, []string{"cleanup", "smtpd"}, nil},
		{"sender_canonical_maps", SearchCanonical, []string{"cleanup", "smtpd"}, nil},
		{"recipient_canonical_maps", SearchCanonical, []string{"cleanup", "smtpd"}, nil},
		{"smtp_generic_maps", SearchCanonical, []string{"smtp"}, nil},
		{"lmtp_generic_maps", SearchCanonical, []string{"lmtp"}, nil},
		{"transport_maps", SearchTransport, []string{"trivial-rewrite"}, nil},
		{"address_verify_transport_maps", SearchTransport, []string{"trivial-rewrite"}, nil},
		{"smtpd_sender_login_maps", SearchSenderLogin, []string{"smtpd"}, nil},
		{"relay_recipient_maps", SearchAddress, []string{"smtpd"}, nil},
		{"local_recipient_maps", SearchAddress, []string{"smtpd"}, nil},
		{"relocated_maps", SearchAddress, []string{"trivial-rewrite", "smtpd"}, nil},
		{"sender_bcc_maps", SearchAddress, []string{"cleanup"}, nil},
		{"recipient_bcc_maps", SearchAddress, []string{"cleanup"}, nil},
		{"sender_dependent_relayhost_maps", SearchAddress, []string{"trivial-rewrite"}, nil},
		{"sender_dependent_default_transport_maps", SearchAddress, []string{"trivial-rewrite"}, nil},
		{"address_verify_sender_dependent_relayhost_maps", SearchAddress, []string{"trivial-rewrite"}, nil},
		{"address_verify_sender_dependent_default_transport_maps", SearchAddress, []string{"trivial-rewrite"}, nil},
		{"smtp_sasl_password_maps", SearchAddress, []string{"smtp"}, nil},
		{"lmtp_sasl_password_maps", SearchAddress, []string{"lmtp"}, nil},
		{"virtual_mailbox_maps", SearchAddress, []string{"smtpd", "virtual"}, []string{"virtual"}},
		{"virtual_uid_maps", SearchAddress, []string{"virtual"}, []string{"virtual"}},
		{"virtual_gid_maps", SearchAddress, []string{"virtual"}, []string{"virtual"}},
		{"alias_maps", SearchNone, []string{"local"}, []string{"local"}},
		{"mailbox_command_maps", SearchNone, []string{"local"}, []string{"local"}},
		{"mailbox_transport_maps", SearchNone, []string{"local"}, []string{"local"}},
		{"fallback_transport_maps", SearchNone, []string{"local"}, []string{"local"}},
		{"virtual_alias_domains", SearchExact, []string{"trivial-rewrite"}, nil},
		{"virtual_mailbox_domains", SearchExact, []string{"trivial-rewrite"}, nil},
		{"mydestination", SearchExact, []string{"trivial-rewrite", "cleanup", "smtpd", "local"}, nil},
		{"relay_domains", SearchDomain, []string{"trivial-rewrite", "smtpd"}, nil},
		{"mynetworks", SearchExact, []string{"smtpd", "postscreen", "trivial-rewrite"}, nil},
		{"postscreen_access_list", SearchExact, []string{"postscreen"}, nil},
		{"relay_clientcerts", SearchExact, []string{"smtpd"}, nil},
		{"smtpd_discard_ehlo_keyword_address_maps", SearchExact, []string{"smtpd"}, nil},
		{"smtpd_milter_maps", SearchExact, []string{"smtpd"}, nil},
		{"local_login_sender_maps", SearchExact, []string{"postdrop"}, nil},
		{"smtp_tls_policy_maps", SearchNone, []string{"smtp"}, nil},
		{"lmtp_tls_policy_maps", SearchNone, []string{"lmtp"}, nil},
		{"tls_server_sni_maps", SearchNone, []string{"smtpd"}, nil},
		{"header_checks", SearchNone, []string{"cleanup"}, nil},
		{"mime_header_checks", SearchNone, []string{"cleanup"}, nil},
		{"nested_header_checks", SearchNone, []string{"cleanup"}, nil},
		{"body_checks", SearchNone, []string{"cleanup"}, nil},
		{"milter_header_checks", SearchNone, []string{"cleanup"}, nil},
		{"smtp_header_checks", SearchNone, []string{"smtp"}, nil},
		{"smtpd_command_filter", SearchNone, []string{"smtpd"}, nil},
		{"smtp_reply_filter", SearchNone, []string{"smtp"}, nil},
		{"default_delivery_status_filter", SearchNone, []string{"smtp", "lmtp", "local", "virtual", "pipe"}, nil},
		{"smtp_delivery_status_filter", SearchNone, []string{"smtp"}, nil},
	}
}

// accessSearch is the search of a check_*_access. (access(5))
func accessSearch(restriction string) Search {
	switch restriction {
	case "check_sender_access", "check_recipient_access":
		return SearchAccessAddress
	case "check_sasl_access", "check_ccert_access":
		return SearchExact
	}
	if strings.HasPrefix(restriction, "check_") && strings.HasSuffix(restriction, "_access") {
		return SearchAccessDomain
	}
	return SearchNone
}

// refuses reports whether the daemon refuses tables that others answer.
func (p Parameter) refuses(daemon string) bool {
	return slices.Contains(p.Trusted, daemon)
}
