package demo

// mainCF is the wiring of the demo's Postfix; nexthop is the outside world.
func mainCF(nexthop string) map[string]string {
	const maps = "socketmap:unix:postern/socketmap:"
	return map[string]string{
		"myhostname":                   "mx.forward.test",
		"mydestination":                "",
		"mynetworks":                   "",
		"relayhost":                    nexthop,
		"recipient_delimiter":          "+",
		"virtual_alias_domains":        maps + "virtual-domains",
		"virtual_alias_maps":           maps + "everyone",
		"smtpd_relay_restrictions":     "reject_unauth_destination",
		"smtpd_recipient_restrictions": "reject_unlisted_recipient, check_sender_access " + maps + "block-local-senders",
		"transport_maps":               maps + "banned-domains",
	}
}
