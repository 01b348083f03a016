package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// accessKinds are the findings of checkAccess.
func accessKinds() []Kind {
	return []Kind{
		{"relay-table", Error, "a table that may answer OK stands before the relay lock: whoever it lets in may relay"},
		{"relay-permit", Error, "a restriction that lets strangers in stands before the relay lock"},
		{"relay-policy", Warning, "a policy service that is not postern stands before the relay lock: its OK opens the relay"},
		{"ok-not-dunno", Warning, "a table answers OK and ends the list: the checks behind it are skipped"},
		{"ok-before-login", Error, "a table answers OK before the sender is held to the login: any login may use any listed sender"},
	}
}

// checkAccess looks at what may end a restriction list with OK.
func checkAccess(_ context.Context, h *Host, f *findings) {
	for _, s := range h.seats() {
		if s.role != inbound && s.role != submission {
			continue
		}
		a := &accessCheck{host: h, seat: s, findings: f}
		a.relay()
		for _, list := range []string{"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_recipient_restrictions", "smtpd_data_restrictions"} {
			a.endings(list)
		}
	}
}

type accessCheck struct {
	host *Host
	seat seat
	*findings
}

// relay looks at what stands before the lock, in the list that has it.
func (a *accessCheck) relay() {
	for _, name := range []string{"smtpd_relay_restrictions", "smtpd_recipient_restrictions"} {
		list := flat(a.seat, name)
		closed := find(lock, list)
		if closed < 0 {
			continue
		}
		for _, r := range list[:closed] {
			a.before(name, list[closed].Name, r)
			for _, named := range a.host.behind(a.seat, r) {
				a.before(name, list[closed].Name, named)
			}
		}
		return // a list that is locked protects the other
	}
}

// before judges a restriction that stands before the lock.
func (a *accessCheck) before(list, lock string, r postconf.Restriction) {
	fix := "move " + r.Name + " behind reject_unauth_destination, or have the table answer DUNNO"
	if lock == "reject" { // a table that does not say OK would have it refuse everybody
		fix = "write reject_unauth_destination in its place, and the hosted domains into virtual_alias_domains"
	}
	at := orFile(r.Place, a.seat.service.Place)
	switch {
	case a.ofOurRecipients(r): // warn_if_reject is for refusals: OK ends the list all the same
	case r.Table != nil:
		if may, how := a.host.mayOK(*r.Table); may {
			a.add("relay-table", at, fix, "%s: %s %.80s stands before the relay lock and %s: whom it lets in may relay to anywhere", a.seat.list(list), r.Name, r.Argument, how)
		}
	case r.Policy != nil && !a.host.isPolicyd(a.seat, r.Policy.Endpoint):
		a.add("relay-policy", at, "move it behind reject_unauth_destination", "%s: %s stands before the relay lock: an OK of it relays to anywhere", a.seat.list(list), r.Argument)
	case opensToStrangers(r.Name):
		a.add("relay-permit", at, "remove "+r.Name+", or move it behind reject_unauth_destination", "%s: %s stands before the relay lock: strangers may relay", a.seat.list(list), r.Name)
	}
}

// ofOurRecipients reports a built-in map that says OK to nothing but hosted
// addresses and SRS addresses of ours, so that none of it is relayed.
func (a *accessCheck) ofOurRecipients(r postconf.Restriction) bool {
	if r.Table == nil || r.Name != "check_recipient_access" {
		return false
	}
	endpoint, name := r.Table.Socketmap()
	return slices.Contains(builtinUses(name), r.Name) && a.host.isSocketmap(a.seat, postconf.ParseEndpoint(endpoint))
}

// opensToStrangers are permits that do not know whom they let in.
func opensToStrangers(name string) bool {
	switch name {
	case "permit", "permit_naked_ip_address", "permit_tls_all_clientcerts", "permit_dnswl_client", "permit_rhswl_client":
		return true
	}
	return false
}

// endings looks for an OK that skips what stands behind it.
func (a *accessCheck) endings(list string) {
	restrictions := flat(a.seat, list)
	for i, r := range restrictions {
		if r.Table == nil || i == len(restrictions)-1 {
			continue
		}
		may, how := a.host.knownOK(*r.Table)
		if !may {
			continue
		}
		behind := restrictions[i+1:]
		if list == "smtpd_sender_restrictions" && find("reject_sender_login_mismatch|reject_authenticated_sender_login_mismatch|reject_known_sender_login_mismatch", behind) >= 0 {
			a.add("ok-before-login", orFile(r.Place, a.seat.service.Place), "put reject_sender_login_mismatch first; with it no table of senders is needed", "%s: %s %.80s %s, before the sender is held to the login: any login may use any sender that is listed", a.seat.list(list), r.Name, r.Argument, how)
			continue
		}
		if next := firstCheck(behind); next != "" {
			a.add("ok-not-dunno", orFile(r.Place, a.seat.service.Place), "write DUNNO instead of OK, or move it to the end of "+list, "%s: %s %.80s %s, which ends the list: %s and what follows is skipped", a.seat.list(list), r.Name, r.Argument, how, next)
		}
	}
}

// firstCheck is the first restriction that could refuse.
func firstCheck(list []postconf.Restriction) string {
	for _, r := range list {
		if !strings.HasPrefix(r.Name, "permit") {
			return r.Name
		}
	}
	return ""
}
