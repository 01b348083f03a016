package dkim

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// List tells for which domains OpenDKIM signs, with the lines of ours and of
// others, and which keys wait unused. It reads, and waits for nobody. Owner is
// as in Options.
func List(dir string, owner Owner) ([]Domain, error) {
	j := &job{Options: Options{Dir: dir, Owner: owner, DryRun: true}}
	if err := j.check(); err != nil {
		return nil, err
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	defer j.close()
	all := j.listed()
	waiting, err := j.waiting(all)
	if err != nil {
		return nil, err
	}
	all = append(all, waiting...)
	slices.SortStableFunc(all, func(a, b Domain) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.State, b.State)*-1, cmp.Compare(a.Selector, b.Selector))
	})
	return all, nil
}

// listed are the lines of SigningTable.
func (j *job) listed() (all []Domain) {
	for _, l := range j.signTab.ours {
		d := j.left(Domain{Name: strings.TrimPrefix(l.key, "*@")}, l)
		d.State = Signed
		all = append(all, d)
	}
	for _, l := range j.signTab.foreign {
		all = append(all, j.left(Domain{Name: strings.TrimPrefix(l.key, "*@")}, l))
	}
	return all
}

// left describes a domain by the line that signs for it.
func (j *job) left(d Domain, signing line) Domain {
	d.State = Left
	name, _, _ := strings.Cut(signing.value, ":") // behind it may stand a signer (i=)
	entry, ok := j.entry(name)
	if !ok {
		d.Selector = ""
		d.Trouble = j.signTab.path + ":" + strconv.Itoa(signing.number) + " names a key that KeyTable lacks: OpenDKIM defers the mail"
		return d
	}
	domain, rest, _ := strings.Cut(entry.value, ":")
	d.Selector, d.KeyFile, _ = strings.Cut(rest, ":")
	if domain != "%" && domain != d.Name {
		return d // signed in the name of another domain: its record says nothing about this one
	}
	d.KeyFile = strings.ReplaceAll(d.KeyFile, "%", d.Name)
	key, err := j.readAnywhere(d.KeyFile)
	if err == nil {
		err = d.publish(key)
	}
	if err != nil {
		d.Trouble = "key " + d.KeyFile + " cannot be used: " + err.Error()
	}
	return d
}

// entry is the line of KeyTable with a name.
func (j *job) entry(name string) (line, bool) {
	if l, ok := j.keyTab.find(name); ok {
		return l, true
	}
	for _, l := range j.keyTab.ours {
		if l.key == name {
			return l, true
		}
	}
	return line{}, false
}

// readAnywhere reads a key that a line of another hand names, which may be
// outside of the folder.
func (j *job) readAnywhere(file string) (*rsa.PrivateKey, error) {
	if !filepath.IsAbs(file) {
		return nil, errors.New("it is no path from the root")
	}
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, bare(err)
	}
	defer root.Close()
	return readKey(root, filepath.Base(file), j.Owner)
}

// waiting are the keys below keys that none of used has.
func (j *job) waiting(used []Domain) (all []Domain, err error) {
	if j.keys == nil {
		return nil, nil
	}
	taken := map[string]bool{}
	for _, d := range used {
		taken[d.KeyFile] = true
	}
	names, err := fs.Glob(j.keys.FS(), "*/*.private")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		d := Domain{
			Name: path.Dir(name), Selector: strings.TrimSuffix(path.Base(name), ".private"),
			State: Pending, KeyFile: filepath.Join(j.Dir, "keys", name),
		}
		if taken[d.KeyFile] {
			continue
		}
		key, err := readKey(j.keys, name, j.Owner)
		if err == nil {
			err = d.publish(key)
		}
		if err != nil {
			d.Trouble = "key " + d.KeyFile + " cannot be used: " + err.Error()
		}
		all = append(all, d)
	}
	return all, nil
}
