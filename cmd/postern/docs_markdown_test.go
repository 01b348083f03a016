package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestMarkdown: the documents are CommonMark with tables, and nothing that one
// host renders and another shows as it stands.
func TestMarkdown(t *testing.T) {
	for _, d := range documents(t) {
		for _, fault := range markdownFaults(d.prose) {
			t.Errorf("%s: %s", d.path, fault)
		}
	}
}

// markdownFaults are the lines of a prose that do not belong there.
func markdownFaults(prose string) (faults []string) {
	text := regexp.MustCompile("(?s)``.+?``|`[^`]+`").ReplaceAllStringFunc(prose, hideCode)
	for form, why := range map[string]string{
		`(?m)^ +(` + "```" + `|~~~).*|^~~~.*`:                    "a fence that does not begin its line with ```",
		`(?m)^> *\[![A-Z]+\].*`:                                  "an alert is known to one host only",
		`(?m)^:::.*|\{\{.*\}\}|\{%.*%\}|^\[TOC\]|\[\[_TOC_\]\]`:  "a directive of one renderer",
		`:[a-z_]+:(\s|$)`:                                        "an emoji name",
		`\[\^[^]]+\]`:                                            "footnotes are no part of CommonMark",
		`(?m)^[*-] \[[ xX]\].*`:                                  "task lists are no part of CommonMark",
		`~~[^~]+~~`:                                              "strike-through is no part of CommonMark",
		`</?[a-zA-Z][^>:]*>`:                                     "HTML (an address or a placeholder is written as code)",
		`(^|\s|[^\]]\()https?://[^\s<>)]+`:                       "a bare address is a link on some hosts only: <https://…>",
		`(^|\s)#[0-9]+\b|(^|\s)[\w.-]+/[\w.-]+#[0-9]+|(^|\s)@\w`: "a reference that one host makes a link of",
		`\$\$|\\\(|\\\[`:                                         "mathematics",
		"\t":                                                     "a tab",
		`(?m)^(?:[^-*\d |\n].*)\n\n {4,}\S.*`:                    "indented code: use a fence with a language",
		`(?m)^(#{1,6})[^# ].*`:                                   "a heading without a space",
	} {
		for _, found := range regexp.MustCompile(form).FindAllString(text, 3) {
			faults = append(faults, why+": "+strings.TrimSpace(found))
		}
	}
	return append(faults, tableFaults(text)...)
}

// hideCode leaves of a code span its length and its lines, and of its bars
// those that a table would take for its own.
func hideCode(span string) string {
	return regexp.MustCompile("[^\n|\\\\]").ReplaceAllString(span, "c")
}

// tableFaults holds each table to one number of columns, with a line of
// hyphens under its head and an empty line before it.
func tableFaults(text string) (faults []string) {
	columns, before, row := 0, "", 0
	for line := range strings.Lines(text + "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if row == 1 {
				faults = append(faults, "a table without rows: "+before)
			}
			columns, before, row = 0, line, 0
			continue
		}
		row++
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
		switch {
		case row == 1 && before != "" && !strings.HasPrefix(before, "<!--"):
			faults = append(faults, "a table needs an empty line before it: "+line)
		case !strings.HasSuffix(line, "|"):
			faults = append(faults, "a row without its last bar: "+line)
		case row == 2 && !regexp.MustCompile(`^\|(:?-+:?\|)+$`).MatchString(strings.ReplaceAll(line, " ", "")):
			faults = append(faults, "no line of hyphens under the head of a table: "+line)
		case row > 1 && n != columns:
			faults = append(faults, "a row with another number of columns than its head: "+line)
		}
		if row == 1 {
			columns = n
		}
		before = line
	}
	return faults
}

// TestMarkdownFaults: each of these is one.
func TestMarkdownFaults(t *testing.T) {
	for _, wrong := range []string{
		"> [!NOTE]\n> x\n", "- [ ] todo\n", "see https://www.postfix.org/ for\n", "see <b>this</b>\n", "a[^1]\n", "  ```sh\n", "see #12\n", "text\n\n    code\n",
		"\n| a | b |\n| 1 | 2 |\n", "\n| a | b |\n|---|---|\n| 1 |\n", "\n| a | b |\n|---|---|\n| `x|y` | 2 |\n", "text\n| a |\n|---|\n| 1 |\n", "\n| a |\n",
	} {
		if len(markdownFaults(wrong)) == 0 {
			t.Errorf("%q passes", wrong)
		}
	}
	right := "# A\n\ntext `<b>` and\n\n| a | b |\n|---|---|\n| `x\\|y` | 2 |\n\n- list\n- more\n\n    more of it\n\n<!-- a note -->\n<https://www.postfix.org/>\n"
	if faults := markdownFaults(right); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}
