package scratch

import "testing"

func TestQuote(t *testing.T) {
	if got, want := quoteSQL(`a'b\c`), `'a''b\\c'`; got != want {
		t.Errorf("literal %s, want %s", got, want)
	}
	if got, want := quoteName("a`b"), "`a``b`"; got != want {
		t.Errorf("name %s, want %s", got, want)
	}
}

func TestTail(t *testing.T) {
	if got := tail(" 12345\n", 5); got != "12345" {
		t.Errorf("short text: %q", got)
	}
	if got := tail("123456", 5); got != "…23456" {
		t.Errorf("long text: %q", got)
	}
}
