package limit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"postern/internal/duration"
	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// maxOwn bounds a value of Rule.Limits, in bytes and in windows.
const (
	maxOwnText    = 500
	maxOwnWindows = 10
)

// own is what a value of Rule.Limits says.
type own int

const (
	ownWindows   own = iota
	ownDefault       // as the rule says
	ownUnlimited     // not counted
)

// parseOwn reads a value of Rule.Limits and adds its windows to windows:
// NUMBER/DURATION, several apart by commas or blanks, or "unlimited", or
// "default". NUMBER may be 0: nothing may pass.
func parseOwn(windows []counter.Window, value string) ([]counter.Window, own, error) {
	switch text := strings.TrimSpace(value); {
	case len(value) > maxOwnText:
		return nil, ownDefault, fmt.Errorf("a limit of %d bytes: %d are read at most", len(value), maxOwnText)
	case strings.EqualFold(text, "unlimited"):
		return windows, ownUnlimited, nil
	case strings.EqualFold(text, "default"):
		return windows, ownDefault, nil
	}
	start := len(windows)
	for word := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		w, err := parseWindow(word)
		if err != nil {
			return nil, ownDefault, err
		}
		windows = append(windows, w)
	}
	switch found := windows[start:]; {
	case len(found) == 0:
		return nil, ownDefault, fmt.Errorf("an empty limit: write NUMBER/DURATION as in 500/1d, or unlimited, or default")
	case len(found) > maxOwnWindows:
		return nil, ownDefault, fmt.Errorf("%d limits: %d are taken at most", len(found), maxOwnWindows)
	default:
		return windows, ownWindows, checkDistinct(found)
	}
}

func parseWindow(word string) (counter.Window, error) {
	number, period, found := strings.Cut(word, "/")
	n, err := strconv.ParseUint(number, 10, 63)
	per, perErr := duration.Parse(period)
	if !found || err != nil || perErr != nil || per <= 0 {
		return counter.Window{}, fmt.Errorf("%.100q is no limit: write NUMBER/DURATION as in 500/1d, or unlimited, or default", word)
	}
	return counter.Window{N: int64(n), Per: per}, nil
}

// windows are the limits of one value of the rule's key: its own, else those
// of its domain, else the rule's. limited is false where it has none.
func (c *Check) windows(ctx context.Context, p *plan, q *policyd.Request, r *rule, value string) (windows []counter.Window, limited bool) {
	if r.Limits == nil {
		return r.Windows, true
	}
	text, result, err := r.ownLimit(ctx, value)
	if result == lookupNone || err != nil {
		c.lookedUp(q, r, value, result, err)
		return r.Windows, true
	}
	start := len(p.windows)
	all, what, err := parseOwn(p.windows, text)
	switch {
	case err != nil:
		result = lookupMalformed
	case what == ownDefault:
		result = lookupDefault
	case what == ownUnlimited:
		result = lookupUnlimited
	}
	c.lookedUp(q, r, value, result, err)
	if err != nil || what != ownWindows {
		return r.Windows, what != ownUnlimited
	}
	p.windows = all
	return all[start:len(all):len(all)], true
}

// ownLimit asks for the value, then for its domain. A "not found" that is not
// sure does not keep the domain from being asked.
func (r *rule) ownLimit(ctx context.Context, value string) (text, result string, err error) {
	text, found, err := r.Limits.Lookup(ctx, value)
	switch {
	case found && err == nil:
		return text, lookupKey, nil
	case err != nil && !lookup.IsUnsure(err):
		return "", lookupTrouble, err
	}
	unsure := err
	if at := strings.LastIndexByte(value, '@'); at >= 0 {
		text, found, err = r.Limits.Lookup(ctx, value[at:])
		if found && err == nil {
			return text, lookupDomain, nil
		}
	}
	if err == nil {
		err = unsure
	}
	if err != nil {
		return "", lookupTrouble, err
	}
	return "", lookupNone, nil
}

// lookedUp counts what became of a lookup of limits, and warns of trouble. The
// mail is judged by the rule's own limits then.
func (c *Check) lookedUp(q *policyd.Request, r *rule, value, result string, err error) {
	if q.Explaining() {
		r.note(q, "limits of "+strconv.Quote(bounded(value))+": "+result)
	}
	if q.Peek {
		return
	}
	r.metrics.lookup(result)
	if err != nil {
		c.warn(r, "limits of a key are not usable, the rule's own are in force", err, value)
	}
}
