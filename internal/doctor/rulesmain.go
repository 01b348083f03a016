package doctor

// mainRules are the rules for main.cf and for port 25, in the order of the
// shipped main.cf. The texts go on behind "NAME = VALUE: ".
func mainRules() []rule {
	return append(hostRules(), append(forwardRules(), append(doorRules(), noticeRules()...)...)...)
}

func hostRules() []rule {
	return []rule{
		{role: inMain, name: "myhostname", wanted: "mx.example.org", good: notEmpty, explicit: true, severity: Error,
			effect: "the name in greetings and in MX records is a guess, and other hosts refuse a name that is not in DNS"},
		{role: inMain, name: "compatibility_level", wanted: "3.6", good: atLeastLevel2, severity: Warning,
			effect: "defaults are those of old releases: the chroot, relay_domains and the relay lock are others than the rest of the file expects"},
		{role: inMain, name: "append_dot_mydomain", wanted: "no", severity: Note,
			effect: "user@host becomes user@host.DOMAIN, a guess that can lead mail to a stranger"},
		{role: inMain, name: "mynetworks", wanted: "127.0.0.0/8 [::1]/128", good: narrow, explicit: true, severity: Error,
			effect: "a network that is not this host alone may relay without a login"},
		{role: inMain, name: "enable_long_queue_ids", wanted: "yes", severity: Note,
			effect: "queue ids are used again, and a log or a hold can mean another message"},
		{role: inMain, name: "message_size_limit", wanted: "50000000", good: from(25_000_000, 1<<40), severity: Note,
			effect: "mail that large providers accept is refused here"},
		{role: inMain, name: "service_throttle_time", wanted: "5s", good: oneOf("1s", "2s", "3s", "5s", "10s"), severity: Note,
			effect: "a daemon that stopped, because a table was not there at that moment, say, is started again after a minute, and its mail waits"},
		{role: inMain, name: "local_transport", wanted: "error:5.1.1 no mailboxes on this host", good: begins("error:"), when: storesNothing, severity: Warning,
			effect: "user@[address of this host] is delivered to accounts of this machine"},
		{role: inMain, name: "local_recipient_maps", wanted: "", when: storesNothing, severity: Note,
			effect: "addresses at this host's network address are compared with its accounts, which tells strangers their names"},
		{role: inMain, name: "alias_maps", wanted: "", when: storesNothing, severity: Note,
			effect: "/etc/aliases is read although nothing is delivered here: an entry in it seems to work and does not"},
		{role: inMain, name: "alias_database", wanted: "", when: storesNothing, severity: Note,
			effect: "newaliases writes a table that nothing reads"},
		{role: inMain, name: "virtual_alias_recursion_limit", wanted: "10", good: from(1, 50), severity: Note,
			effect: "an alias that leads in a circle costs up to a thousand lookups for each message"},
		{role: inMain, name: "virtual_alias_expansion_limit", wanted: "100", good: from(1, 200), severity: Note,
			effect: "one recipient may become a thousand, and the mail is then deferred as a whole"},
		{role: inMain, name: "hopcount_limit", wanted: "25", good: from(10, 30), severity: Note,
			effect: "two forwarders that point at one another pass a message up to fifty times"},
		{role: inMain, name: "smtpd_tls_chain_files", wanted: "/etc/postfix/tls.pem", good: notEmpty, when: lacksKey, severity: Error,
			effect: "there is no key and no certificate: smtpd offers no TLS, and mail from outside comes in clear text"},
	}
}

func forwardRules() []rule {
	return []rule{
		{role: inMain, name: "sender_canonical_classes", wanted: "envelope_sender", when: has("sender_canonical_maps"), severity: Error,
			effect: "From of forwarded mail is rewritten, which breaks its DKIM signature and shows an SRS address to readers"},
		{role: inMain, name: "recipient_canonical_classes", wanted: "envelope_recipient", when: has("recipient_canonical_maps"), severity: Error,
			effect: "To and Cc of forwarded mail are rewritten, which breaks its DKIM signature"},
		{role: inMain, name: "canonical_classes", wanted: "envelope_sender, envelope_recipient", good: lacks("header_sender", "header_recipient"), when: has("canonical_maps"), severity: Warning,
			effect: "canonical_maps rewrites addresses in headers, which breaks DKIM signatures of forwarded mail"},
		{role: inMain, name: "masquerade_classes", wanted: "envelope_sender", good: lacks("header_sender", "header_recipient"), when: has("masquerade_domains"), severity: Warning,
			effect: "masquerade_domains rewrites addresses in headers, which breaks DKIM signatures of forwarded mail"},
		{role: delivering, name: "smtp_line_length_limit", wanted: "0", severity: Warning,
			effect: "long lines of forwarded mail are folded at this length, which breaks their DKIM signatures"},
		{role: delivering, name: "disable_mime_output_conversion", wanted: "yes", severity: Warning,
			effect: "8-bit mail is converted for servers without 8BITMIME, which breaks its DKIM signature"},
		{role: inMain, name: "message_drop_headers", wanted: "bcc, resent-bcc, return-path", good: lacks("content-length"), severity: Note,
			effect: "the header Content-Length is taken out of forwarded mail, which breaks the DKIM signatures that cover it"},
		{role: inMain, name: "always_add_missing_headers", wanted: "no", severity: Warning,
			effect: "headers are added to forwarded mail, which can break its DKIM signature"},
		{role: inMain, name: "remote_header_rewrite_domain", wanted: "", severity: Warning,
			effect: "addresses without a domain in forwarded headers are completed, which breaks DKIM signatures"},
		{role: inbound, name: "smtpd_tls_security_level", wanted: "may", good: oneOf("may", "encrypt"), severity: Warning,
			effect: "mail from outside comes in clear text, and submission cannot start TLS where it relies on this"},
		{role: delivering, name: "smtp_tls_security_level", wanted: "may", good: oneOf("may", "encrypt", "dane", "dane-only", "verify", "secure", "fingerprint"), severity: Warning,
			effect: "forwarded mail leaves in clear text"},
	}
}

