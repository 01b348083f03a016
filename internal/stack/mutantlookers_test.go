//go:build integration

package stack

import (
	"strings"

	"postern/internal/mutanttest"
)

// lookers are the probes that look for a mutant; all others follow them.
func lookers(m mutanttest.Mutant) []string {
	file, what, _ := strings.Cut(m.Name, ": ")
	if file == "main.cf" {
		for _, subject := range m.Subject {
			if names, ok := mainLookers()[subject]; ok {
				return names
			}
		}
		return nil
	}
	if strings.HasPrefix(what, "bounce ") || strings.HasPrefix(what, "defer ") {
		return []string{"bounce", "expired"}
	}
	for _, subject := range m.Subject {
		if names, ok := masterLookers()[subject]; ok {
			return names
		}
	}
	return nil
}

// mainLookers are the probes for a parameter of main.cf.
func mainLookers() map[string][]string {
	return map[string][]string{
		"myhostname":                     {"greeting"},
		"postern_operator":               {"operator", "null recipient"},
		"postern_srs_domain":             {"srs"},
		"smtpd_tls_chain_files":          {"tls"},
		"compatibility_level":            {"ehlo"},
		"mynetworks":                     {"neighbour"},
		"recipient_delimiter":            {"operator"},
		"enable_long_queue_ids":          {"queue id"},
		"message_size_limit":             {"ehlo"},
		"service_throttle_time":          {"throttle"},
		"mydestination":                  {"host", "foreign"},
		"local_transport":                {"address"},
		"alias_database":                 {"newaliases"},
		"virtual_alias_domains":          {"alias", "operator", "static names"},
		"virtual_alias_maps":             {"alias", "operator", "static names"},
		"virtual_alias_recursion_limit":  {"nesting"},
		"virtual_alias_expansion_limit":  {"expansion"},
		"hopcount_limit":                 {"hops"},
		"sender_canonical_maps":          {"forwarded"},
		"sender_canonical_classes":       {"forwarded"},
		"recipient_canonical_maps":       {"srs"},
		"recipient_canonical_classes":    {"returned"},
		"smtp_line_length_limit":         {"bytes"},
		"disable_mime_output_conversion": {"bytes"},
		"message_drop_headers":           {"bytes"},
		"smtpd_tls_security_level":       {"tls"},
		"smtp_tls_security_level":        {"delivery tls"},
		"smtpd_helo_required":            {"helo"},
		"disable_vrfy_command":           {"vrfy"},
		"strict_rfc821_envelopes":        {"syntax"},
		"show_user_unknown_table_name":   {"unknown"},
		"smtpd_discard_ehlo_keywords":    {"ehlo"},
		"smtpd_etrn_restrictions":        {"etrn"},
		"smtpd_forbid_bare_newline":      {"smuggled"},
		"smtpd_forbid_unauth_pipelining": {"pipelining"},
		"smtpd_soft_error_limit":         {"errors"},
		"smtpd_hard_error_limit":         {"errors"},
		"smtpd_relay_restrictions":       {"program", "foreign"},
		"smtpd_recipient_restrictions":   {"program", "order", "sender", "banned", "policy"},
		"smtpd_data_restrictions":        {"program", "multi", "policy"},
		"mua_client_restrictions":        {"login", "submission stranger"},
		"mua_sender_restrictions":        {"submission senders"},
		"mua_relay_restrictions":         {"login"},
		"mua_recipient_restrictions":     {"submission recipients"},
		"mua_data_restrictions":          {"submission limit"},
		"notify_classes":                 {"full disk"},
		"empty_address_recipient":        {"null recipient"},
		"postern":                        {"alias"},
		"postern_policy":                 {"banned"},
	}
}

// masterLookers are the probes for a service, or a parameter of one.
func masterLookers() map[string][]string {
	return map[string][]string{
		"127.0.0.1:587":                {"login"},
		"syslog_name":                  {"submission log"},
		"smtpd_tls_security_level":     {"submission tls"},
		"smtpd_sasl_auth_enable":       {"login"},
		"smtpd_sasl_type":              {"login"},
		"smtpd_sasl_path":              {"login"},
		"smtpd_sender_login_maps":      {"submission senders"},
		"smtpd_client_restrictions":    {"submission stranger"},
		"smtpd_sender_restrictions":    {"submission senders"},
		"smtpd_recipient_restrictions": {"submission recipients"},
		"smtpd_data_restrictions":      {"submission limit"},
		"smtpd_discard_ehlo_keywords":  {"submission keywords"},
		"recipient_canonical_maps":     {"submission recipients"},
		"cleanup_service_name":         {"submitted"},
		"smtpd_milters":                {"from guard", "submitted"},
		"sender_canonical_maps":        {"submitted"},
		"message_reject_characters":    {"submitted nul"},
		"subcleanup":                   {"submitted"},
		"body_checks":                  {"bounce"},
		"bouncecleanup":                {"bounce"},
		"bounce":                       {"bounce"},
		"defer":                        {"expired"},
		"pickup":                       {"sendmail"},
		"cleanup":                      {"forwarded"},
		"qmgr":                         {"forwarded"},
		"rewrite":                      {"alias"},
		"tlsmgr":                       {"tls", "delivery tls"},
		"smtp":                         {"alias", "forwarded"},
		"trace":                        {"delivery notice"},
		"flush":                        {"expired"},
		"showq":                        {"queue"},
		"error":                        {"error"},
		"anvil":                        {"crowd"},
	}
}
