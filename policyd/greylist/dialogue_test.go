package greylist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/policyd"
)

// TestDialogues plays testdata/dialogues/*.txt with every store. A line is
//
//	TIME CLIENT SENDER RECIPIENT [NAME=VALUE …] -> RULE [TEXT]
//
// where TIME is since the beginning, the null sender is <>, and RULE is - where
// the check has nothing to say. Each line is a message of its own unless it has
// an instance. Beside attributes of the protocol there are spf=DOMAIN, which SPF
// lets the client send for, refused=yes: a later check refuses, and peek=yes.
// Lines "set NAME VALUE" are options.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			each(t, func(t *testing.T, s Store, c *clock) {
				play(t, string(text), s, c)
			})
		})
	}
}

type player struct {
	options Options
	check   *Check
	clock   *clock
	begin   time.Time
	spf     string // of the line
	n       int
}

func play(t *testing.T, text string, s Store, c *clock) {
	p := &player{clock: c, begin: c.Now(), options: Options{Store: s, Host: "mx1"}}
	for i, line := range strings.Split(text, "\n") {
		p.n = i + 1
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "set "):
			p.set(t, strings.Fields(line))
		default:
			if p.check == nil {
				p.check = newCheck(t, p.options)
			}
			p.line(t, line)
		}
	}
}

func (p *player) set(t *testing.T, words []string) {
	t.Helper()
	value := words[2]
	n, _ := strconv.Atoi(value)
	d, _ := time.ParseDuration(value)
	o := &p.options
	switch words[1] {
	case "delay":
		o.Delay = d
	case "retry_window":
		o.RetryWindow = d
	case "lifetime":
		o.PassLifetime = d
	case "trust_lifetime":
		o.AutoPassLifetime = d
	case "auto_pass":
		o.AutoPass = n
	case "delimiter":
		o.Delimiter = value
	case "pools":
		o.Pools = words[2:]
	case "skip_senders":
		o.SkipSenders = words[2:]
	case "skip_names":
		o.SkipClientDomains = words[2:]
	case "skip_clients":
		o.SkipClients, _ = policyd.ParseNetworks(words[2:])
	case "spf":
		o.SenderDomain = func(context.Context, *policyd.Request) (string, bool) { return p.spf, p.spf != "" }
	case "owner":
		o.Owner = ownerOf(o.Owner, value, words[3:])
	case "srs":
		o.SRSRecipient = func(_ context.Context, r string) bool { return strings.HasPrefix(r, value) }
	case "recipients":
		o.Recipients = pairs(words[2:])
	default:
		t.Fatalf("line %d: set %s is not known", p.n, words[1])
	}
}

// ownerOf adds an alias.
func ownerOf(next func(context.Context, string) ([]string, error), alias string, targets []string) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, r string) ([]string, error) {
		if lookup.Fold(r) == alias {
			return targets, nil
		}
		if next == nil {
			return nil, nil
		}
		return next(ctx, r)
	}
}

// pairs is a map of KEY=VALUE words.
func pairs(words []string) lookup.Map {
	return lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		for _, word := range words {
			if k, v, _ := strings.Cut(word, "="); k == key {
				return v, true, nil
			}
		}
		return "", false, nil
	})
}

func (p *player) line(t *testing.T, line string) {
	t.Helper()
	question, want, _ := strings.Cut(line, " -> ")
	words := strings.Fields(question)
	at, err := time.ParseDuration(words[0])
	if err != nil || len(words) < 4 {
		t.Fatalf("line %d: %v", p.n, err)
	}
	p.clock.add(p.begin.Add(at).Sub(p.clock.Now()))
	attributes := []string{fmt.Sprintf("instance=%d.1.1.1", p.n)}
	refused, peek := refusal(""), false
	p.spf = ""
	for _, word := range words[4:] {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "spf":
			p.spf = value
		case "refused":
			refused = refusal(words[3])
		case "peek":
			peek = true
		default:
			attributes = append(attributes, word)
		}
	}
	q := request(t, words[1], strings.Trim(words[2], "<>"), words[3], attributes...)
	q.Peek = peek
	v, err := p.check.Check(t.Context(), q)
	if err != nil {
		t.Fatalf("line %d: %v", p.n, err)
	}
	if got := said(v); got != want {
		t.Errorf("line %d: %s\n got %s\nwant %s", p.n, line, got, want)
	}
	if v.Action.IsDunno() { // as the chain does, which asks anew
		if v.Remember != nil && refused == "" {
			if _, err := v.Remember.Charge(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// said is a verdict as the files write it.
func said(v policyd.Verdict) string {
	switch {
	case v.Rule == "":
		return "-"
	case v.Action.IsDunno():
		return v.Rule
	}
	return v.Rule + strings.TrimPrefix(v.Action.String(), "DEFER_IF_PERMIT 4.7.1 Greylisted, please try again in")
}
