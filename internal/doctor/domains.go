package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/internal/postconf"
)

// domainKinds are the findings of checkDomains.
func domainKinds() []Kind {
	return []Kind{
		{"hosted-unknown", Error, "virtual_alias_domains does not ask postern for the hosted domains: their mail is refused, or decided by other tables"},
		{"aliases-unknown", Error, "virtual_alias_maps does not ask postern: hosted mail is refused as unknown"},
		{"srs-domain-class", Error, "the SRS domain is in no address class: bounces are refused (relay access denied)"},
		{"srs-domain-relayed", Error, "the SRS domain is in relay_domains: every address at it exists, forged ones too"},
		{"srs-domain-hosted", Error, "the SRS domain has a row in table domain: aliases and handles answer for it"},
		{"srs-domain-differs", Error, "main.cf and postern.yaml name different SRS domains: bounces are refused"},
		{"domain-twice", Error, "a domain is in two address classes: Postfix decides by the first, and warns for each message"},
		{"myhostname-hosted", Warning, "the host's own name is a hosted domain: handles capture postmaster and root of this host"},
		{"myhostname-class", Warning, "nobody receives mail to the host's own name: notices and complaints are refused"},
		{"operator-address", Warning, "mail to an address that every host must have is refused, or decided by a table"},
		{"operator-hosted", Warning, "the operator's address is at a domain of this host: it does not work when it is needed most"},
		{"recipient-delimiter", Error, "main.cf and postern.yaml separate extensions differently: user+tag is found by one and not by the other"},
		{"hosted-everywhere", Warning, "virtual_alias_domains is unset: every key of the alias tables that looks like a domain is one"},
		{"domains-by-aliases", Warning, "virtual_alias_domains is unset on a host with mailboxes: each mail asks the aliases for its bare domain, and is deferred while they cannot answer"},
	}
}

// checkDomains looks who belongs to which address class.
func checkDomains(ctx context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	d := &domainCheck{host: h, main: h.in(inMain)[0], findings: f}
	d.classes(ctx)
	d.operator(ctx)
	d.byAliases()
	if h.Config == nil {
		return
	}
	d.delimiter()
	if h.Database != nil || h.DatabaseErr != nil { // else the site has tables of its own
		d.hosted()
	}
	if h.Config.SRSD != nil && h.Config.SRSD.Domain != "" {
		d.srs(ctx)
	}
}

type domainCheck struct {
	host *Host
	main seat
	*findings
}

// names are the domains of a list, tables left out.
func (d *domainCheck) names(parameter string) []postconf.Word {
	words := d.main.view.List(parameter)
	return slices.DeleteFunc(words, func(w postconf.Word) bool { return w.Table().Type != "" || strings.HasPrefix(w.Text, "/") })
}

func (d *domainCheck) lists(parameter, domain string) bool {
	return slices.ContainsFunc(d.names(parameter), func(w postconf.Word) bool { return strings.EqualFold(w.Text, domain) })
}

// asks reports a map of postern in a parameter.
func (d *domainCheck) asks(parameter string, maps ...string) bool {
	return slices.ContainsFunc(d.main.view.Get(parameter).Tables(), func(t postconf.Table) bool {
		_, name := t.Socketmap()
		return slices.Contains(maps, name)
	})
}

// classes looks for domains in two classes; a hosted one in a static list is
// one, too.
func (d *domainCheck) classes(ctx context.Context) {
	classes := []string{"mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"}
	for i, class := range classes {
		for _, w := range d.names(class) {
			for _, other := range classes[i+1:] {
				if d.lists(other, w.Text) {
					d.add("domain-twice", orFile(w.Place, d.main.view.Get(class).Place, postconf.Place{File: d.host.Postfix.MainFile}), "remove it from one of them", "%s is in %s and in %s: Postfix takes the first and warns", w.Text, class, other)
				}
			}
			if class != "virtual_alias_domains" && d.asks("virtual_alias_domains", "virtual-domains") && d.isHosted(ctx, w.Text) {
				d.add("domain-twice", orFile(w.Place, d.main.view.Get(class).Place, postconf.Place{File: d.host.Postfix.MainFile}), "remove it from "+class, "%s is in %s and hosted (table domain): its aliases are not followed", w.Text, class)
			}
		}
	}
}

