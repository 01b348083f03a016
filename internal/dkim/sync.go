package dkim

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// What Sync does if nobody says otherwise.
const (
	DefaultDir      = "/etc/opendkim"
	DefaultSelector = "mail"
	DefaultBits     = 2048
)

// Options say where and how Sync works.
type Options struct {
	// Dir is OpenDKIM's folder, which has to exist.
	Dir string
	// Selector of the keys; empty: the one of the last run, or DefaultSelector.
	Selector string
	// Bits of new keys: 1024, 2048, 3072 or 4096 (RFC 8301).
	Bits int
	// Owner of keys, and by its group of tables and folders.
	Owner Owner
	// DryRun changes nothing.
	DryRun bool
	// KeysOnly makes keys and leaves the tables, so that records can be
	// published before a new selector is used.
	KeysOnly bool
	// Shrink allows that more than half of the signed domains lose their lines.
	Shrink bool
}

// State says who signs for a domain.
type State string

// States of a domain.
const (
	Signed  State = "signed"  // lines of ours
	Pending State = "pending" // a key that no line uses: KeysOnly, DryRun, or an older one
	Left    State = "left"    // a line of another hand, which is left alone
	Refused State = "refused" // Trouble says why; lines of an earlier run stay
)

// Domain is what became of one.
type Domain struct {
	Name     string
	State    State
	Selector string
	// KeyFile is the path of the key, as KeyTable has it.
	KeyFile string
	// Bits of the key, 0 if there is none yet.
	Bits int
	// Made tells that the key is new; in a DryRun that it would be.
	Made bool
	// Record publishes the key; its Name is empty if there is no usable key.
	Record Record
	// Published is set by Check.
	Published Published
	// Trouble is for the operator: one sentence, with what to do.
	Trouble string
}

// Report is what Sync did, or in a DryRun would do.
type Report struct {
	Selector string
	// Changed are the tables that differ now: reload OpenDKIM.
	Changed []string
	// Dropped are the domains that lost their lines.
	Dropped []string
	// Domains in the order of their names.
	Domains []Domain
}

// ErrShrink tells that more than half of the signed domains would lose their
// lines, as with an empty table or with the database of another host.
var ErrShrink = errors.New("more than half of the signed domains are no longer active: nothing was changed in the tables")

// ErrOption tells that Options cannot be meant so.
var ErrOption = errors.New("impossible")

// job is one run.
type job struct {
	Options
	keys    *os.Root // nil in a dry run before the first key
	keyTab  *table
	signTab *table
}

