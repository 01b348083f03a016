package fromguard

import (
	"fmt"
	"net/mail"
	"strings"
	"testing"
)

func TestMailboxes(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"alice@fwd.test", "alice@fwd.test"},
		{"  alice@fwd.test\t", "alice@fwd.test"},
		{"<alice@fwd.test>", "alice@fwd.test"},
		{"Alice <alice@fwd.test>", "Alice alice@fwd.test"},
		{"Alice A. <alice@fwd.test>", "Alice A. alice@fwd.test"},
		{"Alice\n <alice@fwd.test>", "Alice alice@fwd.test"},
		{"Alice\r\n\t<alice@fwd.test>", "Alice alice@fwd.test"},
		{`"Alice, \"A\"" <alice@fwd.test>`, `Alice, "A" alice@fwd.test`},
		{`"ceo@b.test" <alice@fwd.test>`, "ceo@b.test alice@fwd.test"},
		{`"<ceo@b.test>," <alice@fwd.test>`, "<ceo@b.test>, alice@fwd.test"},
		{"alice@fwd.test (Alice A.)", "Alice A. alice@fwd.test"},
		{"=?UTF-8?Q?M=C3=BCller?= <alice@fwd.test>", "Müller alice@fwd.test"},
		{"=?iso-2022-jp?B?GyRCJDMbKEI=?= <alice@fwd.test>", "こ alice@fwd.test"},
		{"=?x-unknown?Q?ceo=40b.test?= <alice@fwd.test>", "ceo@b.test alice@fwd.test"},
		{"=?UTF-8?B?PGNlb0BiLnRlc3Q+?= <alice@fwd.test>", "<ceo@b.test> alice@fwd.test"},
		{"Jörg <jörg@münchen.test>", "Jörg jörg@münchen.test"},
		{"alice+tag@fwd.test, Bob <bob@b.test>", "alice+tag@fwd.test | Bob bob@b.test"},
		{"a%b!c/d=e@sub.fwd-1.test", "a%b!c/d=e@sub.fwd-1.test"},
		{"Alice@FWD.test", "Alice@FWD.test"},

		{"", "missing"}, {"   ", "missing"}, {"Alice", "missing"}, {"alice", "missing"}, {`"Alice"`, "missing"},
		{"(alice@fwd.test)", "not plain"}, {"<>", "local part"},
		{"alice@fwd.test,", "missing"}, {",alice@fwd.test", "missing"}, {"alice@fwd.test,,bob@b.test", "missing"},
		{"alice@fwd.test bob@b.test", "two addresses"}, {"<alice@fwd.test> <bob@b.test>", "two addresses"},
		{"ceo@b.test <alice@fwd.test>", "two addresses"}, {"<alice@fwd.test> ceo@b.test", "two addresses"},
		{"alice@fwd.test Alice", "text behind"}, {`<alice@fwd.test> "x"`, "text behind"},
		{"Alice alice@fwd.test", "a name before"}, {"(Alice) alice@fwd.test", "a name before"},
		{"alice@fwd.test; ceo@b.test", "group"}, {"Us: alice@fwd.test;", "group"}, {"undisclosed-recipients:;", "group"}, {"ceo@b.test:alice@fwd.test;", "group"},
		{"<@b.test:alice@fwd.test>", "not plain"}, {"<@b.test,@c.test:alice@fwd.test>", "not plain"},
		{"<<alice@fwd.test>>", "not plain"}, {"<alice@fwd.test", "not plain"}, {"alice@fwd.test>", "out of place"},
		{"<alice @fwd.test>", "not plain"}, {"alice @fwd.test", "a name before"}, {"alice@ fwd.test", "domain"},
		{"alice(c)@fwd.test", "a name before"}, {"alice@(c)fwd.test", "domain"}, {"<alice@fwd.test(c)>", "not plain"},
		{"alice@fwd.test (ceo@b.test)", "not plain"}, {"alice@fwd.test ((x) y)", "not plain"}, {`alice@fwd.test (x\)y)`, "not plain"}, {"alice@fwd.test (x", "not plain"},
		{`"alice"@fwd.test`, "a name before"}, {`<"alice"@fwd.test>`, "not plain"}, {`"ceo@b.test"@fwd.test`, "a name before"},
		{"alice@ceo@b.test", "domain"}, {"@fwd.test", "local part"}, {"alice@", "domain"}, {"a..b@fwd.test", "local part"}, {".a@fwd.test", "local part"},
		{"alice@fwd.test.", "domain"}, {"alice@fwd..test", "domain"}, {"alice@[192.0.2.1]", "out of place"}, {"<alice@[192.0.2.1]>", "domain"}, {"alice@fwd_!test", "domain"},
		{`"Alice <alice@fwd.test>`, "quote"}, {`"Alice\`, "quote"},
		{`Alice \<alice@fwd.test>`, "out of place"}, {"alice[1]@fwd.test", "out of place"},
		{"=?utf-8?q?ceo=40b.test?=@fwd.test", "local part"}, {"<=?utf-8?q?ceo?=@fwd.test>", "local part"}, {"=?utf-8?q?ceo=40b.test?=", "missing"},
		{"alice＠b.test@fwd.test", "local part"}, {"alice@fwd。test", "domain"}, {"alice\u200b@fwd.test", "local part"}, {"alice@fwd.test\u2028", "control"},
		{"Alice\x00 <alice@fwd.test>", "control"}, {"alice@fwd.test\r", "control"}, {"alice@fwd.test\rFrom: ceo@b.test", "control"}, {"Alice \x85 <alice@fwd.test>", "UTF-8"}, {"M\xfcller <alice@fwd.test>", "UTF-8"},
		{"alice@fwd.test\n \n (x)", "fold"}, {"alice@fwd.test\nFrom: x", "fold"},
		{strings.Repeat("alice@fwd.test, ", 50) + "alice@fwd.test", "more than 50"},
	} {
		t.Run(fmt.Sprintf("%.60q", test.value), func(t *testing.T) {
			got, err := mailboxes(test.value)
			switch {
			case err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			case err == nil && inWords(got) != test.want:
				t.Errorf("got %q, want %q", inWords(got), test.want)
			}
			if err != nil && !strings.Contains(err.Error(), ": ") {
				t.Errorf("%v: says not what would be right", err)
			}
		})
	}
}

func inWords(found []mailbox) string {
	var all []string
	for _, m := range found {
		all = append(all, strings.TrimSpace(m.name+" "+m.address))
	}
	return strings.Join(all, " | ")
}

func TestAddressesIn(t *testing.T) {
	for name, want := range map[string]string{
		"Alice": "", "a@b": "", "@fwd.test": "", "ceo@b.test": "ceo@b.test", "Chef (ceo@b.test), <x@y.test>!": "ceo@b.test x@y.test",
		"'ceo@b.test'": "ceo@b.test", "see ceo@b.test.": "ceo@b.test", "a@b@c.test": "", "ceo @ b.test": "",
		"ceo\u00a0ceo@b.test": "ceo@b.test",
	} {
		if got := strings.Join(addressesIn(name), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestHides(t *testing.T) {
	for value, want := range map[string]Header{
		"plain": "", "From: x": "", "a\n From: ceo@b.test": "", "a\rb": "", "a\rSubject: x": "",
		"a\rFrom: ceo@b.test": From, "a\r\n From : ceo@b.test": From, "a\r\rsEnder:x": Sender, "\u2028reply-to: x": ReplyTo,
		"a\vResent-From:x": Sender, "a\u0085 from:": From, "a\x00From: x": From, "a\rFrom x": "",
	} {
		if got, found := hides(value); got != want || found != (want != "") {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

// FuzzMailboxes: what is taken is read the same by another parser and by a
// reader that knows no syntax, and what is refused has a reason.
func FuzzMailboxes(f *testing.F) {
	for _, seed := range []string{
		"alice@fwd.test", `"a, b" <alice@fwd.test>, x@y.test (c)`, "=?utf-8?q?ceo=40b.test?= <alice@fwd.test>", "a\n b <x@y>", "<@r:a@b>", `"\"<a@b>" <c@d>`, "g:a@b;", "a@b@c", "ａ@b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		found, err := mailboxes(value)
		if err != nil {
			return
		}
		text, _ := unfold(value)
		list, err := (&mail.AddressParser{WordDecoder: words()}).ParseList(text)
		if err != nil || len(list) != len(found) {
			t.Fatalf("%q: net/mail reads %v, %v", value, list, err)
		}
		for i, m := range found {
			if m.address != list[i].Address || strings.Count(m.address, "@") != 1 || strings.ContainsAny(m.address, "\"<>(),;: \t") {
				t.Fatalf("%q: %q and %q", value, m.address, list[i].Address)
			}
		}
		if bare := outsideQuotes(text); strings.Count(bare, "@") != len(found) {
			t.Fatalf("%q: %d @ outside of quotes, %d mailboxes", value, strings.Count(bare, "@"), len(found))
		}
	})
}

// outsideQuotes takes quoted strings out, as a reader with a regular expression
// does.
func outsideQuotes(text string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(text); i++ {
		switch {
		case inside && text[i] == '\\':
			i++
		case text[i] == '"':
			inside = !inside
		case !inside:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
