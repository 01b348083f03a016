package doctor

import (
	"slices"
	"strconv"
	"strings"

	"postern/internal/config"
)

// stage is the protocol_state in which a list is asked.
func (a asked) stage() string {
	switch a.list {
	case "smtpd_data_restrictions":
		return "DATA"
	case "smtpd_end_of_data_restrictions":
		return "END-OF-MESSAGE"
	case "smtpd_etrn_restrictions":
		return "ETRN"
	}
	if a.seat.value("smtpd_delay_reject") != "no" || a.list == "smtpd_recipient_restrictions" || a.list == "smtpd_relay_restrictions" {
		return "RCPT"
	}
	switch a.list {
	case "smtpd_client_restrictions":
		return "CONNECT"
	case "smtpd_helo_restrictions":
		return "EHLO"
	}
	return "MAIL"
}

// empty reports an attribute without a value at a stage of a service.
func (a asked) empty(attribute string) bool {
	stage := a.stage()
	switch attribute {
	case "recipient", "recipient_domain", "alias_owner", "destination", "destination_domain":
		return stage != "RCPT"
	case "sender", "sender_domain":
		return stage == "CONNECT" || stage == "EHLO" || stage == "ETRN"
	case "helo_name":
		return stage == "CONNECT"
	case "sasl_username":
		return a.seat.value("smtpd_sasl_auth_enable") != "yes" || stage == "CONNECT" || stage == "EHLO"
	case "size":
		return stage != "END-OF-MESSAGE"
	}
	return false
}

// needs is what a check looks at.
func needs(check string) string {
	switch check {
	case "greylist":
		return "recipient"
	case "spf", "srs":
		return "sender"
	}
	return ""
}

// checkStages looks whether what the checks look at is there.
func checkStages(h *Host, all []asked, f *findings) {
	for _, a := range all {
		for _, check := range h.chain(a.context) {
			if need := needs(check); need != "" && a.empty(need) {
				f.add("policy-stage", a.at(), "ask this chain in smtpd_recipient_restrictions, with smtpd_delay_reject = yes", "%s: the check %s looks at the %s, which is empty at %s: it does nothing", a.name(), check, need, a.stage())
			}
		}
	}
	for i, limit := range h.Config.Policyd.RateLimits {
		checkLimit(h, i, limit, all, f)
	}
}

// checkLimit looks where a limit is asked.
func checkLimit(h *Host, i int, limit config.RateLimit, all []asked, f *findings) {
	path := "policyd.rate_limits[" + strconv.Itoa(i) + "]"
	places := slices.DeleteFunc(slices.Clone(all), func(a asked) bool { return !h.asksLimit(a, limit) })
	if len(places) == 0 || limit.Mode == "off" {
		return // that a chain is not asked is said elsewhere
	}
	everywhere := func(attribute string) bool {
		return !slices.ContainsFunc(places, func(a asked) bool { return !a.empty(attribute) })
	}
	if limit.Count == "bytes" && everywhere("size") {
		f.add("policy-bytes", h.setting(path), "smtpd_end_of_data_restrictions = check_policy_service { $postern_policy, policy_context=eom, timeout=5s, try_limit=1, default_action=DUNNO }, with a chain eom: [rate_limits]",
			"limit %s counts bytes and is never asked at END-OF-MESSAGE: it counts nothing", limit.Name)
	}
	for _, key := range limit.Key {
		switch {
		case !everywhere(key):
		case key == "sasl_username":
			f.add("policy-login", h.setting(path), "ask it in a chain of the submission service", "limit %s has the key sasl_username and is asked where nobody logs in: it counts nothing", limit.Name)
		default:
			f.add("policy-stage", h.setting(path), "ask it where "+key+" is known: recipients at RCPT (smtpd_recipient_restrictions)", "limit %s has the key %s, which is empty wherever it is asked (%s): it counts nothing", limit.Name, key, stagesOf(places))
		}
	}
}

// asksLimit reports whether a question reaches a limit.
func (h *Host) asksLimit(a asked, limit config.RateLimit) bool {
	if !slices.Contains(h.chain(a.context), "rate_limits") {
		return false
	}
	return (len(limit.Contexts) == 0 || slices.Contains(limit.Contexts, a.context)) &&
		(len(limit.States) == 0 || slices.Contains(limit.States, a.stage()))
}

func stagesOf(places []asked) string {
	var stages []string
	for _, a := range places {
		if !slices.Contains(stages, a.stage()) {
			stages = append(stages, a.stage())
		}
	}
	return strings.Join(stages, ", ")
}
