package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// element is a restriction that a list has to have.
type element struct {
	kind     string
	severity Severity
	role     role
	list     string
	find     string // see matches
	effect   string
}

// elements are those of the shipped configuration.
func elements() []element {
	const (
		relay, recipients, data = "smtpd_relay_restrictions", "smtpd_recipient_restrictions", "smtpd_data_restrictions"
		client, sender          = "smtpd_client_restrictions", "smtpd_sender_restrictions"
	)
	return []element{
		{"relay-own-hosts", Note, inbound, relay, "permit_mynetworks", "programs on this host may not send anywhere by port 25"},
		{"restriction-syntax", Note, inbound, recipients, "reject_non_fqdn_recipient", "recipients that are no addresses cost lookups"},
		{"restriction-syntax", Note, inbound, recipients, "reject_non_fqdn_sender", "senders that are no addresses are accepted, and cannot be bounced to"},
		{"restriction-own-hosts", Note, inbound, recipients, "permit_mynetworks", "programs on this host meet the checks for strangers"},
		{"restriction-unlisted", Note, inbound, recipients, "reject_unlisted_recipient", "recipients that do not exist cost all checks of the list before they are refused"},
		{"anti-spoofing", Warning, inbound, recipients, "check_sender_access block-local-senders", "mail from outside may claim to come from a hosted domain"},
		{"unknown-sender-domain", Note, inbound, recipients, "reject_unknown_sender_domain", "mail is accepted that cannot be bounced"},
		{"data-own-hosts", Note, inbound, data, "permit_mynetworks", "programs on this host are counted by the limits for strangers"},
		{"bounce-to-many", Note, inbound, data, "reject_multi_recipient_bounce", "a message with the null sender may go to many recipients, as spam does and bounces do not"},
		{"submission-first", Note, submission, client, "permit_sasl_authenticated", "strangers reach the sender and recipient checks of submission"},
		{"submission-first", Note, submission, client, "reject", "strangers reach the sender and recipient checks of submission"},
		{"submission-syntax", Note, submission, sender, "reject_non_fqdn_sender", "mail programs send with addresses that nobody can reply to"},
		{"submission-sender", Error, submission, sender, "reject_sender_login_mismatch|reject_authenticated_sender_login_mismatch|reject_known_sender_login_mismatch", "any login may send as anybody, with a DKIM signature of this host"},
		{"submission-relay", Error, submission, relay, "permit_sasl_authenticated", "users can send to hosted domains only, or not at all"},
		{"submission-relay", Error, submission, relay, "reject|defer|reject_unauth_destination|defer_unauth_destination", "whoever has not logged in may relay"},
		{"submission-syntax", Note, submission, recipients, "reject_non_fqdn_recipient", "a typing error in an address becomes a bounce instead of a refusal"},
	}
}

// restrictionKinds are the findings of checkRestrictions.
func restrictionKinds() []Kind {
	kinds := []Kind{
		{"open-relay", Error, "nothing in the lists refuses foreign recipients: an open relay, or an smtpd that does not start"},
		{"restriction-unknown", Error, "a word in a restriction list is no restriction: smtpd stops at it with 451"},
		{"restriction-unreached", Warning, "a restriction stands behind one that decides always"},
	}
	for _, e := range elements() {
		if !slices.ContainsFunc(kinds, func(k Kind) bool { return k.Name == e.kind }) {
			kinds = append(kinds, Kind{e.kind, e.severity, e.effect})
		}
	}
	return kinds
}

// matches finds restrictions: NAME, NAME WORD where WORD is in the argument,
// or several of these with | between.
func matches(pattern string, r postconf.Restriction) bool {
	for _, one := range strings.Split(pattern, "|") {
		name, word, _ := strings.Cut(one, " ")
		if r.Name == name && !r.Warn && argumentHas(r, word) {
			return true
		}
	}
	return false
}

func argumentHas(r postconf.Restriction, word string) bool {
	if word == "" {
		return true
	}
	if r.Policy != nil {
		context, _ := r.Policy.Option("policy_context")
		return context == word
	}
	return strings.Contains(r.Argument, word)
}

// flat is a restriction list with its classes written out.
func flat(s seat, list string) []postconf.Restriction {
	var all []postconf.Restriction
	postconf.Walk(s.view.Restrictions(list), func(r postconf.Restriction) { all = append(all, r) })
	return all
}

func find(pattern string, list []postconf.Restriction) int {
	return slices.IndexFunc(list, func(r postconf.Restriction) bool { return matches(pattern, r) })
}

