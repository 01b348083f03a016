package dkim

import (
	"fmt"
	"slices"
	"strings"
)

// tables writes both tables in the order that the package comment gives.
func (j *job) tables(r *Report) error {
	keys, signing := j.lines(r)
	r.Dropped = dropped(j.signTab.ours, signing, r.Domains)
	if 2*len(r.Dropped) > len(j.signTab.ours) && !j.Shrink {
		return fmt.Errorf("%w: %s would lose its line, and %d more", ErrShrink, r.Dropped[0], len(r.Dropped)-1)
	}
	both := union(keys, j.keyTab.ours)
	for _, step := range []struct {
		table *table
		ours  []line
	}{{j.keyTab, both}, {j.signTab, signing}, {j.keyTab, keys}} {
		if err := j.write(r, step.table, step.ours); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) write(r *Report, t *table, ours []line) error {
	text := t.render(j.Selector, ours)
	changed := string(text) != string(t.text)
	if !j.DryRun {
		var err error
		if changed, err = place(t.path, t.text, text, j.Owner); err != nil {
			return err
		}
	}
	if changed && !slices.Contains(r.Changed, t.path) {
		r.Changed = append(r.Changed, t.path)
	}
	if !j.DryRun {
		t.text = text
	}
	return nil
}

// lines are what the tables shall hold of ours.
func (j *job) lines(r *Report) (keys, signing []line) {
	for _, d := range r.Domains {
		switch d.State {
		case Left:
		case Refused:
			k, s := j.earlier(d.Name)
			keys, signing = append(keys, k...), append(signing, s...)
		default:
			name := keyName(d.Name, d.Selector)
			if _, theirs := j.keyTab.find(name); !theirs {
				keys = append(keys, line{key: name, value: d.location()})
			}
			signing = append(signing, line{key: "*@" + d.Name, value: name})
		}
	}
	return keys, signing
}

// earlier are the lines that a domain has from an earlier run.
func (j *job) earlier(domain string) (keys, signing []line) {
	for _, l := range j.signTab.ours {
		if l.key != "*@"+domain {
			continue
		}
		signing = append(signing, l)
		for _, k := range j.keyTab.ours {
			if k.key == l.value {
				keys = append(keys, k)
			}
		}
	}
	return keys, signing
}

// dropped are the domains with a line before and none now; those that another
// hand signs for are not lost.
func dropped(before, now []line, domains []Domain) (lost []string) {
	kept := map[string]bool{}
	for _, l := range now {
		kept[l.key] = true
	}
	for _, d := range domains {
		if d.State == Left {
			kept["*@"+d.Name] = true
		}
	}
	for _, l := range before {
		if !kept[l.key] {
			lost = append(lost, strings.TrimPrefix(l.key, "*@"))
		}
	}
	return lost
}

// union has each key once; the first list wins.
func union(lists ...[]line) (all []line) {
	seen := map[string]bool{}
	for _, list := range lists {
		for _, l := range list {
			if !seen[l.key] {
				seen[l.key] = true
				all = append(all, l)
			}
		}
	}
	return all
}
