package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// milterKinds are the findings of checkMilters.
func milterKinds() []Kind {
	kinds := []Kind{
		{"milter-global", Warning, "a milter stands on port 25: while it is away, mail from outside is deferred or refused"},
		{"milter-accept", Error, "milter_default_action lets mail pass while the milter is away: unsigned mail leaves, and DMARC of your users fails"},
		{"milter-refuses", Error, "milter_default_action refuses for good while the milter is away: submitted mail is lost"},
		{"milter-missing", Warning, "submitted mail is not signed"},
		{"null-sender", Error, "a login may submit with the null sender and any From, and gets a DKIM signature for it"},
		{"guard-unused", Warning, "postern.yaml has a From guard, and submission does not ask it: any login writes any From"},
		{"guard-missing", Warning, "no From guard: a login may write any address into From; with SenderMacro it is not signed for, and readers see it"},
		{"opendkim-unread", Note, "opendkim.conf could not be read and was not looked at"},
		{"opendkim-socket", Error, "OpenDKIM listens elsewhere than Postfix asks: submission is deferred"},
	}
	for _, r := range opendkimRules() {
		kinds = append(kinds, Kind{"opendkim/" + r.name, r.severity, r.effect})
	}
	return kinds
}

// checkMilters looks who signs what.
func checkMilters(_ context.Context, h *Host, f *findings) {
	for _, s := range h.seats() {
		switch s.role {
		case inbound:
			checkInboundMilters(h, s, f)
		case inMain:
			checkLocalMilters(h, s, f)
		case submission:
			checkSubmissionMilters(h, s, f)
		}
	}
	h.checkOpenDKIM(f)
}

func checkInboundMilters(h *Host, s seat, f *findings) {
	for _, w := range s.view.List("smtpd_milters") {
		if !h.isSRSMilter(s, w.Text) {
			f.add("milter-global", orFile(w.Place, s.service.Place), "smtpd_milters = (empty) in main.cf, and -o smtpd_milters=... on submission", "smtpd_milters of %s has %s: while it is away mail from outside meets milter_default_action (%s)", s.where(), w.Text, s.value("milter_default_action"))
		}
	}
}

// checkLocalMilters looks at those for mail of this host and bounces.
func checkLocalMilters(h *Host, s seat, f *findings) {
	for _, w := range s.view.List("non_smtpd_milters") {
		if !h.isSRSMilter(s, w.Text) {
			f.add("milter-global", orFile(w.Place, s.view.Get("non_smtpd_milters").Place), "non_smtpd_milters = (empty)", "non_smtpd_milters has %s: while it is away mail of programs on this host is not taken", w.Text)
		}
	}
}

func checkSubmissionMilters(h *Host, s seat, f *findings) {
	milters := s.view.List("smtpd_milters")
	at := s.at(h, "smtpd_milters")
	if len(milters) == 0 || signers(h, s) == 0 {
		f.add("milter-missing", at, s.set("smtpd_milters", "unix:postern/from-guard,inet:127.0.0.1:8891"), "smtpd_milters of %s has no OpenDKIM: submitted mail leaves without a DKIM signature", s.where())
	}
	h.checkGuard(s, f)
	h.checkDefaultAction(s, f)
}

// signers counts the milters that are not ours.
func signers(h *Host, s seat) int {
	n := 0
	for _, w := range s.view.List("smtpd_milters") {
		if !h.isGuard(s, w.Text) && !h.isSRSMilter(s, w.Text) && !strings.Contains(w.Text, "from-guard") {
			n++
		}
	}
	return n
}

// checkGuard wants the From guard, and without it no null sender.
func (h *Host) checkGuard(s seat, f *findings) {
	guarded := slices.ContainsFunc(s.view.List("smtpd_milters"), func(w postconf.Word) bool {
		return h.isGuard(s, w.Text) || h.Config == nil && strings.Contains(w.Text, "from-guard")
	})
	if guarded {
		return
	}
	at, fix := s.at(h, "smtpd_milters"), s.set("smtpd_milters", "unix:postern/from-guard,inet:127.0.0.1:8891")
	if h.Config != nil && h.Config.Policyd != nil && h.Config.Policyd.FromGuard != nil {
		f.add("guard-unused", at, fix, "smtpd_milters of %s does not ask the From guard of %s: From is not held to the login", s.where(), h.setting("policyd.from_guard"))
	} else {
		f.add("guard-missing", at, "policyd: {from_guard: unix:/var/spool/postfix/postern/from-guard}, and "+fix, "smtpd_milters of %s has no From guard: a login may write any address into From", s.where())
	}
	if signers(h, s) > 0 && !refusesNull(s) {
		f.add("null-sender", s.at(h, "smtpd_sender_restrictions"), "check_sender_access inline:{ {<> = REJECT 5.7.1 null sender not accepted here} } first in "+"smtpd_sender_restrictions of submission",
			"smtpd_sender_restrictions of %s lets the null sender in, and no From guard stands behind: OpenDKIM then signs by From, for every domain of this host", s.where())
	}
}

// refusesNull reports a table that refuses <>.
func refusesNull(s seat) bool {
	return slices.ContainsFunc(flat(s, "smtpd_sender_restrictions"), func(r postconf.Restriction) bool {
		return r.Table != nil && r.Name == "check_sender_access" && slices.ContainsFunc(r.Table.Inline(), func(e postconf.Entry) bool {
			return e.Name == "<>" && strings.HasPrefix(strings.ToUpper(e.Raw), "REJECT")
		})
	})
}

// checkDefaultAction looks at what happens while a milter is away. A milter may
// have an action of its own: { inet:host:port, default_action=tempfail }.
func (h *Host) checkDefaultAction(s seat, f *findings) {
	set := s.view.Get("milter_default_action")
	fix := s.set("milter_default_action", "tempfail")
	switch strings.TrimSpace(set.Value) {
	case "accept", "quarantine":
		f.add("milter-accept", s.at(h, set.Name), fix, "milter_default_action of %s is %s: while OpenDKIM is away unsigned mail leaves or is held, and the From guard is open", s.where(), set.Value)
	case "reject":
		f.add("milter-refuses", s.at(h, set.Name), fix, "milter_default_action of %s is reject: while OpenDKIM is away submitted mail is refused for good", s.where())
	case "tempfail":
		if _, here := s.override(set.Name); !here && set.Default {
			f.add("parameter-unset", s.at(h, set.Name), fix, "milter_default_action is not set for %s, and its default differs between releases (tempfail in 3.7, shutdown in 3.10)", s.where())
		}
	default:
		f.add("parameter-unset", s.at(h, set.Name), fix, "milter_default_action of %s is %s: clients lose the connection while a milter is away, and not all try again", s.where(), set.Value)
	}
}
