package migrate

import (
	"regexp"
	"slices"
	"strings"

	"postern/internal/maps"
	"postern/internal/postconf"
)

// gateCheck is how Postfix asks policyd on port 25. With one try a daemon
// that is away costs no time; the recipient checks of Postfix stand.
const gateCheck = "check_policy_service { unix:" + policyPath + ", policy_context=gate, timeout=5s, try_limit=1, default_action=DUNNO }"

// policyWiring is what policyd is asked for.
type policyWiring struct {
	inbound bool // refuses SRS senders
	bans    bool // bans of destinations
	wired   bool // main.cf asks already, or will
}

// wireSRS lets Postfix ask postern for SRS by socketmap.
func (p *planner) wireSRS() {
	for _, ref := range p.srsRefs {
		p.edits.replace(ref, ref.start, ref.end, p.socketmap(p.srs.mapOf(ref.table)), "")
	}
	if p.srs == nil {
		return
	}
	p.plan.srs = standsBeside
	if len(p.srs.listeners()) > 0 {
		p.plan.srs = takesOver
	}
	for _, warning := range p.srs.warnings {
		p.note("%s", warning)
	}
}

// wireInbound puts the policy check in the place of the patterns that refuse
// SRS senders.
func (p *planner) wireInbound() {
	for _, ref := range p.inbound {
		start := ref.start
		if before := regexp.MustCompile(`(?i)check_sender_access[\s,]+$`).FindStringIndex(ref.entry.Raw[:start]); before != nil {
			start = before[0]
		}
		p.edits.replace(ref, start, ref.end, gateCheck, "SRS senders from outside: srs_inbound: any in postern.yaml")
		p.policy.inbound, p.policy.wired = true, true
	}
}

// wireDomains makes hosted domains virtual alias domains where the alias
// tables decided so far.
func (p *planner) wireDomains() {
	if !p.asksAliases() {
		p.noteDomains()
		return
	}
	entry, set := p.postfix.Entry("virtual_alias_domains")
	switch strings.TrimSpace(entry.Raw) {
	case "", "$virtual_alias_maps", "${virtual_alias_maps}":
		entry.Name = "virtual_alias_domains"
		edit := p.edits.of(nil, entry, set)
		edit.replacements = []replacement{{0, len(entry.Raw), strings.TrimPrefix(p.srsDomain()+", ", ", ") + p.socketmap(maps.VirtualDomains), ""}}
		edit.why = []string{"hosted domains were found through the alias tables; the alias map answers for addresses only"}
	default:
		if p.srs != nil && !strings.Contains(entry.Raw, p.srs.domain) && p.srsDomain() != "" && len(p.srsRefs) > 0 {
			edit := p.edits.of(nil, entry, set)
			edit.replacements = append(edit.replacements, replacement{0, 0, p.srsDomain() + ", ", "bounces to the SRS domain are taken"})
		}
	}
	p.restoreAliases()
}

// noteDomains tells of a host with mailbox domains whose alias tables are asked
// for virtual alias domains all the same: a row there could be one.
func (p *planner) noteDomains() {
	view := p.postfix.View(nil)
	moved := slices.ContainsFunc(p.plan.Asks, func(a Ask) bool { return strings.Contains(a.Where, "virtual_alias_maps") })
	if moved && byDefault(view) && strings.TrimSpace(view.Value("virtual_mailbox_domains")) != "" {
		p.note("virtual_alias_domains is $virtual_alias_maps, so the bare domain of each recipient is asked of the aliases, and mail is deferred while they cannot answer: postconf -e 'virtual_alias_domains =', unless a row there is a bare domain")
	}
}

// asksAliases reports whether virtual_alias_maps has a built-in alias map in
// the end.
func (p *planner) asksAliases() bool {
	entry, _ := p.postfix.Entry("virtual_alias_maps")
	text := p.edits.of(nil, entry, true).text()
	for _, name := range []string{maps.Virtual, maps.VirtualHandles, maps.VirtualAliases} {
		for _, piece := range pieces(text) {
			if strings.HasSuffix(text[piece[0]:piece[1]], socketmapPath+":"+name) {
				return true
			}
		}
	}
	return false
}

