// Package dialog plays conversations that are written down as text against a
// protocol handler. It is for tests.
//
// # Format
//
//	# a comment
//	== the title of a conversation
//	-> what the peer sends
//	<- what the server must reply, to the byte
//	-- closed
//
// The last line says that the server ends the connection after its last
// reply; without it the connection must still be there. Texts are written with
// the escapes of Go (\n, \x00, \\); {a*4096} is 4096 times an a. Nothing is
// added to a text: a line protocol writes its \n.
package dialog

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Turn is one thing the peer sends and what it must get.
type Turn struct {
	Line        int // of the request, in the file
	Send, Reply string
}

// Conversation is a connection from its first byte to its last.
type Conversation struct {
	Title  string
	Turns  []Turn
	Closed bool // by the server, after the last reply
}

// Load reads the conversations of a file.
func Load(t testing.TB, path string) []Conversation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", path, err)
	}
	return all
}

func parse(text string) (all []Conversation, err error) {
	for i, line := range strings.Split(text, "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if mark == "==" {
			all = append(all, Conversation{Title: rest})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%d: a conversation begins with ==", i+1)
		}
		if err := all[len(all)-1].add(mark, rest, i+1); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return all, nil
}

func (c *Conversation) add(mark, rest string, line int) error {
	text, err := unescape(rest)
	if err != nil {
		return err
	}
	switch {
	case mark == "->" && !c.Closed:
		c.Turns = append(c.Turns, Turn{Line: line, Send: text})
	case mark == "<-" && len(c.Turns) > 0 && !c.Closed:
		c.Turns[len(c.Turns)-1].Reply += text
	case mark == "--" && rest == "closed" && len(c.Turns) > 0:
		c.Closed = true
	default:
		return fmt.Errorf("%q does not belong here", mark)
	}
	return nil
}

var repeat = regexp.MustCompile(`\{(.)\*(\d+)\}`)

func unescape(text string) (string, error) {
	text = repeat.ReplaceAllStringFunc(text, func(s string) string {
		m := repeat.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
	return strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
}
