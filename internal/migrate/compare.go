package migrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"postern/internal/keysearch"
	"postern/internal/lookup"
	"postern/internal/mysqltable"
	"postern/internal/store"
)

// Opener makes the maps that postern would have with the plan's
// configuration. end closes them.
type Opener interface {
	Open(ctx context.Context) (maps lookup.Set, end func(), err error)
}

// Difference is one key that the two sides answer differently.
type Difference struct {
	Map, Key string
	Old, New string // "-" for not found, "error: …" for trouble
	Why      string // empty: not one of the differences that are meant
}

// Comparison is what came out of asking both sides.
type Comparison struct {
	Asked       int
	Different   int
	Unexplained int
	Differences []Difference // the first ones, unexplained before explained
}

// maxDifferences bounds what is kept of each kind.
const maxDifferences = 500

// Compare asks the old tables and the new maps at most limit keys each.
// progress is called after every key, by several goroutines.
func (p *Plan) Compare(ctx context.Context, keys Keys, limit int, opener Opener, progress func()) (Comparison, error) {
	pools := store.NewPools(nil)
	defer pools.Close()
	set, end, err := opener.Open(ctx)
	if err != nil {
		return Comparison{}, err
	}
	defer end()
	c := &comparer{plan: p, set: set, progress: progress}
	for _, ask := range p.Asks {
		old, err := p.oldSide(ask, pools)
		if err != nil {
			return Comparison{}, err
		}
		if _, _, err := old.Lookup(ctx, "postern-migrate@postern-migrate.invalid"); err != nil {
			return Comparison{}, fmt.Errorf("%s: the old tables cannot be asked: %w", ask.Where, err)
		}
		now, known := set[ask.Map]
		if !known {
			return Comparison{}, fmt.Errorf("map %s is not in the new configuration", ask.Map)
		}
		if err := c.askAll(ctx, ask, old, now, keys.of(ask.Search, limit)); err != nil {
			return Comparison{}, err
		}
	}
	return c.result(), nil
}

// Total is how many keys Compare will ask.
func (p *Plan) Total(keys Keys, limit int) int {
	total := 0
	for _, ask := range p.Asks {
		total += len(keys.of(ask.Search, limit))
	}
	return total
}

// oldSide is a list of tables as Postfix searches it.
func (p *Plan) oldSide(ask Ask, pools *store.Pools) (lookup.Map, error) {
	class, err := keysearch.ParseClass(string(ask.Search))
	if err != nil {
		return nil, err
	}
	var sources []lookup.Map
	for _, cf := range ask.tables {
		source, err := mysqltable.Open(cf.parsed, pools, store.Options{MaxConnections: workers}, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	return keysearch.New(class, keysearch.Options{
		RecipientDelimiter: p.Search.Delimiter,
		Propagate:          slices.Contains(p.Search.Propagate, string(class)),
		Local:              p.local,
	}, sources...), nil
}

func (p *Plan) local(domain string) bool {
	return strings.EqualFold(domain, p.Search.MyOrigin) ||
		slices.ContainsFunc(p.Search.MyDestination, func(d string) bool { return strings.EqualFold(d, domain) })
}

// workers is how many keys are on their way at once.
const workers = 8

type comparer struct {
	plan     *Plan
	set      lookup.Set
	progress func()

	mu        sync.Mutex
	counts    Comparison
	explained []Difference
	other     []Difference
	trouble   error
}

// askAll asks both sides every key.
func (c *comparer) askAll(ctx context.Context, ask Ask, old, now lookup.Map, keys []string) error {
	queue := make(chan string)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for key := range queue {
				c.askOne(ctx, ask, old, now, key)
				c.progress()
			}
		})
	}
	for _, key := range keys {
		if ctx.Err() != nil || c.failed() != nil {
			break
		}
		queue <- key
	}
	close(queue)
	group.Wait()
	return errors.Join(ctx.Err(), c.failed())
}

func (c *comparer) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trouble
}

// askOne compares one key. Trouble on either side ends the comparison: half
// of it would prove nothing.
func (c *comparer) askOne(ctx context.Context, ask Ask, old, now lookup.Map, key string) {
	was, found, err := old.Lookup(ctx, key)
	if err != nil {
		c.fail(fmt.Errorf("the old tables of %s: key %.200q: %w", ask.Where, key, err))
		return
	}
	is, exists, err := now.Lookup(ctx, key)
	if err != nil {
		c.fail(fmt.Errorf("map %s: key %.200q: %w", ask.Map, key, err))
		return
	}
	c.mu.Lock()
	c.counts.Asked++
	c.mu.Unlock()
	if found == exists && (!found || same(was, is)) {
		return
	}
	d := Difference{Map: ask.Map, Key: key, Old: "-", New: "-"}
	if found {
		d.Old = was
	}
	if exists {
		d.New = is
	}
	d.Why = c.why(ctx, old, d, is)
	c.add(d)
}

// same compares values; lists in any order are the same.
func same(a, b string) bool {
	if a == b {
		return true
	}
	split := func(s string) []string {
		words := strings.FieldsFunc(lookup.Fold(s), func(r rune) bool { return r == ',' || r == ' ' })
		slices.Sort(words)
		return words
	}
	return slices.Equal(split(a), split(b))
}

func (c *comparer) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil {
		c.trouble = err
	}
}

func (c *comparer) add(d Difference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Different++
	kept := &c.explained
	if d.Why == "" {
		c.counts.Unexplained++
		kept = &c.other
	}
	if len(*kept) < maxDifferences {
		*kept = append(*kept, d)
	}
}

func (c *comparer) result() Comparison {
	order := func(a, b Difference) int {
		return strings.Compare(a.Map+"\x00"+a.Key, b.Map+"\x00"+b.Key)
	}
	slices.SortFunc(c.other, order)
	slices.SortFunc(c.explained, order)
	r := c.counts
	r.Differences = append(c.other, c.explained...)
	return r
}
