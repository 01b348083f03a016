package doctor

import (
	"context"
	"strconv"
	"strings"
)

// rowKinds are the findings of checkRows.
func rowKinds() []Kind {
	return []Kind{
		{"alias-loop", Error, "an alias leads back to itself: mail to it is refused, with a stock Postfix it is deferred for days"},
		{"handle-loop", Error, "a handle leads back to itself: mail to it is refused"},
		{"alias-inactive-domain", Warning, "an alias leads to a domain of ours that is switched off: its mail is refused"},
		{"alias-dangling", Warning, "an alias leads to an address of ours that does not exist: its mail is refused"},
		{"alias-not-hosted", Note, "aliases stand at domains without an active row in table domain: they are not known"},
		{"alias-empty", Warning, "an active alias has no target: its mail is refused"},
		{"handle-empty", Warning, "an active handle has no address: it does not exist for postern, a stock Postfix relays mail to it"},
		{"handle-shadows-alias", Warning, "a handle comes before the alias of the same local part: mail to the alias reaches the owner of the handle"},
		{"handle-named-domain", Warning, "a handle is named like a mail domain: with access tables of .cf files that opens the domain to everybody"},
		{"handle-reserved", Note, "a handle with a reserved name does not work"},
		{"operator-missing", Warning, "postmaster and abuse of hosted domains lead nowhere: complaints are refused"},
		{"sender-without-alias", Warning, "a login may send with an address that receives nothing: bounces and replies are lost"},
		{"domain-not-ascii", Warning, "a domain with other than ASCII letters has no row in its xn-- spelling: mail to it is refused"},
		{"ban-duplicate", Warning, "a target has several bans in force: revoking one does not free it"},
		{"rows-unread", Note, "rows could not be read and were not looked at"},
	}
}

// checkRows looks at what the tables say.
func checkRows(ctx context.Context, h *Host, f *findings) {
	if h.Database == nil || h.Config == nil {
		return
	}
	r := &rowCheck{host: h, findings: f}
	for _, read := range []func(context.Context) error{r.readDomains, r.readHandles, r.readAliases} {
		if err := read(ctx); err != nil {
			f.add("rows-unread", h.setting("database"), "mend what is said of the table, and run postern check again", "loops, shadowed aliases and lost bounces were not looked for: %v", err)
			return
		}
	}
	r.walks(ctx)
	r.shadows()
	r.names()
	r.empty(ctx)
	r.operator()
	if err := r.senders(ctx); err != nil {
		f.add("rows-unread", "table smtp_sender_acl", "mend what is said of the table, and run postern check again", "senders were not looked at: %v", err)
	}
	if err := r.bans(ctx); err != nil {
		f.add("rows-unread", "table api_bans", "mend what is said of the table, and run postern check again", "bans were not looked at: %v", err)
	}
}

// rowCheck holds of the tables what the checks need: all domains and handles,
// and of the aliases those that lead to an address of ours.
type rowCheck struct {
	host *Host
	*findings

	domains map[string]bool   // name → active
	handles map[string]string // name → address
	inner   map[string]string // aliases of which a target is at a domain of ours
	wanted  map[string]string // what these lead to, as far as it is an alias
	shadow  sample            // aliases behind a handle
	foreign sample            // aliases at domains that are not hosted
}

func (r *rowCheck) readDomains(ctx context.Context) error {
	r.domains = map[string]bool{}
	return r.host.Database.Each(ctx, "domain", func(name, active string) { r.domains[name] = r.domains[name] || active == "1" })
}

func (r *rowCheck) readHandles(ctx context.Context) error {
	r.handles = map[string]string{}
	return r.host.Database.Each(ctx, "alias_handle", func(handle, address string) { r.handles[handle] = address })
}

// ours reports whether an address is at a domain of table domain.
func (r *rowCheck) ours(address string) bool {
	_, known := r.domains[domainOf(address)]
	return known
}

// readAliases passes over the table twice: what aliases of ours lead to is
// known after the first time only.
func (r *rowCheck) readAliases(ctx context.Context) error {
	r.inner, r.wanted = map[string]string{}, map[string]string{}
	err := r.host.Database.Each(ctx, "alias", func(address, target string) {
		local, domain, _ := strings.Cut(address, "@")
		if !r.domains[domain] {
			r.foreign.note(address)
			return
		}
		if _, taken := r.handles[local]; taken && local != "" && !r.isReserved(local) { // of a reserved one the alias wins
			r.shadow.note(address)
		}
		r.noteTargets(address, target)
	})
	if err != nil || len(r.wanted) == 0 {
		return err
	}
	known := map[string]string{}
	err = r.host.Database.Each(ctx, "alias", func(address, target string) {
		if _, is := r.wanted[address]; is {
			known[address] = target
		}
	})
	r.wanted = known
	return err
}

