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
