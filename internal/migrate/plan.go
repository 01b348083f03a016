package migrate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"postern/internal/config"
	"postern/internal/maps"
	"postern/internal/postconf"
	"postern/internal/store"
)

// Plan is what a migration changes.
type Plan struct {
	Edits []Edit
	Files []File   // postern.yaml and what it names, new or changed
	Notes []string // what stays as it is and why, what the operator has to do
	Asks  []Ask    // what both sides can be asked

	// Database is where the built-in maps have their tables; nil if none of
	// them is used.
	Database *store.Options
	// Config is the postern.yaml that the plan leads to.
	Config *config.Config
	// Ordinary settings of Postfix that a key search depends on.
	Search SearchSettings

	options  Options
	postfix  *postconf.Config
	queue    string
	yaml     []byte
	reserved []string
	srs      srsSwitch
	running  bool // there is a postern.yaml, so perhaps a postern
	shared   bool // Postfix asks postern already: it stays after the way back
}

// File is a file to be written.
type File struct {
	Path    string
	Mode    uint32
	Secret  bool // never printed
	Content []byte
}

// Ask is a list of old tables and the map that takes its place.
type Ask struct {
	Map    string
	Where  string // the parameters that ask it
	Search postconf.Search
	tables []*cfFile
}

// SearchSettings are the parameters of main.cf that a key search depends on.
type SearchSettings struct {
	Delimiter     string
	Propagate     []string
	MyOrigin      string
	MyDestination []string
}

// Empty reports a plan with nothing to do.
func (p *Plan) Empty() bool { return len(p.Edits) == 0 }

// Trial is the configuration of the plan as far as questions need it, with
// the password that has no file yet.
func (p *Plan) Trial() *config.Config {
	c := *p.Config
	c.SRSD, c.Policyd, c.StateDir = nil, nil, ""
	for _, f := range p.Files {
		if f.Secret && p.Database != nil && c.Database.PasswordFile == credential(f.Path) {
			c.Database.PasswordFile = ""
			c.Database.Password = config.Secret(p.Database.Password)
		}
	}
	return &c
}

// planner makes a Plan.
type planner struct {
	*Source
	plan   *Plan
	edits  edits
	maps   ownMaps
	policy policyWiring
}

// Plan decides what becomes of every table. reserved are the reserved
// handles whose rows exist; see [Plan.Database].
func (s *Source) Plan(reserved []string) (*Plan, error) {
	view := s.postfix.View(nil)
	p := &planner{Source: s, plan: &Plan{options: s.options, postfix: s.postfix, reserved: reserved,
		queue: view.Value("queue_directory"),
		Search: SearchSettings{Delimiter: view.Value("recipient_delimiter"), MyOrigin: view.Value("myorigin"),
			Propagate:     postconf.SplitList(view.Value("propagate_unmatched_extensions")),
			MyDestination: postconf.SplitList(view.Value("mydestination"))}}}
	p.chooseDatabase()
	p.tables()
	p.wireSRS()
	p.wireInbound()
	p.wireDomains()
	p.wirePolicy()
	p.noteLoginOrder()
	p.noteLeft()
	p.plan.Edits = p.edits.list()
	if p.plan.Empty() {
		return p.plan, nil
	}
	return p.plan, p.writeFiles()
}

func (p *planner) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.plan.Notes, text) {
		p.plan.Notes = append(p.plan.Notes, text)
	}
}

// chooseDatabase takes the database of the first table of the reference
// stack; a table of it that lives elsewhere is no built-in map.
func (p *planner) chooseDatabase() {
	for _, ref := range p.refs {
		cf := p.cfs[ref.path()]
		if cf == nil || cf.builtin == "" {
			continue
		}
		o := cf.options
		if p.plan.Database == nil {
			p.plan.Database = &o
			continue
		}
		first := p.plan.Database
		switch {
		case !slices.Equal(o.Hosts, first.Hosts) || o.Name != first.Name:
			p.note("%s: another database (%s on %s) than that of the other tables: it stays a table of its own", cf.path, o.Name, strings.Join(o.Hosts, ", "))
			cf.builtin = ""
		case o.User != first.User || o.Password != first.Password:
			p.note("%s: another user or password than in the other files: postern logs in to %s as %s; make sure that this user may read all tables", cf.path, first.Name, first.User)
		}
	}
}

// tables replaces the mysql: tables, entry by entry.
func (p *planner) tables() {
	for i := 0; i < len(p.refs); {
		if !p.convertible(p.refs[i]) {
			i++
			continue
		}
		group := p.group(p.refs[i:])
		p.convert(group)
		i += len(group)
	}
}

// convertible reports whether a table can be asked of postern, and says why
// if not.
func (p *planner) convertible(r *reference) bool {
	_, one := r.search()
	switch {
	case p.cfs[r.path()] == nil:
		p.note("%s: %s stays: its settings are parameters of main.cf; write them into a file of its own first", r.place, r.table.Text)
	case p.refused(r) != "":
		p.note("%s: %s in %s stays: %s accepts no table that another process answers", r.place, r.table.Text, r.entry.Name, p.refused(r))
	case !one && r.uses[0].Search == postconf.SearchNone:
		p.note("%s: %s in %s stays: no class of search fits what Postfix does there", r.place, r.table.Text, r.entry.Name)
	case !one:
		p.note("%s: %s in %s stays: it is searched in two ways (%s and %s); name it twice, once for each", r.place, r.table.Text, r.entry.Name,
			r.uses[0].Search, r.other())
	default:
		return true
	}
	return false
}