// isHosted asks table domain.
func (d *domainCheck) isHosted(ctx context.Context, name string) bool {
	if d.host.Database == nil {
		return false
	}
	rows, err := d.host.Database.Select(ctx, "SELECT 1 FROM domain WHERE name = ? AND active = 1", lookup.Fold(name))
	return err == nil && len(rows) > 0
}

// operator looks at the host's own name and who reads its mail.
func (d *domainCheck) operator(ctx context.Context) {
	name := d.main.value("myhostname")
	if d.isHosted(ctx, name) {
		d.add("myhostname-hosted", d.main.at(d.host, "myhostname"), "choose a name that is no hosted domain, or postern domain remove "+name, "myhostname %s is a hosted domain: a handle named postmaster or root gets the mail of this host", name)
	}
	if !d.lists("virtual_alias_domains", name) && !d.lists("mydestination", name) {
		d.add("myhostname-class", d.main.at(d.host, "virtual_alias_domains"), "add $myhostname to virtual_alias_domains", "virtual_alias_domains has no %s (myhostname): mail to postmaster of this host is refused", name)
		return
	}
	if d.lists("virtual_alias_domains", name) {
		d.inline(ctx, name, "postmaster", "abuse", "root", "mailer-daemon")
	}
	if c := d.host.Config; c != nil && c.SRSD != nil && d.lists("virtual_alias_domains", c.SRSD.Domain) {
		d.inline(ctx, c.SRSD.Domain, "postmaster", "abuse")
	}
}

// inline wants addresses of the operator that no table decides.
func (d *domainCheck) inline(ctx context.Context, domain string, locals ...string) {
	known := map[string]string{}
	for _, t := range d.main.view.Get("virtual_alias_maps").Tables() {
		for _, e := range t.Inline() {
			known[lookup.Fold(e.Name)] = e.Raw
		}
		if t.Is("hash", "texthash", "btree", "lmdb", "cdb", "regexp", "pcre", "mysql", "tcp") {
			return // it may have them
		}
	}
	for _, local := range locals {
		target, found := known[lookup.Fold(local+"@"+domain)]
		if !found {
			d.add("operator-address", d.main.at(d.host, "virtual_alias_maps"), "add {"+local+"@"+domain+"=$postern_operator} to the inline: table of virtual_alias_maps", "virtual_alias_maps has no %s@%s: such mail is refused", local, domain)
		} else if at := domainOf(target); d.isHosted(ctx, at) || strings.EqualFold(at, d.main.value("myhostname")) {
			d.add("operator-hosted", d.main.at(d.host, "virtual_alias_maps"), "choose an address elsewhere", "%s@%s leads to %s, which this host hosts itself", local, domain, target)
		}
	}
}

func (d *domainCheck) delimiter() {
	here, there := d.main.value("recipient_delimiter"), d.host.Config.RecipientDelimiter
	if here != there {
		d.add("recipient-delimiter", d.main.at(d.host, "recipient_delimiter"), d.main.set("recipient_delimiter", there), "recipient_delimiter is %q here and %q in postern.yaml (%s): extensions are cut by one and not by the other, and mail is refused", here, there, d.host.setting("recipient_delimiter"))
	}
}