// checkRestrictions looks at what the lists have and lack.
func checkRestrictions(_ context.Context, h *Host, f *findings) {
	for _, s := range h.seats() {
		if s.role != inbound && s.role != submission {
			continue
		}
		checkRelayLock(h, s, f)
		for _, list := range postconf.RestrictionLists() {
			checkWords(s, list, f)
			for _, r := range flat(s, list) {
				for _, named := range h.behind(s, r) {
					if !isRestriction(named) {
						f.add("restriction-unknown", orFile(named.Place, s.service.Place), "correct the word, or remove it", "%s: %s %.80s leads to a class in which %.60q is no restriction: smtpd answers 451 (server configuration error) when it comes to it", s.list(list), r.Name, r.Argument, named.Name)
					}
				}
			}
		}
		for _, e := range elements() {
			if e.role == s.role && !e.stands(s) {
				name, _, _ := strings.Cut(e.find, "|")
				f.add(e.kind, s.at(h, e.list), "add "+name+" to "+e.list+" as in the shipped configuration", "%s has no %s: %s", s.list(e.list), name, e.effect)
			}
		}
	}
}

// stands looks for the restriction. One that refuses does so from any list; one
// that permits counts in its own.
func (e element) stands(s seat) bool {
	if !strings.HasPrefix(e.find, "reject_") && !strings.HasPrefix(e.find, "check_") {
		return find(e.find, flat(s, e.list)) >= 0
	}
	return slices.ContainsFunc(postconf.RestrictionLists(), func(list string) bool { return find(e.find, flat(s, list)) >= 0 })
}

// lock are the restrictions that close a relay (smtpd(8) does not start
// without one of them).
const lock = "reject_unauth_destination|defer_unauth_destination|reject|defer|defer_if_permit"

// checkRelayLock looks for one of them in the two lists where they count.
func checkRelayLock(h *Host, s seat, f *findings) {
	for _, list := range []string{"smtpd_relay_restrictions", "smtpd_recipient_restrictions"} {
		if find(lock, flat(s, list)) >= 0 {
			return
		}
	}
	wanted := "permit_mynetworks, reject_unauth_destination"
	if s.role == submission { // who has logged in sends to anywhere
		wanted = "permit_sasl_authenticated, reject"
	}
	f.add("open-relay", s.at(h, "smtpd_relay_restrictions"), s.set("smtpd_relay_restrictions", wanted),
		"%s: neither smtpd_relay_restrictions nor smtpd_recipient_restrictions refuses foreign recipients (reject_unauth_destination): smtpd does not start, or relays for everybody", s.where())
}

// checkWords looks for words that are none and for what is never reached.
func checkWords(s seat, list string, f *findings) {
	ended := ""
	for _, r := range s.view.Restrictions(list) {
		if !isRestriction(r) {
			f.add("restriction-unknown", orFile(r.Place, s.service.Place), "correct the word, or remove it", "%s: %.60q is no restriction: smtpd answers 451 (server configuration error) when it comes to it", s.list(list), r.Name)
		}
		if ended != "" {
			f.add("restriction-unreached", orFile(r.Place, s.service.Place), "move it before "+ended+", or remove it", "%s: %s stands behind %s and is never asked", s.list(list), r.Name, ended)
		}
		if r.Name == "permit" || (r.Name == "reject" || r.Name == "defer") && !r.Warn {
			ended = r.Name
		}
	}
}

// isRestriction reports a word of smtpd_recipient_restrictions and its
// siblings, or a restriction class.
func isRestriction(r postconf.Restriction) bool {
	if r.Class != nil || r.Table != nil || r.Policy != nil {
		return true
	}
	return slices.Contains(strings.Fields(restrictionNames), r.Name) || strings.HasPrefix(r.Name, "check_")
}

// restrictionNames are the restrictions of Postfix 3.7 to 3.12 (postconf(5))
// that take no table.
const restrictionNames = `permit permit_auth_destination permit_inet_interfaces permit_mx_backup permit_mynetworks
	permit_naked_ip_address permit_sasl_authenticated permit_tls_all_clientcerts permit_tls_clientcerts permit_dnswl_client
	permit_rhswl_client reject reject_authenticated_sender_login_mismatch reject_invalid_helo_hostname reject_invalid_hostname
	reject_known_sender_login_mismatch reject_maps_rbl reject_multi_recipient_bounce reject_non_fqdn_helo_hostname
	reject_non_fqdn_hostname reject_non_fqdn_recipient reject_non_fqdn_sender reject_plaintext_session reject_rbl
	reject_rbl_client reject_rhsbl_client reject_rhsbl_helo reject_rhsbl_recipient reject_rhsbl_reverse_client
	reject_rhsbl_sender reject_sender_login_mismatch reject_unauth_destination reject_unauth_pipelining
	reject_unauthenticated_sender_login_mismatch reject_unknown_address reject_unknown_client reject_unknown_client_hostname
	reject_unknown_forward_client_hostname reject_unknown_helo_hostname reject_unknown_hostname
	reject_unknown_recipient_domain reject_unknown_reverse_client_hostname reject_unknown_sender_domain
	reject_unlisted_recipient reject_unlisted_sender reject_unverified_recipient reject_unverified_sender defer
	defer_if_permit defer_if_reject defer_unauth_destination sleep warn_if_reject`
