package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// order is two restrictions of which one has to come first.
type order struct {
	severity Severity
	role     role
	list     string
	first    string // see matches
	then     string
	effect   string // if they stand the other way round
}

func orders() []order {
	const (
		relay, recipients, data = "smtpd_relay_restrictions", "smtpd_recipient_restrictions", "smtpd_data_restrictions"
		client, sender          = "smtpd_client_restrictions", "smtpd_sender_restrictions"
		gate, rcpt              = "check_policy_service gate", "check_policy_service rcpt"
		unlisted                = "reject_unlisted_recipient"
		spoofed                 = "check_sender_access block-local-senders"
		login                   = "reject_sender_login_mismatch|reject_authenticated_sender_login_mismatch|reject_known_sender_login_mismatch"
	)
	return []order{
		{Error, inbound, relay, "permit_mynetworks|permit_sasl_authenticated", "reject_unauth_destination|defer_unauth_destination|reject", "programs on this host and users cannot send to other domains"},
		{Note, inbound, recipients, "reject_non_fqdn_recipient|reject_non_fqdn_sender", "permit_mynetworks", "programs on this host may send with addresses that nobody can reply to"},
		{Note, inbound, recipients, "permit_mynetworks", gate, "programs on this host meet the bans and limits for strangers"},
		{Warning, inbound, recipients, gate, unlisted, "a banned client learns which addresses exist, and no limit counts its guesses"},
		{Note, inbound, recipients, unlisted, spoofed, "recipients that do not exist cost a lookup more"},
		{Note, inbound, recipients, spoofed, "reject_unknown_sender_domain", "forged senders cost a DNS question before they are refused"},
		{Note, inbound, recipients, "reject_unknown_sender_domain", rcpt, "mail that is refused for its sender domain is counted, and gets greylist rows"},
		{Warning, inbound, recipients, unlisted, rcpt, "SPF, greylisting and limits are spent on recipients that do not exist"},
		{Note, inbound, data, "permit_mynetworks", "check_policy_service data", "programs on this host are counted by the limits for strangers"},
		{Note, inbound, data, "permit_mynetworks", "reject_multi_recipient_bounce", "programs on this host may not send a notice with the null sender to several recipients"},
		{Note, inbound, data, "reject_multi_recipient_bounce", "check_policy_service data", "a forged bounce is counted before it is refused"},
		{Error, submission, client, "permit_sasl_authenticated", "reject", "nobody can submit mail"},
		{Error, submission, relay, "permit_sasl_authenticated", "reject|reject_unauth_destination|defer_unauth_destination", "users cannot send"},
		{Error, submission, sender, login, "permit_sasl_authenticated|permit_mynetworks|permit", "a login may send as anybody: the list ends before the check"},
		{Error, submission, recipients, "check_policy_service submission", "permit_sasl_authenticated|permit_mynetworks|permit", "the list ends before the policy is asked: a stolen password has no limit"},
		{Error, submission, data, "check_policy_service submission-data", "permit_sasl_authenticated|permit_mynetworks|permit", "the list ends before the policy is asked: a stolen password has no limit"},
		{Note, submission, recipients, "reject_non_fqdn_recipient", "check_policy_service submission", "a typing error in an address asks the policy"},
	}
}

// orderKinds are the findings of checkOrders.
func orderKinds() []Kind {
	return []Kind{
		{"order-error", Error, "two restrictions stand the wrong way round, and mail is lost or let through"},
		{"order-warning", Warning, "two restrictions stand the wrong way round, and a check is worth less"},
		{"order-note", Note, "two restrictions stand the wrong way round, which costs lookups or counts what is refused"},
		{"order-domains", Warning, "virtual_alias_domains asks a table before the names that need none"},
		{"order-aliases", Warning, "virtual_alias_maps asks a table before the operator's addresses"},
		{"order-milters", Note, "OpenDKIM signs before the From guard has judged"},
	}
}

// checkOrders looks at neighbours and whatever stands between them.
func checkOrders(_ context.Context, h *Host, f *findings) {
	for _, s := range h.seats() {
		for _, o := range orders() {
			if o.role == s.role {
				o.check(s, f)
			}
		}
		if s.role == inMain {
			staticFirst(h, s, "virtual_alias_domains", "order-domains", "bounces to the SRS domain and mail to the operator depend on a table", f)
			staticFirst(h, s, "virtual_alias_maps", "order-aliases", "mail to the operator depends on a table, and a row in it can capture postmaster of this host", f)
		}
		if s.role == submission {
			checkMilterOrder(h, s, f)
		}
	}
}

// check looks for the one that should be first behind the other.
func (o order) check(s seat, f *findings) {
	list := flat(s, o.list)
	then := find(o.then, list)
	if then < 0 {
		return
	}
	for _, r := range list[then+1:] {
		if !matches(o.first, r) || find(o.first, list[:then]) >= 0 && !strings.Contains(o.first, "non_fqdn") {
			continue
		}
		f.add("order-"+string(o.severity), orFile(r.Place, s.service.Place), "move "+r.Name+" before "+list[then].Name,
			"%s: %s stands behind %s: %s", s.list(o.list), r.Name, list[then].Name, o.effect)
	}
}

// staticFirst wants what needs no daemon at the head of a list.
func staticFirst(h *Host, s seat, parameter, kind, effect string, f *findings) {
	words := s.view.List(parameter)
	asks := slices.IndexFunc(words, func(w postconf.Word) bool {
		return w.Table().Is("socketmap", "tcp", "mysql", "pgsql", "ldap", "sqlite")
	})
	if asks < 0 {
		return
	}
	for _, w := range words[asks+1:] {
		if t := w.Table(); t.Type == "" || t.Is("inline", "static", "texthash") {
			f.add(kind, orFile(w.Place, s.view.Get(parameter).Place), "move it to the head of "+parameter, "%s: %.80s stands behind %s: %s", parameter, w.Text, words[asks].Text, effect)
		}
	}
}

// checkMilterOrder wants the From guard before the signature.
func checkMilterOrder(h *Host, s seat, f *findings) {
	words := s.view.List("smtpd_milters")
	guard := slices.IndexFunc(words, func(w postconf.Word) bool { return h.isGuard(s, w.Text) })
	for _, w := range words[:max(guard, 0)] {
		f.add("order-milters", s.at(h, "smtpd_milters"), "put "+words[guard].Text+" first in smtpd_milters", "smtpd_milters of %s: %s stands before the From guard: what the guard refuses was signed before", s.where(), w.Text)
	}
}
