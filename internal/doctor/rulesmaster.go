package doctor

// masterRules are the rules for what services of master.cf set with -o.
func masterRules() []rule {
	return append(submissionRules(), append(cleanupRules(), bounceRules()...)...)
}

func submissionRules() []rule {
	return []rule{
		{role: submission, name: "syslog_name", wanted: "postfix/submission", good: notPlain, severity: Note,
			effect: "submitted and incoming mail look alike in the log"},
		{role: submission, name: "smtpd_tls_security_level", wanted: "encrypt", good: encrypted, when: notWrapped, severity: Error,
			effect: "passwords travel in clear text"},
		{role: submission, name: "smtpd_tls_chain_files", wanted: "/etc/postfix/tls.pem", good: notEmpty, when: lacksKey, severity: Error,
			effect: "there is no key and no certificate: submission, which needs TLS, refuses everybody"},
		{role: submission, name: "smtpd_sasl_auth_enable", wanted: "yes", severity: Error,
			effect: "nobody can log in, and nothing can be submitted"},
		{role: submission, name: "smtpd_sasl_type", wanted: "dovecot", when: logsIn, severity: Error,
			effect: "Cyrus SASL is asked, which knows none of the users"},
		{role: submission, name: "smtpd_sasl_path", wanted: "inet:127.0.0.1:12345", good: func(v string) bool { return v != "" && v != "smtpd" }, when: logsIn, severity: Error,
			effect: "Dovecot is looked for at a socket that is not there: every login fails (454)"},
		{role: submission, name: "smtpd_sender_login_maps", wanted: "$postern:sender-login-maps", good: notEmpty, severity: Error,
			effect: "nobody knows which sender belongs to which login: with reject_sender_login_mismatch nothing can be submitted, without it any login sends as anybody"},
		{role: submission, name: "smtpd_discard_ehlo_keywords", wanted: "silent-discard, etrn", good: lacks("dsn"), severity: Note,
			effect: "mail programs here cannot ask for delivery notices"},
		{role: submission, name: "smtpd_delay_reject", wanted: "yes", when: setsItself("smtpd_delay_reject"), severity: Error,
			effect: "permit_sasl_authenticated is asked before anybody can log in, and all are refused"},
		{role: submission, name: "recipient_canonical_maps", wanted: "", severity: Warning,
			effect: "recipients of submitted mail are looked up in SRS: submission depends on srsd, and mail to an SRS address is sent to whom it hides"},
		{role: submission, name: "cleanup_service_name", wanted: "subcleanup", good: func(v string) bool { return v != "cleanup" }, severity: Warning,
			effect: "submitted mail goes through the cleanup of forwarded mail, whose rewriting is not meant for it"},
	}
}

func cleanupRules() []rule {
	return []rule{
		{role: ofSubmitted, name: "sender_canonical_maps", wanted: "", severity: Error,
			effect: "senders of submitted mail become SRS addresses: replies go astray, and DMARC fails for the user's own domain"},
		{role: ofSubmitted, name: "recipient_canonical_maps", wanted: "", severity: Error,
			effect: "submitted mail to an SRS address is sent to whom it hides, from a user of this host"},
		{role: ofSubmitted, name: "canonical_maps", wanted: "", severity: Note,
			effect: "addresses of submitted mail are rewritten; where the table is SRS, replies go astray"},
		{role: ofSubmitted, name: "message_reject_characters", wanted: `\0`, good: lists(`\0`), severity: Note,
			effect: "what stands behind a NUL in a header passes the From guard unseen, and is signed"},
		{role: ofSubmitted, name: "virtual_alias_maps", wanted: "$virtual_alias_maps", good: notEmpty, severity: Error,
			effect: "submitted mail to a hosted address is accepted and then bounced: User unknown"},
	}
}

func bounceRules() []rule {
	return []rule{
		{role: bouncing, name: "cleanup_service_name", wanted: "bouncecleanup", good: func(v string) bool { return v != "cleanup" }, severity: Warning,
			effect: "bounces tell strangers where an alias leads"},
		{role: bouncing, name: "internal_mail_filter_classes", wanted: "bounce", good: lists("bounce"), severity: Warning,
			effect: "body_checks pass over bounces, which tell strangers where an alias leads"},
		{role: bouncing, name: "bounce_size_limit", wanted: "1", good: from(1, 1), severity: Warning,
			effect: "bounces return the message with its Received lines and Delivered-To, which name where an alias leads"},
		{role: ofBounces, name: "body_checks", wanted: "regexp:/etc/postfix/bounce_privacy.regexp", good: notEmpty, severity: Warning,
			effect: "bounces tell strangers where an alias leads"},
	}
}
