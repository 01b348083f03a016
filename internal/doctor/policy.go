package doctor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/config"
	"postern/internal/postconf"
)

// policyKinds are the findings of checkPolicy.
func policyKinds() []Kind {
	return []Kind{
		{"policy-unasked", Warning, "a chain of postern.yaml is asked by nobody: its checks do nothing"},
		{"policy-context", Warning, "main.cf names a policy_context without a chain: the default chain judges"},
		{"policy-missing", Note, "there are no policy checks on this service"},
		{"policy-stage", Warning, "a check is asked at a stage where what it looks at is empty: it does nothing"},
		{"policy-bytes", Warning, "a limit on bytes is never asked at END-OF-MESSAGE, where alone the size is known"},
		{"policy-login", Warning, "a limit on logins is asked on port 25 only, where nobody logs in"},
		{"policy-syntax", Error, "the default_action is written in a way that Postfix does not understand"},
		{"policy-ok", Error, "the default_action is OK: while policyd is away the list ends and its other checks are skipped"},
		{"policy-try-limit", Warning, "a dead policyd costs a second for each question, which stops a busy host"},
		{"policy-fail-open", Warning, "while policyd is away users are not limited: a stolen password sends without end"},
		{"policy-fail-closed", Note, "while policyd is away mail from outside is deferred"},
		{"policy-timeout", Warning, "Postfix gives up before a check may answer"},
		{"policy-idle", Warning, "Postfix keeps policy connections longer than policyd does: a check is skipped when policyd hangs up"},
	}
}

// asked is one check_policy_service that asks postern.
type asked struct {
	seat        seat
	list        string
	context     string
	restriction postconf.Restriction
}

// checkPolicy compares what Postfix asks with what postern.yaml answers.
func checkPolicy(_ context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	var all []asked
	for _, s := range h.seats() {
		if s.role != inbound && s.role != submission {
			continue
		}
		found := questions(h, s)
		for _, a := range found {
			a.checkOptions(h, f)
		}
		if len(found) == 0 && h.Config != nil && h.Config.Policyd != nil {
			f.add("policy-missing", s.service.Place.String(), "take the check_policy_service lines of the shipped main.cf", "%s asks no policy service of postern: no bans and no limits there", s.where())
		}
		all = append(all, found...)
	}
	if h.Config != nil && h.Config.Policyd != nil {
		checkChains(h, all, f)
		checkStages(h, all, f)
		checkIdle(h, f)
	}
}

// questions are the policy questions of one service to postern, or to anybody
// where postern.yaml could not be read.
func questions(h *Host, s seat) []asked {
	var all []asked
	for _, list := range postconf.RestrictionLists() {
		for _, r := range flat(s, list) {
			if r.Policy == nil || h.Config != nil && h.Config.Policyd != nil && !h.isPolicyd(s, r.Policy.Endpoint) {
				continue
			}
			context, _ := r.Policy.Option("policy_context")
			all = append(all, asked{s, list, context, r})
		}
	}
	return all
}

func (a asked) at() string { return orFile(a.restriction.Place, a.seat.service.Place) }

func (a asked) name() string {
	return "check_policy_service " + cmp.Or(a.context, a.restriction.Policy.Endpoint.Text) + " in " + a.seat.list(a.list)
}

// option is an option of the restriction, or the parameter behind it.
func (a asked) option(name string) string {
	if value, set := a.restriction.Policy.Option(name); set {
		return value
	}
	return a.seat.value("smtpd_policy_service_" + name)
}

