package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// srsKinds are the findings of checkSRS.
func srsKinds() []Kind {
	return []Kind{
		{"srs-forward-missing", Error, "senders of forwarded mail are not rewritten: SPF fails at the destination"},
		{"srs-reverse-missing", Error, "bounces to rewritten senders are refused"},
		{"srs-twice", Error, "senders are rewritten by canonical maps and by the milter"},
		{"srs-submitted", Error, "SRS acts on submitted mail: senders become SRS addresses, replies go astray"},
	}
}

// checkSRS looks whether SRS acts where mail is forwarded, and only there.
func checkSRS(_ context.Context, h *Host, f *findings) {
	if h.Config == nil || h.Config.SRSD == nil || h.Postfix == nil {
		return
	}
	main := h.in(inMain)[0]
	milter := h.hasSRSMilter()
	forwards := rewrites(h, main, "sender_canonical_maps") || rewrites(h, main, "canonical_maps")
	switch {
	case milter && forwards:
		f.add("srs-twice", main.at(h, "sender_canonical_maps"), "keep one of the two", "sender_canonical_maps and the SRS milter both rewrite senders: addresses become SRS1 of our own, and bounces take two rounds")
	case !milter && !forwards:
		f.add("srs-forward-missing", main.at(h, "sender_canonical_maps"), main.set("sender_canonical_maps", "$postern:srs-forward"), "sender_canonical_maps does not ask SRS: forwarded mail leaves with the sender of another domain, and its SPF fails")
	}
	if !milter && !rewrites(h, main, "recipient_canonical_maps") && !rewrites(h, main, "canonical_maps") {
		f.add("srs-reverse-missing", main.at(h, "recipient_canonical_maps"), main.set("recipient_canonical_maps", "$postern:srs-reverse"), "recipient_canonical_maps does not ask SRS: bounces to rewritten senders are refused as unknown recipients")
	}
	for _, s := range append(h.in(rewriting), h.in(submission)...) {
		checkSubmitted(h, s, f)
	}
}

// hasSRSMilter reports the SRS milter on port 25.
func (h *Host) hasSRSMilter() bool {
	return slices.ContainsFunc(h.in(inbound), func(s seat) bool {
		return slices.ContainsFunc(s.view.List("smtpd_milters"), func(w postconf.Word) bool { return h.isSRSMilter(s, w.Text) })
	})
}

// rewrites reports a table of SRS in a parameter: of postern by socketmap or
// tcp, or of PostSRSd.
func rewrites(h *Host, s seat, parameter string) bool {
	return slices.ContainsFunc(s.view.Get(parameter).Tables(), func(t postconf.Table) bool {
		if _, name := t.Socketmap(); t.Is("socketmap") {
			return strings.HasSuffix(name, "forward") || strings.HasSuffix(name, "reverse")
		}
		return t.Is("tcp")
	})
}

// checkSubmitted looks for SRS in what submitted mail passes. A cleanup that
// submission shares with port 25 is looked at here; one of its own has rules.
func checkSubmitted(h *Host, s seat, f *findings) {
	if s.role == submission {
		if slices.ContainsFunc(s.view.List("smtpd_milters"), func(w postconf.Word) bool { return h.isSRSMilter(s, w.Text) }) {
			f.add("srs-submitted", s.at(h, "smtpd_milters"), s.set("smtpd_milters", "the milters of submission alone"), "smtpd_milters of %s has the SRS milter: senders of submitted mail become SRS addresses", s.where())
		}
		return
	}
	for _, sub := range h.in(submission) {
		if sub.value("cleanup_service_name") == s.service.Name && rewrites(h, s, "sender_canonical_maps") {
			f.add("srs-submitted", sub.at(h, "cleanup_service_name"), sub.set("cleanup_service_name", "subcleanup"), "cleanup_service_name of %s is %s, where sender_canonical_maps asks SRS: senders of submitted mail become SRS addresses", sub.where(), s.service.Name)
		}
	}
}
