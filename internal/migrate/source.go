package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"postern/internal/postconf"
)

// Options say what to read and where things shall be.
type Options struct {
	Dir          string // Postfix's configuration directory
	Config       string // the postern.yaml to write
	PostSRSd     string // postsrsd.conf of PostSRSd 2.x; empty: /etc/postsrsd.conf where main.cf asks it
	Defaults     string // /etc/default/postsrsd of PostSRSd 1.x; empty: that one where main.cf asks it
	Operator     string // for operator: of postern.yaml
	ThisInstance bool   // migrate DIR although it leads other instances
	Postconf     postconf.Program
}

// Source is everything that was read.
type Source struct {
	options Options
	postfix *postconf.Config
	cfs     map[string]*cfFile // by path
	refs    []*reference
	left    []postconf.Lookup // mysql: tables that are written in a way that no reference stands for
	inbound []*reference      // tables that refuse SRS senders
	srs     *srsSettings      // nil: no PostSRSd
	srsRefs []*reference      // its maps
}

// Read reads the configuration of a host. An error says why it cannot be
// migrated.
func Read(ctx context.Context, o Options) (*Source, error) {
	p, err := postconf.Load(ctx, o.Dir, o.Postconf)
	if err != nil {
		return nil, err
	}
	if err := oneInstance(p, o); err != nil {
		return nil, err
	}
	s := &Source{options: o, postfix: p, cfs: map[string]*cfFile{}}
	s.findReferences()
	if err := s.readTables(); err != nil {
		return nil, err
	}
	return s, s.readSRS()
}

// oneInstance refuses a directory that leads others, so that nobody takes
// one migrated instance for all.
func oneInstance(p *postconf.Config, o Options) error {
	others := p.OtherInstances()
	if len(others) == 0 || o.ThisInstance {
		return nil
	}
	list := ""
	for _, word := range others {
		list += ", --postfix " + word.Text
	}
	return fmt.Errorf("%s leads several Postfix instances: migrate one at a time: --postfix %s --this-instance%s",
		p.MainFile, o.Dir, list)
}

// readTables reads the .cf file of every reference once.
func (s *Source) readTables() error {
	var problems []error
	for _, ref := range s.refs {
		path := ref.path()
		if _, known := s.cfs[path]; known {
			continue
		}
		if !filepath.IsAbs(path) {
			s.cfs[path] = nil
			continue
		}
		cf, err := readCF(path)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %s: %w", ref.place, ref.table.Text, err))
		}
		s.cfs[path] = cf
	}
	return errors.Join(problems...)
}

// Warnings is what the operator should know of the old configuration:
// entries that override others, parameters that Postfix or its mysql: tables do
// not know.
func (s *Source) Warnings() []string {
	var warnings []string
	for _, fault := range s.postfix.Warnings {
		warnings = append(warnings, fault.Error())
	}
	for _, entry := range s.postfix.Unknown() {
		warnings = append(warnings, fmt.Sprintf("%s: %s: Postfix knows no such parameter, and nothing refers to it", entry.Place, entry.Name))
	}
	for _, path := range slices.Sorted(maps.Keys(s.cfs)) {
		if cf := s.cfs[path]; cf != nil {
			warnings = append(warnings, cf.warnings...)
		}
	}
	return warnings
}
