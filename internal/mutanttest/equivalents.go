package mutanttest

// Equivalents are the mutants that change nothing, or nothing that anybody
// could call wrong, by name, each with the reason.
func Equivalents() map[string]string {
	const (
		set        = "a set: the order means nothing"
		free       = "both are static names, which cost nothing"
		syntax     = "both look at syntax alone and refuse; only which one speaks first changes"
		unscreened = "nothing reads it while postscreen is not in master.cf; TestPostscreen takes it away where it is"
	)
	return map[string]string{
		"main.cf: mynetworks: [::1]/128 before 127.0.0.0/8":                                              set,
		"main.cf: smtpd_discard_ehlo_keywords: dsn before silent-discard":                                set,
		"main.cf: smtpd_discard_ehlo_keywords: etrn before dsn":                                          set,
		"master.cf: smtpd_discard_ehlo_keywords: etrn before silent-discard":                             set,
		"main.cf: virtual_alias_domains: $myhostname before $postern_srs_domain":                         free,
		"main.cf: smtpd_recipient_restrictions: reject_non_fqdn_sender before reject_non_fqdn_recipient": syntax,
		"main.cf: mua_sender_restrictions: reject_sender_login_mismatch before reject_non_fqdn_sender":   "both refuse, and neither asks more than the other; only which one speaks first changes",
		"main.cf: without postscreen_greet_action = enforce":                                             unscreened,
		"main.cf: without postscreen_greet_wait = 3s":                                                    unscreened,
	}
}

// Unfelt are the mutants that change no mail on the release where they run,
// Postfix 3.7, by name, each with the reason. The doctor names them.
func Unfelt() map[string]string {
	const (
		refused  = "local_transport refuses before any table of local users is asked"
		loopback = "who reaches the port is on loopback, which mynetworks allows, and mua_client_restrictions asks for the login"
		srs      = "the smtpd before it has the same -o, and so refuses SRS addresses; the one is nothing without the other"
		additive = "nothing here asks for it; it is there for what a site adds"
		operator = "the default, MAILER-DAEMON, leads to the operator too, by virtual_alias_maps"
	)
	return map[string]string{
		"main.cf: without local_recipient_maps =":                                              refused,
		"main.cf: without alias_maps =":                                                        refused,
		"main.cf: without empty_address_recipient = $postern_operator":                         operator,
		"master.cf: 127.0.0.1:587 without -o smtpd_relay_restrictions=$mua_relay_restrictions": loopback,
		"master.cf: 127.0.0.1:587 without -o milter_default_action=tempfail":                   "the default of 3.7; that of 3.10 is shutdown",
		"master.cf: subcleanup without -o recipient_canonical_maps=":                           srs,
		"master.cf: without verify unix - - y - 1 verify":                                      additive,
		"master.cf: without proxymap unix - - n - - proxymap":                                  additive,
		"master.cf: without proxywrite unix - - n - 1 proxymap":                                additive,
		"master.cf: without relay unix - - y - - smtp":                                         additive,
		"master.cf: without discard unix - - y - - discard":                                    additive,
		"master.cf: without postlog unix-dgram n - n - 1 postlogd":                             additive,
		"master.cf: without retry unix - - y - - error":                                        "mail that waits for a destination waits without it, too; the log gives another reason",
		"master.cf: without scache unix - - y - 1 scache":                                      "only how often a connection is used again changes",
	}
}
