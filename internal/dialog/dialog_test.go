package dialog

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := parse("# comment\n\n== one \"title\"\n-> a \\x00\"b\"\\n\n<- {v*3}\n<- more\n== two\n-> x\n-- closed\n")
	want := []Conversation{
		{Title: `one "title"`, Turns: []Turn{{Line: 4, Send: "a \x00\"b\"\n", Reply: "vvvmore"}}},
		{Title: "two", Turns: []Turn{{Line: 8, Send: "x"}}, Closed: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"-> early", "== t\n<- reply first", "== t\n-- closed", "== t\n-> a\n-- open",
		"== t\n-> a\n-- closed\n-> b", "== t\n-> a\n-- closed\n<- b", "== t\n-> \\q", "== t\nhello"} {
		if got, err := parse(text); err == nil || !strings.Contains(err.Error(), ":") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