// srsDomain is the SRS domain if Postfix does not know it as its own yet.
func (p *planner) srsDomain() string {
	if p.srs == nil {
		return ""
	}
	for _, list := range []string{"mydestination", "relay_domains", "virtual_mailbox_domains"} {
		for _, word := range p.postfix.View(nil).List(list) {
			if strings.EqualFold(word.Text, p.srs.domain) {
				return ""
			}
		}
	}
	return p.srs.domain
}

// restoreAliases gives submission its aliases back: mail that is submitted to
// a hosted domain would bounce as unknown user.
func (p *planner) restoreAliases() {
	for _, service := range p.postfix.Master {
		entry, set := service.Override("virtual_alias_maps")
		if service.Daemon() != "cleanup" || !set || entry.Raw != "" {
			continue
		}
		edit := p.edits.of(service, entry, true)
		edit.remove = true
		edit.why = []string{"mail submitted to a hosted domain would bounce; the new map leaves foreign recipients alone"}
	}
}

// wirePolicy has Postfix ask for bans at RCPT where banned domains were
// refused by transport_maps only, after the mail was taken.
func (p *planner) wirePolicy() {
	p.policy.bans = slices.ContainsFunc(p.plan.Asks, func(a Ask) bool { return a.Map == maps.BannedDomains })
	if !p.policy.bans || p.policy.wired || p.asksPolicy() {
		p.policy.wired = p.policy.wired || p.policy.bans
		return
	}
	p.policy.wired = true
	entry, set := p.postfix.Entry("smtpd_recipient_restrictions")
	entry.Name = "smtpd_recipient_restrictions"
	at, text := 0, gateCheck
	if lead := regexp.MustCompile(`^[\s,]*permit_mynetworks\b[\s,]*`).FindString(entry.Raw); lead != "" {
		at = len(lead)
		if !strings.Contains(strings.TrimSpace(lead), ",") && at == len(entry.Raw) {
			text = ", " + text
		}
	}
	if strings.TrimSpace(entry.Raw[at:]) != "" {
		text += ", "
	}
	edit := p.edits.of(nil, entry, set)
	edit.replacements = append(edit.replacements, replacement{at, at, text, "banned domains are refused before the mail is taken"})
}

// asksPolicy reports whether main.cf asks postern's policyd already.
func (p *planner) asksPolicy() bool {
	asks := false
	for _, list := range postconf.RestrictionLists() {
		postconf.Walk(p.postfix.View(nil).Restrictions(list), func(r postconf.Restriction) {
			if r.Policy != nil && r.Policy.Endpoint.Path == policyPath {
				asks = true
			}
		})
	}
	return asks
}

// noteLoginOrder tells of lists in which a table says OK to a sender before
// the login was held against it: any login may then use any listed sender.
func (p *planner) noteLoginOrder() {
	for _, service := range p.postfix.Master {
		if service.Daemon() != "smtpd" {
			continue
		}
		for _, list := range postconf.RestrictionLists() {
			p.noteOK(p.postfix.View(service).Restrictions(list))
		}
	}
}

func (p *planner) noteOK(list []postconf.Restriction) {
	var allows *postconf.Restriction
	postconf.Walk(list, func(r postconf.Restriction) {
		switch {
		case r.Table != nil && p.cfs[r.Table.Name] != nil && p.cfs[r.Table.Name].builtin == maps.AllowedSenders:
			allows = &r
		case allows != nil && strings.HasSuffix(r.Name, "_sender_login_mismatch"):
			p.note("%s: %s says OK before %s is asked: any login may use any listed sender; put the login check first", allows.Place, allows.Table.Text, r.Name)
			allows = nil
		}
	})
}