// Sync makes the missing keys of the active domains and writes the tables, as
// the package comment says. An error means that the tables are as they were, or
// fit each other; what is wrong with a single domain is in its Trouble.
func Sync(ctx context.Context, o Options, active []string) (*Report, error) {
	j := &job{Options: o}
	if err := j.check(); err != nil {
		return nil, err
	}
	if !o.DryRun {
		unlock, err := lock(ctx, j.Dir)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	defer j.close()
	return j.run(ctx, active)
}

// check also completes the options.
func (j *job) check() (err error) {
	j.Bits = cmp.Or(j.Bits, DefaultBits)
	if !slices.Contains([]int{1024, 2048, 3072, 4096}, j.Bits) {
		return fmt.Errorf("keys of %d bits: %w: write 2048, or 1024, 3072 or 4096", j.Bits, ErrOption)
	}
	if j.Selector != "" {
		if err := CheckSelector(j.Selector); err != nil {
			return fmt.Errorf("selector %.80q: %w: %w", j.Selector, ErrOption, err)
		}
	}
	if j.Dir, err = filepath.Abs(cmp.Or(j.Dir, DefaultDir)); err != nil {
		return err
	}
	if strings.ContainsAny(j.Dir, ": \t\n#%") {
		return fmt.Errorf("folder %q: %w: KeyTable has no way to write such a path", j.Dir, ErrOption)
	}
	return nil
}

// open reads the tables and opens the folder of keys.
func (j *job) open() (err error) {
	if _, err := os.Stat(j.Dir); err != nil {
		return err
	}
	if j.keyTab, err = readTable(filepath.Join(j.Dir, "KeyTable")); err != nil {
		return err
	}
	if j.signTab, err = readTable(filepath.Join(j.Dir, "SigningTable")); err != nil {
		return err
	}
	remembered := cmp.Or(j.signTab.selector, j.keyTab.selector, DefaultSelector)
	if err := CheckSelector(remembered); err != nil {
		return j.signTab.badMarks(0, fmt.Sprintf("the selector %.80q", remembered))
	}
	j.Selector = cmp.Or(j.Selector, remembered)
	return j.openKeys()
}

func (j *job) openKeys() (err error) {
	dir := filepath.Join(j.Dir, "keys")
	if !j.DryRun {
		switch err := os.Mkdir(dir, 0o750); {
		case err == nil:
			if err := errors.Join(os.Chmod(dir, 0o750), os.Chown(dir, -1, j.Owner.GID)); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	j.keys, err = os.OpenRoot(dir)
	if j.DryRun && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (j *job) close() {
	if j.keys != nil {
		j.keys.Close()
	}
}

func (j *job) run(ctx context.Context, active []string) (*Report, error) {
	r := &Report{Selector: j.Selector}
	names := slices.Clone(active)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := j.domain(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r.Domains = append(r.Domains, d)
	}
	if j.KeysOnly {
		return r, nil
	}
	return r, j.tables(r)
}

// domain finds or makes the key of a domain. An error ends the run: what failed
// is the disk, not the domain.
func (j *job) domain(name string) (Domain, error) {
	d := Domain{Name: name, Selector: j.Selector}
	if err := CheckDomain(name); err != nil {
		return d.refused("row of table domain: " + err.Error()), nil
	}
	if l, ok := j.signTab.covers(name); ok {
		return j.left(d, l), nil
	}
	d.KeyFile = filepath.Join(j.Dir, "keys", name, j.Selector+".private")
	if l, ok := j.keyTab.find(keyName(name, j.Selector)); ok && l.value != d.location() {
		return d.refused(fmt.Sprintf("%s:%d already gives its name to another key: remove that line, or take another selector", j.keyTab.path, l.number)), nil
	}
	return j.key(d)
}

// key fills in the key that there is, or a new one.
func (j *job) key(d Domain) (Domain, error) {
	file := path.Join(d.Name, d.Selector+".private")
	key, err := j.read(file)
	if errors.Is(err, fs.ErrNotExist) {
		d.Made = true
		if j.DryRun {
			d.State = Pending
			return d, nil
		}
		if key, err = rsa.GenerateKey(rand.Reader, j.Bits); err != nil {
			return d, err
		}
		err = addKey(j.keys, file, key, j.Owner)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return d, err
		}
	}
	if err != nil {
		d.Made = false
		return d.refused(fmt.Sprintf("key %s exists and cannot be used: %v: it is never overwritten: mend it, or move it away", d.KeyFile, err)), nil
	}
	d.State = Signed
	if j.KeysOnly {
		d.State = Pending
	}
	return d, d.publish(key)
}

func (j *job) read(file string) (*rsa.PrivateKey, error) {
	if j.keys == nil {
		return nil, fs.ErrNotExist
	}
	return readKey(j.keys, file, j.Owner)
}

// publish adds what follows from a key.
func (d *Domain) publish(key *rsa.PrivateKey) (err error) {
	d.Bits = key.N.BitLen()
	d.Record, err = newRecord(d.Name, d.Selector, &key.PublicKey)
	return err
}

func (d Domain) refused(why string) Domain {
	d.State, d.Trouble = Refused, why
	return d
}

// location is the value of KeyTable.
func (d Domain) location() string { return d.Name + ":" + d.Selector + ":" + d.KeyFile }