// walks follows every alias and every handle that leads to an address of ours.
func (r *rowCheck) walks(ctx context.Context) {
	w := r.walker()
	loops, inactive, dangling := &sample{}, &sample{}, &sample{}
	for _, address := range sortedKeys(r.inner) {
		walk, err := w.Expand(ctx, address)
		switch {
		case err != nil:
			dangling.note(address)
		case walk.Loop != nil:
			loops.note(strings.Join(walk.Loop, " > "))
		case len(walk.Final) == 0 && r.leadsToInactive(r.inner[address]):
			inactive.note(address)
		case len(walk.Final) == 0:
			dangling.note(address)
		}
	}
	r.report("alias-loop", "table alias", loops, "postern alias remove ADDRESS, or give it a target outside", "aliases lead in a circle, and mail to them is refused")
	r.report("alias-inactive-domain", "table alias", inactive, "activate the domain, or change the target", "aliases lead to a domain of ours that is switched off, and mail to them is refused")
	r.report("alias-dangling", "table alias", dangling, "postern alias add for the target, or change it", "aliases lead to an address of ours that does not exist, and mail to them is refused")
	r.handleWalks(ctx)
}

func (r *rowCheck) handleWalks(ctx context.Context) {
	w, home, loops := r.walker(), r.anyDomain(), &sample{}
	for _, handle := range sortedKeys(r.handles) {
		if home == "" || !r.ours(r.handles[handle]) || r.isReserved(handle) {
			continue
		}
		if walk, err := w.Expand(ctx, handle+"@"+home); err == nil && (walk.Loop != nil || len(walk.Final) == 0) {
			loops.note(handle)
		}
	}
	r.report("handle-loop", "table alias_handle", loops, "postern handle remove HANDLE, or give it an address outside", "handles lead in a circle or to an address of ours that does not exist, and mail to them is refused")
}

// shadows lists what a handle or a missing domain hides.
func (r *rowCheck) shadows() {
	r.report("handle-shadows-alias", "table alias", &r.shadow, "rename the handle or remove the alias: a handle is asked first, as in the list of stock tables",
		"a handle of the same name comes first, and mail to these aliases reaches its owner")
	r.report("alias-not-hosted", "table alias", &r.foreign, "postern domain add DOMAIN, or remove the rows",
		"these aliases stand at domains without an active row in table domain, and mail to them is refused")
}

// empty lists active rows that lead nowhere.
func (r *rowCheck) empty(ctx context.Context) {
	for kind, query := range map[string]string{
		"alias-empty":  "SELECT address FROM alias WHERE active = 1 AND (`goto` IS NULL OR TRIM(`goto`) = '') ORDER BY address LIMIT 1000",
		"handle-empty": "SELECT handle FROM alias_handle WHERE active = 1 AND (address IS NULL OR TRIM(address) = '') ORDER BY handle LIMIT 1000",
	} {
		rows, err := r.host.Database.Select(ctx, query)
		if err != nil {
			continue // the schema was looked at before
		}
		found := &sample{}
		for _, row := range rows {
			found.note(row[0])
		}
		table := strings.Fields(query)[3]
		r.report(kind, "table "+table, found, "give them a target or set active = 0", "active rows have no target: postern refuses their mail, a stock Postfix accepts and misroutes it")
	}
}

// operator looks whether postmaster and abuse are read by somebody.
func (r *rowCheck) operator() {
	if r.host.Config.Operator == "" && r.anyDomain() != "" {
		r.add("operator-missing", r.host.setting("operator"), "operator: you@example.net (an address elsewhere)", "postmaster and abuse of hosted domains without an alias of their own are refused, and complaints with them")
	}
}

// senders lists the senders of the ACL that receive nothing.
func (r *rowCheck) senders(ctx context.Context) error {
	missing := map[string]bool{}
	err := r.host.Database.Each(ctx, "smtp_sender_acl", func(sender, _ string) {
		local, domain, _ := strings.Cut(sender, "@")
		if _, handle := r.handles[local]; local != "" && domain != "" && !(handle && !r.isReserved(local) && r.domains[domain]) {
			missing[sender] = true
		}
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	everything := map[string]bool{}
	err = r.host.Database.Each(ctx, "alias", func(address, _ string) {
		delete(missing, address)
		if domain, all := strings.CutPrefix(address, "@"); all {
			everything[domain] = true
		}
	})
	found := &sample{}
	for _, sender := range sortedKeys(missing) {
		if !everything[domainOf(sender)] {
			found.note(sender)
		}
	}
	r.report("sender-without-alias", "table smtp_sender_acl", found, "postern alias add SENDER TARGET", "logins may send with these addresses, and bounces and replies to them are lost")
	return err
}

// bans lists targets with several bans in force.
func (r *rowCheck) bans(ctx context.Context) error {
	count := map[string]int{}
	if err := r.host.Database.Each(ctx, "api_bans", func(target, _ string) { count[target]++ }); err != nil {
		return err
	}
	found := &sample{}
	for _, target := range sortedKeys(count) {
		if count[target] > 1 {
			found.note(target + " (" + strconv.Itoa(count[target]) + ")")
		}
	}
	r.report("ban-duplicate", "table api_bans", found, "postern ban revoke --type TYPE TARGET (it revokes all of them)", "several bans are in force for one target, and revoking one row does not free it")
	return nil
}
