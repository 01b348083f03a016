package doctor

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSortAndPrint(t *testing.T) {
	list := []Finding{
		{Note, "c", "main.cf:9", "is a matter of taste", "x"},
		{Error, "b", "main.cf:10", "loses mail", "y"},
		{Error, "a", "main.cf:9", "loses mail", "y"},
		{Warning, "d", "table alias", "is a risk", "z"},
	}
	Sort(list)
	var out strings.Builder
	if err := Print(&out, list); err != nil {
		t.Fatal(err)
	}
	const want = `error: main.cf:9: loses mail. Fix: y [a]
error: main.cf:10: loses mail. Fix: y [b]
warning: table alias: is a risk. Fix: z [d]
note: main.cf:9: is a matter of taste. Fix: x [c]
`
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
	if Worst(list) != Error || Worst(list[2:]) != Warning || Worst(list[3:]) != Note || Worst(nil) != "" {
		t.Error("the worst is another")
	}
}

func TestPrintJSON(t *testing.T) {
	var out strings.Builder
	if err := PrintJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("nothing is %q, %v", out.String(), err)
	}
	out.Reset()
	if err := PrintJSON(&out, []Finding{{Error, "a", "main.cf:9", "<>", "x"}}); err != nil {
		t.Fatal(err)
	}
	var back []map[string]string
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back[0]["severity"] != "error" || back[0]["effect"] != "<>" || len(back[0]) != 5 {
		t.Errorf("%s: %v", out.String(), err)
	}
}

// TestOneLine keeps what files of others say from the terminal.
func TestOneLine(t *testing.T) {
	f := &findings{kinds: map[string]Kind{"k": {"k", Error, ""}}}
	f.add("k", "at", "fix", "a\nb\x1b[31m%s", strings.Repeat("x", 2000))
	if got := f.list[0].Effect; strings.ContainsAny(got, "\n\x1b") || len(got) > longest+10 {
		t.Errorf("%q", got)
	}
	f.add("k", "at", "fix", "same")
	f.add("k", "at", "fix", "same")
	if len(f.list) != 2 {
		t.Errorf("%d findings, of which two are one", len(f.list))
	}
}