// checkOptions looks at what Postfix does while policyd is away.
func (a asked) checkOptions(h *Host, f *findings) {
	action := a.option("default_action")
	word := strings.ToUpper(strings.TrimSpace(action))
	switch {
	case strings.HasPrefix(action, "{"):
		f.add("policy-syntax", a.at(), "write { default_action = 451 4.3.0 policy service unavailable } with the name inside the braces", "%s: default_action=%.40s: the brace becomes part of the action, and smtpd answers 451 (server configuration error)", a.name(), action)
	case strings.HasPrefix(word, "OK") || strings.HasPrefix(word, "PERMIT"):
		f.add("policy-ok", a.at(), "default_action=DUNNO", "%s: default_action is %s: while policyd is away the rest of the list is skipped", a.name(), action)
	case word == "DUNNO" && a.seat.role == submission:
		f.add("policy-fail-open", a.at(), "{ default_action = 451 4.3.0 policy service unavailable }", "%s: default_action is DUNNO: while policyd is away a stolen password has no limit", a.name())
	case word == "DUNNO" && a.option("try_limit") != "1":
		f.add("policy-try-limit", a.at(), "try_limit=1", "%s: try_limit is %s: with a policyd that is away each question sleeps a second, and three of them a mail", a.name(), a.option("try_limit"))
	case word != "DUNNO" && a.seat.role == inbound:
		f.add("policy-fail-closed", a.at(), "default_action=DUNNO, try_limit=1, if mail shall pass then", "%s: default_action is %.60s: while policyd is away mail from outside is deferred", a.name(), action)
	}
	if need, got := h.slowest(a.context), length(a.option("timeout")); got > 0 && got < need {
		f.add("policy-timeout", a.at(), "timeout="+(need+need).String(), "%s: timeout is %v, and its checks may take %v: Postfix hangs up and takes default_action", a.name(), got, need)
	}
}

// slowest is how long the checks of a chain may take.
func (h *Host) slowest(context string) time.Duration {
	if h.Config == nil || h.Config.Policyd == nil || !slices.Contains(h.chain(context), "spf") {
		return 0
	}
	return cmp.Or(time.Duration(h.Config.Policyd.SPF.Timeout), 5*time.Second)
}

// chain is the checks that judge a policy_context.
func (h *Host) chain(context string) []string {
	if chain, known := h.Config.Policyd.Chains[context]; known {
		return chain
	}
	return h.Config.Policyd.Checks
}

// length is a time of main.cf; 0 if it is none.
func length(text string) time.Duration {
	text = strings.TrimSpace(text)
	if text != "" && strings.Trim(text, "0123456789") == "" {
		text += "s"
	}
	d, err := config.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d
}

// checkChains compares the contexts of main.cf with the chains of postern.yaml.
func checkChains(h *Host, all []asked, f *findings) {
	chains := h.Config.Policyd.Chains
	for _, a := range all {
		if _, known := chains[a.context]; a.context != "" && !known {
			f.add("policy-context", a.at(), "add "+a.context+": [...] to policyd.chains, or correct the name", "%s: no chain is named %s, and policyd.checks judges", a.name(), a.context)
		}
	}
	for _, name := range sortedKeys(chains) {
		if !slices.ContainsFunc(all, func(a asked) bool { return a.context == name }) {
			f.add("policy-unasked", h.setting("policyd.chains."+name), "add check_policy_service { $postern_policy, policy_context="+name+", ... } to "+homeOf(name)+", or remove the chain",
				"no check_policy_service has policy_context=%s (usually in %s): the checks %s do nothing", name, homeOf(name), strings.Join(chains[name], ", "))
		}
	}
}

// homeOf is the list where the shipped main.cf asks a context.
func homeOf(context string) string {
	switch context {
	case "data":
		return "smtpd_data_restrictions"
	case "eom":
		return "smtpd_end_of_data_restrictions"
	case "submission":
		return "mua_recipient_restrictions"
	case "submission-data":
		return "mua_data_restrictions"
	}
	return "smtpd_recipient_restrictions"
}

// policyIdle is after how long policyd closes an idle connection.
const policyIdle = 1100 * time.Second

// checkIdle compares who hangs up first.
func checkIdle(h *Host, f *findings) {
	for _, name := range []string{"smtpd_policy_service_max_idle", "smtpd_policy_service_max_ttl"} {
		s := h.Postfix.View(nil).Get(name)
		if got := length(s.Value); got >= policyIdle {
			f.add("policy-idle", orFile(s.Place, postconf.Place{File: h.Postfix.MainFile}), "postconf -X "+name, "%s is %v, and policyd closes a connection that was idle for %v: Postfix meets a closed one, and with try_limit=1 a check is skipped", name, got, policyIdle)
		}
	}
}
