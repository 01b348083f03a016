package demo

// mainCF is the wiring of the demo's Postfix; nexthop is the outside world.
// No table stands among the relay restrictions, where an OK would open the
// relay. The SRS domain is written out, and first, so that it needs no lookup.
func mainCF(nexthop string) map[string]string {
	const maps = "socketmap:unix:postern/socketmap:"
	policy := func(chain string) string {
		return "check_policy_service { unix:postern/policy, policy_context=" + chain + ", try_limit=1, default_action=DUNNO }"
	}
	return map[string]string{
		"myhostname":            "mx.forward.test",
		"mydestination":         "",
		"mynetworks":            "",
		"relayhost":             nexthop,
		"recipient_delimiter":   "+",
		"virtual_alias_domains": srsDomain + ", " + maps + "virtual-domains",
		"virtual_alias_maps":    maps + "everyone",
		"transport_maps":        maps + "banned-domains",

		"sender_canonical_maps":       maps + "srs-forward",
		"sender_canonical_classes":    "envelope_sender",
		"recipient_canonical_maps":    maps + "srs-reverse",
		"recipient_canonical_classes": "envelope_recipient",

		"smtpd_relay_restrictions": "reject_unauth_destination",
		"smtpd_recipient_restrictions": "reject_unauth_destination, " + policy("gate") + ", check_recipient_access " + maps + "srs-recipients, " +
			"reject_unlisted_recipient, check_sender_access " + maps + "block-local-senders, " + policy("rcpt"),
		"smtpd_data_restrictions": policy("data"),
	}
}
