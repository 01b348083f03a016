package policyd

import (
	"strings"
	"testing"
)

func TestAction(t *testing.T) {
	for _, c := range []struct {
		action Action
		want   string
		name   string
	}{
		{Action{}, "DUNNO", "dunno"},
		{Refuse(554, "5.7.1", "go away"), "554 5.7.1 go away (id ABC)", "reject"},
		{Refuse(450, "4.7.1", "later"), "450 4.7.1 later (id ABC)", "defer"},
		{DeferIfPermit("later"), "DEFER_IF_PERMIT 4.7.1 later (id ABC)", "defer_if_permit"},
		{Hold("see"), "HOLD see (id ABC)", "hold"},
		{Discard(""), "DISCARD (id ABC)", "discard"},
		{Prepend("X-A: b"), "PREPEND X-A: b", "prepend"},
		{Refuse(554, "5.7.1", "a\r\nb\x00c\x7fd\tü"), "554 5.7.1 a  b c d ? (id ABC)", "reject"},
		{Refuse(554, "5.7.1", " padded "), "554 5.7.1 padded (id ABC)", "reject"},
	} {
		if got := c.action.withID("ABC").String(); got != c.want {
			t.Errorf("sent %q, want %q", got, c.want)
		}
		if got := c.action.Name(); got != c.name {
			t.Errorf("%s is called %s", c.want, got)
		}
	}
	if long := Refuse(554, "5.7.1", strings.Repeat("long ", 1000)).withID("ABCDEFGH").String(); len(long) > 330 {
		t.Errorf("a text of %d bytes", len(long))
	}
}
