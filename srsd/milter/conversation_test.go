package milter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/internal/lookup"
	"postern/internal/milter/miltertest"
	"postern/srsd/milter"
)

// conversation is one of testdata/*.txt:
//
//	== its title
//	rules limit=2 rewrite-local
//	-> a command of the MTA, see packet
//	<- a reply of the milter, see miltertest
//	-- closed
//	results rewritten=1
//	told decision: see miltertest.Decisions; all of them, or none if there is nothing behind
//
// The option negotiation comes before, unless the rules say raw. The milter
// must say no more than is written.
type conversation struct {
	title string
	lines []string
	line  int
}

func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			for _, c := range load(t, file) {
				t.Run(c.title, func(t *testing.T) { c.play(t) })
			}
		})
	}
}

func load(t *testing.T, file string) (all []conversation) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		title, begins := strings.CutPrefix(line, "== ")
		switch {
		case begins:
			all = append(all, conversation{title: title, line: i + 1})
		case line != "" && line[0] != '#' && len(all) == 0:
			t.Fatalf("%s:%d: a conversation begins with ==", file, i+1)
		case line != "" && line[0] != '#':
			c := &all[len(all)-1]
			c.lines = append(c.lines, line)
		}
	}
	return all
}

// play runs the conversation on a connection of its own.
func (c conversation) play(t *testing.T) {
	rules, raw := c.rules(t)
	r := newRig(rules)
	p, done := r.connect(t, t.Context())
	if !raw {
		p.open()
	}
	var decisions miltertest.Decisions
	r.handler.Decided = decisions.Add
	closed := false
	var told []string
	for _, line := range c.lines {
		mark, text, _ := strings.Cut(line, " ")
		switch mark {
		case "rules":
		case "->":
			p.send(text)
		case "<-":
			p.Want(text)
		case "--":
			p.wantClosed()
			closed = true
		case "told":
			told = append(told, text)
		case "results":
			defer func() { wantResults(t, r, text) }()
		default:
			t.Fatalf("conversation at line %d: %q", c.line, line)
		}
	}
	if !closed {
		p.send("QUIT")
		p.wantClosed()
	}
	<-done
	decisions.Want(t, told)
}

func wantResults(t *testing.T, r *rig, want string) {
	if got := r.results.String(); got != want {
		t.Errorf("results %q, want %q", got, want)
	}
}

// rules reads the line of that name.
func (c conversation) rules(t *testing.T) (rules milter.Rules, raw bool) {
	rules = fakeRules()
	for _, line := range c.lines {
		words, ok := strings.CutPrefix(line, "rules ")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(words) {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "raw":
				raw = true
			case "rewrite-local":
				rules.RewriteLocal = true
			case "limit":
				rules.RecipientLimit, _ = strconv.Atoi(value)
			case "none":
				rules = milter.Rules{}
			case "swap":
				rules.Reverse = lookup.Func(swap)
			default:
				t.Fatal(fmt.Errorf("no rule %q", word))
			}
		}
	}
	return rules, raw
}
