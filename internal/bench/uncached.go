package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// uncachedKeys is how many keys are asked over and over. Their answers live
// for a millisecond only, so each question reaches the database.
const uncachedKeys = 50_000

// measureUncached has postmap(1) ask the database, once itself by a mysql:
// table and once by way of the daemon: the same client, one hop more.
func measureUncached(ctx context.Context, l *lab) error {
	db, err := l.startDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.Stop()
	if err := db.addAliases(ctx, 0, uncachedKeys-1); err != nil {
		return err
	}
	cf, err := db.cf("aliases", aliasQuery)
	if err != nil {
		return err
	}
	d, err := l.startDaemon(ctx, fmt.Sprintf("cache: {ttl: 1ms, negative_ttl: 1ms}\nmaps: {aliases: {cf: %s}}\n", cf), 0)
	if err != nil {
		return err
	}
	defer d.stop()
	p, err := l.newPostmap()
	if err != nil {
		return err
	}
	ours, theirs := "socketmap:unix:"+d.unix+":aliases", "mysql:"+cf
	if err := l.compareProcesses(ctx, p, ours, theirs); err != nil {
		return err
	}
	for _, clients := range []int{1, 8} {
		if err := l.compareStreams(ctx, p, clients, ours, theirs); err != nil {
			return err
		}
	}
	return nil
}

// compareProcesses starts one postmap -q for each key.
func (l *lab) compareProcesses(ctx context.Context, p *postmap, ours, theirs string) error {
	each := func(table string) side {
		return func(ctx context.Context) (float64, error) {
			const keys = 25
			began := time.Now()
			for i := range keys {
				if err := p.query(ctx, alias(i), target(i), table); err != nil {
					return 0, err
				}
			}
			return keys / time.Since(began).Seconds(), nil
		}
	}
	got, err := takeTurns(ctx, either(l, 8, 2), each(ours), each(theirs))
	if err != nil {
		return err
	}
	l.report.add("uncached .cf lookup, one postmap -q per key : mysql:", atLeast(1),
		summarize(ratios(got[0], got[1])), "%s", rates("/s", got...))
	return nil
}

// compareStreams has so many postmap -q - read keys at once.
func (l *lab) compareStreams(ctx context.Context, p *postmap, clients int, ours, theirs string) error {
	files, err := p.keyFiles(clients, either(l, 8000, 3000)/max(1, clients/2))
	if err != nil {
		return err
	}
	all := func(table string) side {
		return func(ctx context.Context) (float64, error) { return p.streams(ctx, files, table) }
	}
	got, err := takeTurns(ctx, either(l, 6, 2), all(ours), all(theirs))
	if err != nil {
		return err
	}
	l.report.add(fmt.Sprintf("uncached .cf lookup, %d streaming postmap -q - : mysql:", clients), atLeast(0.5),
		summarize(ratios(got[0], got[1])), "%s", rates("/s", got...))
	return nil
}

// postmap is postmap(1) with a main.cf of ours.
type postmap struct {
	program, dir string
}

func (l *lab) newPostmap() (*postmap, error) {
	program, err := exec.LookPath("/usr/sbin/postmap")
	if err != nil {
		return nil, fmt.Errorf("postmap: %w: apt-get install postfix postfix-mysql", err)
	}
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	main := filepath.Join(dir, "main.cf")
	if err := os.WriteFile(main, []byte("compatibility_level = 3.6\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"), 0o644); err != nil {
		return nil, err
	}
	// Postfix waits for a main.cf that may still be being written.
	old := time.Now().Add(-time.Minute)
	return &postmap{program, dir}, os.Chtimes(main, old, old)
}

// query asks for one key in a process of its own.
func (p *postmap) query(ctx context.Context, key, value, table string) error {
	out, err := exec.CommandContext(ctx, p.program, "-c", p.dir, "-q", key, table).CombinedOutput()
	if err == nil && strings.TrimSpace(string(out)) != value {
		err = errors.New("the value is wrong")
	}
	if err != nil {
		return fmt.Errorf("postmap -q %s %s: %w: %.500s", key, table, err, out)
	}
	return nil
}

// keyFiles writes disjoint lists of keys, all keys in all if they suffice.
func (p *postmap) keyFiles(clients, keysEach int) ([]string, error) {
	var files []string
	for c := range clients {
		var text strings.Builder
		for i := range keysEach {
			fmt.Fprintln(&text, alias((c+i*clients)%uncachedKeys))
		}
		file := filepath.Join(p.dir, fmt.Sprintf("keys-%d-of-%d", c, clients))
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// streams has one postmap for each file and gives the answers per second.
func (p *postmap) streams(ctx context.Context, files []string, table string) (float64, error) {
	var all sync.WaitGroup
	counts, errs := make([]int, len(files)), make([]error, len(files))
	began := time.Now()
	for i, file := range files {
		all.Go(func() { counts[i], errs[i] = p.stream(ctx, file, table) })
	}
	all.Wait()
	took := time.Since(began)
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), errors.Join(errs...)
}

// stream has postmap -q - answer all keys of a file, each of which has a value.
func (p *postmap) stream(ctx context.Context, file, table string) (int, error) {
	keys, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, p.program, "-c", p.dir, "-q", "-", table)
	cmd.Stdin = strings.NewReader(string(keys))
	var values lineCounter
	cmd.Stdout, cmd.Stderr = &values, &values.complaints
	want := strings.Count(string(keys), "\n")
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("postmap -q - %s: %w: %.500s", table, err, values.complaints.String())
	}
	if values.lines != want {
		return 0, fmt.Errorf("postmap -q - %s: %d of %d keys were answered", table, values.lines, want)
	}
	return want, nil
}

// lineCounter counts the lines that are written to it.
type lineCounter struct {
	lines      int
	complaints strings.Builder
}

// Write takes what a program prints.
func (l *lineCounter) Write(p []byte) (int, error) {
	l.lines += strings.Count(string(p), "\n")
	return len(p), nil
}