// byAliases looks for a host whose domains are mailbox domains, and whose alias
// tables are asked for virtual alias domains all the same.
func (d *domainCheck) byAliases() {
	set := d.main.view.Get("virtual_alias_domains")
	if strings.Trim(set.Raw, "${}() ") != "virtual_alias_maps" || d.main.value("virtual_mailbox_domains") == "" || d.asks("virtual_alias_maps", "virtual", "virtual-handles", "virtual-aliases") {
		return
	}
	for _, t := range set.Tables() {
		if t.Is("socketmap", "mysql", "pgsql", "tcp") {
			d.add("domains-by-aliases", d.main.at(d.host, "virtual_alias_domains"), d.main.set("virtual_alias_domains", "")+", unless a row there is a bare domain", "virtual_alias_domains is not set and is then $virtual_alias_maps: %.80s is asked for the bare domain of each recipient, and mail is deferred while it cannot answer", t.Text)
			return
		}
	}
}

// hosted wants the hosted domains and their aliases from postern.
func (d *domainCheck) hosted() {
	set := d.main.view.Get("virtual_alias_domains")
	switch {
	case set.Default && d.asks("virtual_alias_maps", "virtual", "virtual-handles", "virtual-aliases"):
		d.add("hosted-everywhere", d.main.at(d.host, "virtual_alias_domains"), d.main.set("virtual_alias_domains", "$postern_srs_domain, $myhostname, $postern:virtual-domains"), "virtual_alias_domains is not set and is then $virtual_alias_maps: no hosted domain is found there, and a handle named like a domain would be one")
	case !d.asks("virtual_alias_domains", d.host.mapsOf("virtual-domains")...) && !d.asks("virtual_mailbox_domains", d.host.mapsOf("virtual-domains")...):
		d.add("hosted-unknown", d.main.at(d.host, "virtual_alias_domains"), d.main.set("virtual_alias_domains", "$postern_srs_domain, $myhostname, $postern:virtual-domains"), "virtual_alias_domains does not ask virtual-domains: mail to hosted domains is refused (relay access denied) unless other tables know them")
	}
	if !d.asks("virtual_alias_maps", d.host.mapsOf("virtual", "virtual-handles", "virtual-aliases")...) {
		d.add("aliases-unknown", d.main.at(d.host, "virtual_alias_maps"), d.main.set("virtual_alias_maps", "$postern:virtual"), "virtual_alias_maps does not ask virtual: aliases and handles of the tables do not exist for Postfix")
	}
}

// mapsOf are names of built-in maps, and the maps of the site's own that may
// stand for them.
func (h *Host) mapsOf(builtin ...string) []string {
	return append(builtin, sortedKeys(h.Config.Maps)...)
}

// srs looks at the domain of rewritten senders.
func (d *domainCheck) srs(ctx context.Context) {
	domain := d.host.Config.SRSD.Domain
	if e, set := d.host.Postfix.Entry("postern_srs_domain"); set && !strings.EqualFold(d.main.value("postern_srs_domain"), domain) {
		d.add("srs-domain-differs", e.Place.String(), "postern_srs_domain = "+domain, "postern_srs_domain is %.100s, and srsd.domain is %s (%s): bounces come to a domain that nobody answers for", e.Raw, domain, d.host.setting("srsd.domain"))
	}
	if d.lists("relay_domains", domain) && d.main.value("relay_recipient_maps") == "" {
		d.add("srs-domain-relayed", d.main.at(d.host, "relay_domains"), "move it to virtual_alias_domains", "%s is in relay_domains, and relay_recipient_maps is empty: every address there is taken, and bounced to forged senders", domain)
	}
	if !d.lists("virtual_alias_domains", domain) && !d.lists("relay_domains", domain) {
		d.add("srs-domain-class", d.main.at(d.host, "virtual_alias_domains"), "add $postern_srs_domain to virtual_alias_domains", "virtual_alias_domains has no %s (srsd.domain): bounces to rewritten senders get 554 relay access denied", domain)
	}
	if d.isHosted(ctx, domain) {
		d.add("srs-domain-hosted", d.host.setting("srsd.domain"), "postern domain remove "+domain, "%s has an active row in table domain: handles and aliases answer for addresses of SRS", domain)
	}
}
