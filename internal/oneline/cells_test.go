package oneline

import "testing"

func TestCells(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 1, "…"}, {"abc", 0, ""}, {"abc", -1, ""}, {"", 0, ""}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 3, "👩‍👩‍👧‍👦…"},
	} {
		if got := Cells(test.text, test.width, "…"); got != test.want {
			t.Errorf("%q in %d cells: %q, want %q", test.text, test.width, got, test.want)
		}
	}
	if got := Cells("abcd", 3, "~"); got != "ab~" {
		t.Errorf("in ASCII: %q", got)
	}
}
