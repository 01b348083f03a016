package postconf

import "slices"

// Lookup is one use of a table by one service.
type Lookup struct {
	Table     Table
	Parameter string // "transport_maps", "smtpd_recipient_restrictions", or the restriction class the table stands in
	// Restriction is the check_*_access before the table, "" elsewhere.
	Restriction string
	Search      Search
	Service     *Service // the service that asks
	// Opener is the daemon that opens the table: Service, or proxymap(8)
	// for proxy: tables (nil if master.cf has none).
	Opener *Service
	// Refused says that the daemon opens no table of this kind that somebody
	// else answers (socketmap:, tcp:, proxy:).
	Refused bool
}

// Chrooted reports whether the daemon that opens the table is confined to
// queue_directory. Files are opened before that, sockets after.
func (l Lookup) Chrooted() bool {
	return l.Opener != nil && l.Opener.Chroot
}

// Lookups are the tables of all services, in the order of master.cf.
// Members of pipemap: and unionmap: follow their table.
func (c *Config) Lookups() []Lookup {
	var all []Lookup
	for _, s := range c.Master {
		all = append(all, c.View(s).Lookups()...)
	}
	return all
}

// Lookups are the tables that the service of the view opens.
func (v View) Lookups() []Lookup {
	var all []Lookup
	if v.service == nil {
		return nil
	}
	for _, p := range Parameters() {
		if !slices.Contains(p.Daemons, v.service.Daemon()) {
			continue
		}
		for _, table := range v.Get(p.Name).Tables() {
			all = v.lookup(all, Lookup{Table: table, Parameter: p.Name, Search: p.Search,
				Refused: p.refuses(v.service.Daemon())})
		}
	}
	if v.service.Daemon() != "smtpd" {
		return all
	}
	met, tables := map[string]bool{}, false
	for _, parameter := range RestrictionLists() {
		list := v.Restrictions(parameter)
		Walk(list, func(r Restriction) {
			met[r.Name] = met[r.Name] || r.Class != nil
			tables = tables || r.Table != nil
		})
		all = v.restrictionLookups(all, parameter, list)
	}
	for _, class := range v.List("smtpd_restriction_classes") {
		if tables && !met[class.Text] { // what an access table answers may name it
			all = v.restrictionLookups(all, class.Text, v.Restrictions(class.Text))
		}
	}
	return all
}

func (v View) restrictionLookups(all []Lookup, parameter string, list []Restriction) []Lookup {
	for _, r := range list {
		if r.Table != nil {
			all = v.lookup(all, Lookup{Table: *r.Table, Parameter: parameter, Restriction: r.Name,
				Search: accessSearch(r.Name)})
		}
		if r.Class != nil {
			all = v.restrictionLookups(all, r.Name, r.Class)
		}
	}
	return all
}

// lookup appends one use for each table that the text stands for.
func (v View) lookup(all []Lookup, l Lookup) []Lookup {
	if l.Table.Type == "" {
		return all
	}
	l.Service = v.service
	for _, table := range l.Table.All() {
		one := l
		one.Table, one.Opener = table, v.service
		if table.Proxy || l.Table.Proxy {
			one.Opener = v.config.Service("proxymap", "unix")
		}
		all = append(all, one)
	}
	return all
}