// noteLeft tells of tables that stay because of how they are written.
func (p *planner) noteLeft() {
	for _, l := range p.left {
		p.note("%s: %s in %s stays: it is made by a ${…} or wrapped in another table; write it out as mysql:FILE, and run this again", l.Table.Place, l.Table.Text, l.Parameter)
	}
}

// refused is the daemon that would not open a socketmap, or empty.
func (p *planner) refused(r *reference) string {
	for _, use := range r.uses {
		if !use.Refused {
			continue
		}
		transport, _, _ := strings.Cut(p.postfix.Value("virtual_transport"), ":")
		if use.Service.Daemon() != "virtual" || transport == use.Service.Name {
			return use.Service.Daemon() + "(8)"
		}
	}
	return ""
}

// group is the tables from the first on that become one map.
func (p *planner) group(refs []*reference) []*reference {
	first := refs[0]
	n := 1
	for n < len(refs) && refs[n].service == first.service && refs[n].entry.Place == first.entry.Place &&
		refs[n].restricts() == first.restricts() && p.follows(refs[n-1], refs[n]) && p.convertible(refs[n]) {
		n++
	}
	return refs[:n]
}

// follows reports whether b comes directly after a, in one list of tables or
// as the second half of the allow list.
func (p *planner) follows(a, b *reference) bool {
	between := strings.Trim(a.entry.Raw[a.end:b.start], ", \t\r\n")
	if !a.restricts() {
		searchA, _ := a.search()
		searchB, _ := b.search()
		return between == "" && searchA == searchB
	}
	return p.cfs[a.path()].builtin == maps.AllowlistHandles && p.cfs[b.path()].builtin == maps.AllowlistAliases &&
		(between == "" || strings.EqualFold(between, "check_recipient_access")) &&
		a.uses[0].Restriction == "check_recipient_access" && b.uses[0].Restriction == a.uses[0].Restriction
}

// convert replaces the tables of a group by one map.
func (p *planner) convert(group []*reference) {
	first, last := group[0], group[len(group)-1]
	search, _ := first.search()
	var members []string
	var tables []*cfFile
	for _, ref := range group {
		cf := p.cfs[ref.path()]
		tables = append(tables, cf)
		members = append(members, p.mapFor(cf, search))
	}
	name := p.maps.list(first.entry.Name, members, search)
	text := p.socketmap(name)
	if name == maps.Allowlist && p.srs != nil {
		text = p.socketmap("srs-recipients") + ", check_recipient_access " + text
	}
	p.edits.replace(first, first.start, last.end, text, "")
	p.warnMixed(first, len(group))
	p.ask(Ask{Map: name, Where: first.entry.Name, Search: search, tables: tables})
}

// warnMixed tells of lists in which other tables stand beside ours.
func (p *planner) warnMixed(r *reference, n int) {
	if r.restricts() || r.uses[0].Search == postconf.SearchExact {
		return
	}
	tables := 0
	for _, table := range p.postfix.View(r.service).Get(r.entry.Name).Tables() {
		if table.Type != "" && table.Type != "static" && table.Type != "inline" {
			tables++
		}
	}
	if tables > n {
		p.note("%s: %s lists other tables beside these: Postfix asks the new map for all forms of a key at once, the others form by form", r.place, r.entry.Name)
	}
}

func (p *planner) ask(a Ask) {
	for i, known := range p.plan.Asks {
		if known.Map == a.Map {
			if !strings.Contains(known.Where, a.Where) {
				p.plan.Asks[i].Where += ", " + a.Where
			}
			return
		}
	}
	p.plan.Asks = append(p.plan.Asks, a)
}

// mapFor is the map that answers like a .cf file in that kind of search.
func (p *planner) mapFor(cf *cfFile, search postconf.Search) string {
	if cf.builtin != "" && builtinSearch(cf.builtin) == search {
		return cf.builtin
	}
	return p.maps.own(cf.path, search)
}

// builtinSearch is the search that a built-in map is made for.
func builtinSearch(name string) postconf.Search {
	switch name {
	case maps.VirtualHandles, maps.VirtualAliases:
		return postconf.SearchVirtual
	case maps.AllowlistHandles, maps.AllowlistAliases, maps.BlockLocalSenders, maps.AllowedSenders:
		return postconf.SearchAccessAddress
	case maps.SenderLoginMaps:
		return postconf.SearchSenderLogin
	case maps.BannedDomains:
		return postconf.SearchTransport
	}
	return postconf.SearchExact
}

// socketmap is the table that asks postern for a map. The path is relative to
// the queue directory, so that it is the same in a chroot.
func (p *planner) socketmap(name string) string {
	return "socketmap:unix:" + socketmapPath + ":" + name
}

const (
	socketmapPath = "postern/socketmap"
	policyPath    = "postern/policy"
)

func (p *Plan) socket(path string) string {
	return "unix:" + filepath.Join(p.queue, path)
}
