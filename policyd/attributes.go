package policyd

// Known is an attribute that Postfix sends.
type Known struct {
	Name  string
	Since string // the Postfix release that sent it first
}

// Attributes lists what Postfix sends, up to release 3.12, in its order
// (SMTPD_POLICY_README). A release sends all it knows in every request.
func Attributes() []Known {
	return []Known{
		{"request", "2.1"}, {"protocol_state", "2.1"}, {"protocol_name", "2.1"},
		{"client_address", "2.1"}, {"client_name", "2.1"}, {"client_port", "3.0"}, {"reverse_client_name", "2.1"},
		{"server_address", "3.2"}, {"server_port", "3.2"}, {"helo_name", "2.1"},
		{"sender", "2.1"}, {"recipient", "2.1"}, {"recipient_count", "2.3"},
		{"queue_id", "2.1"}, {"instance", "2.1"}, {"size", "2.2"}, {"etrn_domain", "2.3"}, {"stress", "2.5"},
		{"sasl_method", "2.2"}, {"sasl_username", "2.2"}, {"sasl_sender", "2.2"},
		{"ccert_subject", "2.2"}, {"ccert_issuer", "2.2"}, {"ccert_fingerprint", "2.2"}, {"ccert_pubkey_fingerprint", "2.9"},
		{"encryption_protocol", "2.3"}, {"encryption_cipher", "2.3"}, {"encryption_keysize", "2.3"}, {"tls_sni", "3.12"},
		{"policy_context", "3.1"}, {"compatibility_level", "3.8"}, {"mail_version", "3.8"},
	}
}

// States lists the values of protocol_state. BDAT is reported as DATA.
func States() []string {
	return []string{"CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"}
}
