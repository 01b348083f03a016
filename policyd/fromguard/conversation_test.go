package fromguard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/milter/miltertest"
	"postern/policyd/fromguard"
)

// TestConversations plays testdata/*.txt:
//
//	== its title
//	guard match=address mode=shadow reply_to=off
//	mail LOGIN <SENDER>           a message begins, and is taken; no LOGIN: -
//	Name: value                   a header, with \n and the like as in Go
//	. reply                       its end
//	> packet                      anything else, see miltertest.Packet
//	< reply
//	counted from/passed=1
//	logged text                   that stands in the log
//	told decision                 see miltertest.Decisions; all of them, or none if there is nothing behind
//
// Replies end in (id ID), which is left out, as is "reply ".
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split("\n"+string(text), "\n== ")[1:] {
			title, lines, _ := strings.Cut(part, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+title, func(t *testing.T) { play(t, lines) })
		}
	}
}

// play runs one conversation on a connection of its own.
func play(t *testing.T, text string) {
	r := newRig(options(t, text))
	var decisions miltertest.Decisions
	r.handler.Decided = decisions.Add
	p, done := r.connect(t, t.Context())
	p.Send(miltertest.OptNeg)
	p.Want(agreed)
	var after []func()
	var told []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || mark == "#" || mark == "guard":
		case mark == "mail":
			login, sender, _ := strings.Cut(rest, " ")
			p.Send(strings.TrimSuffix("MACRO MAIL {auth_authen}="+login, "{auth_authen}=-"), "MAIL "+sender)
		case mark == ".":
			p.Send("MACRO END i=4AbC", "END")
			wantReply(t, p, rest)
		case mark == ">":
			p.Send(rest)
		case mark == "<":
			wantReply(t, p, rest)
		case mark == "counted":
			after = append(after, func() {
				if got := r.counted(t); got != rest {
					t.Errorf("counted %s, want %s", got, rest)
				}
			})
		case mark == "told":
			told = append(told, rest)
		case mark == "logged":
			after = append(after, func() {
				if !strings.Contains(r.logged.String(), rest) {
					t.Errorf("log lacks %s:\n%s", rest, &r.logged)
				}
			})
		default:
			p.Send("HEADER " + line)
			p.Want("continue")
		}
	}
	p.Send("QUIT")
	p.Want("(closed)")
	<-done
	for _, check := range after {
		check()
	}
	decisions.Want(t, told)
}

func wantReply(t *testing.T, p *miltertest.Peer, want string) {
	t.Helper()
	if got := strings.TrimPrefix(strings.TrimSuffix(p.Heard(), " (id ID)"), "reply "); got != want {
		t.Fatalf("milter says %q, want %q", got, want)
	}
}

// options reads the line of guard.
func options(t *testing.T, text string) (o fromguard.Options) {
	o.Modes = map[fromguard.Header]fromguard.Mode{}
	for line := range strings.Lines(text) {
		words, ok := strings.CutPrefix(line, "guard ")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(words) {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "match":
				o.Match = fromguard.Match(value)
			case "mode":
				o.Mode = fromguard.Mode(value)
			case "from", "sender", "reply_to", "display_name":
				o.Modes[fromguard.Header(name)] = fromguard.Mode(value)
			default:
				t.Fatalf("no setting %q", word)
			}
		}
	}
	return o
}