func doorRules() []rule {
	return []rule{
		{role: inbound, name: "smtpd_delay_reject", wanted: "yes", severity: Error,
			effect: "restrictions are asked before the recipient is known: policy and access lists see an empty recipient, and postmaster cannot be reached by whom they refuse"},
		{role: inbound, name: "smtpd_helo_required", wanted: "yes", severity: Note,
			effect: "a client may leave out HELO, and bans of HELO names do not see it"},
		{role: inbound, name: "disable_vrfy_command", wanted: "yes", severity: Warning,
			effect: "VRFY tells strangers which addresses exist, and no limit counts it"},
		{role: inbound, name: "strict_rfc821_envelopes", wanted: "yes", severity: Note,
			effect: "addresses that are no addresses are accepted"},
		{role: inbound, name: "show_user_unknown_table_name", wanted: "no", severity: Note,
			effect: "a refusal tells which table was asked"},
		{role: inbound, name: "smtpd_discard_ehlo_keywords", wanted: "silent-discard, dsn, etrn", good: discards("dsn"), severity: Warning,
			effect: "senders may ask for delivery notices, which tell that an alias leads elsewhere"},
		{role: inbound, name: "smtpd_etrn_restrictions", wanted: "reject", good: begins("reject"), severity: Note,
			effect: "strangers may use ETRN to flush queues"},
		{role: inbound, name: "smtpd_forbid_bare_newline", wanted: "normalize", good: oneOf("normalize", "yes", "reject", "note"), explicit: true, severity: Warning, when: has("smtpd_forbid_bare_newline"),
			effect: "a message can hide another one that passes no check (SMTP smuggling)"},
		{role: inbound, name: "smtpd_forbid_unauth_pipelining", wanted: "yes", explicit: true, severity: Note, when: has("smtpd_forbid_unauth_pipelining"),
			effect: "clients that do not wait for replies, as spam programs do not, are served"},
		{role: inbound, name: "smtpd_soft_error_limit", wanted: "5", good: from(1, 10-1), severity: Note,
			effect: "guessing addresses becomes slow late"},
		{role: inbound, name: "smtpd_hard_error_limit", wanted: "${stress?{1}:{10}}", good: from(1, 15), severity: Note,
			effect: "a client may guess many addresses in one session"},
		{role: inbound, name: "smtpd_relay_before_recipient_restrictions", wanted: "yes", good: oneOf("yes", ""), severity: Note,
			effect: "recipients are judged before the relay lock, and a stranger learns which addresses exist"},
		{role: inbound, name: "smtpd_reject_unlisted_recipient", wanted: "yes", severity: Error,
			effect: "mail to addresses that do not exist is accepted and bounced to forged senders"},
		{role: inbound, name: "smtpd_sasl_auth_enable", wanted: "no", severity: Warning,
			effect: "passwords can be guessed on port 25, and a login there passes the relay lock without sender check"},
		{role: screening, name: "postscreen_greet_action", wanted: "enforce", good: oneOf("enforce", "drop"), severity: Note,
			effect: "clients that talk before the greeting are let through"},
		{role: screening, name: "postscreen_greet_wait", wanted: "3s", good: oneOf("1s", "2s", "3s", "4s"), severity: Note,
			effect: "every new client waits six seconds (the default), or so little that the test finds nobody"},
		{role: screening, name: "postscreen_discard_ehlo_keywords", wanted: "silent-discard, dsn, etrn", good: discards("dsn"), severity: Warning,
			effect: "postscreen offers what smtpd refuses"},
	}
}

func noticeRules() []rule {
	return []rule{
		{role: inMain, name: "notify_classes", wanted: "", good: lacks("resource", "policy", "protocol", "bounce", "2bounce", "delay", "data"), severity: Warning,
			effect: "transcripts of SMTP sessions and copies of bounces, with the addresses in them, are mailed to postmaster; a table in trouble mails one for each message"},
		{role: inMain, name: "empty_address_recipient", wanted: "$postern_operator", good: notMailerDaemon, severity: Note,
			effect: "a bounce that cannot be delivered goes to MAILER-DAEMON of this host, whom nobody reads"},
		{role: inMain, name: "soft_bounce", wanted: "no", severity: Warning, good: oneOf("no", ""),
			effect: "every refusal is temporary: senders try for days what can never be delivered"},
		{role: inMain, name: "content_filter", wanted: "", severity: Note,
			effect: "mail takes a second turn through this Postfix: SRS and aliases act twice unless receive_override_options has no_address_mappings in one of them"},
		{role: inMain, name: "always_bcc", wanted: "", severity: Note, effect: "a copy of every message is kept at this address"},
	}
}
