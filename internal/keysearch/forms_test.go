package keysearch

import (
	"context"
	"slices"
	"strings"
	"testing"

	"postern/internal/lookup"
)

// askedKeys is what a source behind the search of class is asked when it
// knows nothing, taken from the source itself.
func askedKeys(t *testing.T, class Class, o Options, key string) []string {
	t.Helper()
	var asked []string
	nothing := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		asked = append(asked, key)
		return "", false, nil
	})
	if value, found, err := New(class, o, nothing).Lookup(t.Context(), key); found || err != nil {
		t.Fatalf("Lookup(%q) = %q, %v, %v from an empty table", key, value, found, err)
	}
	return asked
}

// formsTest is one key and the keys that tables are asked for it.
type formsTest struct {
	name, key, want string // want: separated by " | "
	options         Options
}

func runForms(t *testing.T, class Class, tests []formsTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.options.RecipientDelimiter == "" {
				tt.options.RecipientDelimiter = "+"
			}
			var want []string
			if tt.want != "" {
				want = strings.Split(tt.want, " | ")
			}
			got := askedKeys(t, class, tt.options, tt.key)
			if !slices.Equal(got, want) {
				t.Errorf("%q asks\n%q, want\n%q", tt.key, got, want)
			}
			var listed []string
			for _, form := range Forms(class, tt.options, tt.key) {
				listed = append(listed, form.Key)
			}
			if !slices.Equal(listed, got) {
				t.Errorf("Forms lists %q, but asked was %q", listed, got)
			}
		})
	}
}

func local(domains ...string) func(string) bool {
	return func(domain string) bool { return slices.Contains(domains, domain) }
}

func TestExact(t *testing.T) {
	runForms(t, Exact, []formsTest{
		{name: "address", key: "User+Tag@Sub.Example.COM", want: "user+tag@sub.example.com"},
		{name: "domain", key: "Example.COM", want: "example.com"},
		{name: "empty", key: "", want: ""},
		{name: "blank", key: " ", want: " "},
	})
}

// virtualTests holds for all four classes that end with @domain.
var virtualTests = []formsTest{
	{name: "observed order", key: "Rcpt+Foo@Mail.Fwd.Example",
		want: "rcpt+foo@mail.fwd.example | rcpt@mail.fwd.example | @mail.fwd.example"},
	{name: "no extension", key: "rcpt@fwd.example", want: "rcpt@fwd.example | @fwd.example"},
	{name: "own domain", key: "User+Tag@Mine.Example", options: Options{Local: local("mine.example")},
		want: "user+tag@mine.example | user@mine.example | user+tag | user | @mine.example"},
	{name: "own domain, no extension", key: "user@mine.example", options: Options{Local: local("mine.example")},
		want: "user@mine.example | user | @mine.example"},
	{name: "not our domain", key: "user@other.example", options: Options{Local: local("mine.example")},
		want: "user@other.example | @other.example"},
	{name: "delimiter first", key: "+tag@x.example", want: "+tag@x.example | @x.example"},
	{name: "delimiter last", key: "user+@x.example", want: "user+@x.example | user@x.example | @x.example"},
	{name: "two extensions", key: "user+a+b@x.example", want: "user+a+b@x.example | user@x.example | @x.example"},
	{name: "first of several delimiters", key: "user-a+b@x.example", options: Options{RecipientDelimiter: "+-"},
		want: "user-a+b@x.example | user@x.example | @x.example"},
	{name: "delimiter in the domain", key: "user@x+y.example", want: "user@x+y.example | @x+y.example"},
	{name: "bare domain", key: "Example.COM", want: "example.com"},
	{name: "bare domain with a delimiter", key: "my-domain.example", options: Options{RecipientDelimiter: "-"},
		want: "my-domain.example"},
	{name: "null sender of cleanup", key: `""`, want: `""`},
	{name: "empty key", key: "", want: ""},
	{name: "no domain after the @", key: "user@", want: "user@ | @"},
	{name: "literal", key: "user+x@[192.0.2.1]",
		want: "user+x@[192.0.2.1] | user@[192.0.2.1] | @[192.0.2.1]"},
	{name: "trailing dot", key: "user@example.com.", want: "user@example.com. | @example.com."},
	{name: "postmaster is never cut", key: "Postmaster@x.example", options: Options{RecipientDelimiter: "m"},
		want: "postmaster@x.example | @x.example"},
	{name: "mailer-daemon is never cut", key: "MAILER-DAEMON@x.example", options: Options{RecipientDelimiter: "-"},
		want: "mailer-daemon@x.example | @x.example"},
	{name: "double-bounce is never cut", key: "double-bounce@x.example", options: Options{RecipientDelimiter: "-"},
		want: "double-bounce@x.example | @x.example"},
	{name: "double-bounce of another name", key: "double-bounce@x.example",
		options: Options{RecipientDelimiter: "-", DoubleBounceSender: "Re-Turn"},
		want:    "double-bounce@x.example | double@x.example | @x.example"},
	{name: "owner- is never cut at a hyphen", key: "Owner-list@x.example", options: Options{RecipientDelimiter: "-"},
		want: "owner-list@x.example | @x.example"},
	{name: "-request is never cut at a hyphen", key: "list-Request@x.example", options: Options{RecipientDelimiter: "+-"},
		want: "list-request@x.example | @x.example"},
	{name: "-request alone", key: "-request@x.example", options: Options{RecipientDelimiter: "-"},
		want: "-request@x.example | @x.example"},
	{name: "owner- with a plus only", key: "owner-list+x@x.example",
		want: "owner-list+x@x.example | owner-list@x.example | @x.example"},
	{name: "owner_request_special = no", key: "owner-list@x.example",
		options: Options{RecipientDelimiter: "-", SplitOwnerRequest: true},
		want:    "owner-list@x.example | owner@x.example | @x.example"},
	{name: "case of the delimiter counts", key: "userXtag@x.example", options: Options{RecipientDelimiter: "X"},
		want: "userxtag@x.example | user@x.example | @x.example"},
	{name: "UTF-8", key: "Straße+Ä@EXÄMPLE.com",
		want: "strasse+ä@exämple.com | strasse@exämple.com | @exämple.com"},
	{name: "percent and quote signs", key: "a%b'c@x.example", want: "a%b'c@x.example | @x.example"},
}

func TestVirtual(t *testing.T)     { runForms(t, Virtual, virtualTests) }
func TestCanonical(t *testing.T)   { runForms(t, Canonical, virtualTests) }
func TestSenderLogin(t *testing.T) { runForms(t, SenderLogin, virtualTests) }
func TestAddress(t *testing.T)     { runForms(t, Address, virtualTests) }

// The rewriting classes are asked in the spelling of the key.
func TestVirtualQuotes(t *testing.T) {
	mine := Options{Local: local("mine.example")}
	runForms(t, Virtual, []formsTest{
		{name: "quoted", key: `"John Doe+T"@X.example`,
			want: `"john doe+t"@x.example | "john doe"@x.example | @x.example`},
		{name: "bare part needs no quotes", key: `"john+a b"@x.example`,
			want: `"john+a b"@x.example | john@x.example | @x.example`},
		{name: "quoted, own domain", key: `"j d+t"@mine.example`, options: mine,
			want: `"j d+t"@mine.example | "j d"@mine.example | "j d+t" | "j d" | @mine.example`},
		{name: "smtpd's second question", key: `john doe+t@x.example`,
			want: `john doe+t@x.example | john doe@x.example | @x.example`},
		{name: "second question, own domain", key: `j d+t@mine.example`, options: mine,
			want: `j d+t@mine.example | j d@mine.example | j d+t | j d | @mine.example`},
		{name: "an @ within quotes", key: `"a@b+c"@x.example`,
			want: `"a@b+c"@x.example | "a@b"@x.example | @x.example`},
		{name: "an @ without quotes", key: `a@b+c@x.example`,
			want: `a@b+c@x.example | a@b@x.example | @x.example`},
		{name: "a quote within quotes", key: `"a\"b"@x.example`, want: `"a\"b"@x.example | @x.example`},
		{name: "a quote without quotes", key: `a"b@x.example`, want: `a"b@x.example | @x.example`},
		{name: "a backslash without quotes", key: `a\b@x.example`, want: `a\b@x.example | @x.example`},
		{name: "an unclosed quote", key: `"a@x.example`, want: `"a@x.example | @x.example`},
		{name: "empty local part", key: `""@x.example`, want: `""@x.example | @x.example`},
		{name: "empty local part, own domain", key: `""@mine.example`, options: mine,
			want: `""@mine.example | "" | @mine.example`},
		{name: "no local part", key: `@x.example`, want: `@x.example | @x.example`},
		{name: "lone @", key: `@`, want: `@ | @`},
		{name: "dots", key: `"a..b+c"@x.example`, want: `"a..b+c"@x.example | "a..b"@x.example | @x.example`},
		{name: "null sender of an access table", key: `<>`, want: `<>`},
	})
}

// All others are asked both ways.
func TestAddressQuotes(t *testing.T) {
	mine := Options{Local: local("mine.example")}
	runForms(t, Address, []formsTest{
		{name: "quoted", key: `"John Doe+T"@X.example`,
			want: `"john doe+t"@x.example | john doe+t@x.example | "john doe"@x.example | john doe@x.example | @x.example`},
		{name: "bare part needs no quotes", key: `"john+a b"@x.example`,
			want: `"john+a b"@x.example | john+a b@x.example | john@x.example | @x.example`},
		{name: "quoted, own domain", key: `"j d+t"@mine.example`, options: mine,
			want: `"j d+t"@mine.example | j d+t@mine.example | "j d"@mine.example | j d@mine.example` +
				` | "j d+t" | j d+t | "j d" | j d | @mine.example`},
		{name: "an @ in the local part, own domain", key: `"a@b"@mine.example`, options: mine,
			want: `"a@b"@mine.example | a@b@mine.example | "a@b" | a@b | @mine.example`},
		{name: "second question", key: `john doe+t@x.example`,
			want: `john doe+t@x.example | "john doe+t"@x.example | "john doe"@x.example | john doe@x.example | @x.example`},
		{name: "empty local part, own domain", key: `""@mine.example`, options: mine,
			want: `""@mine.example | @mine.example | "" | @mine.example`},
		{name: "null sender of sender-dependent tables", key: `"<>"`, want: `"<>"`},
		{name: "its second question", key: `<>`, want: `<>`},
	})
}

func TestAccessAddress(t *testing.T) {
	runForms(t, AccessAddress, []formsTest{
		{name: "observed order", key: "Sender+Ext@Sub.Example.COM",
			want: "sender+ext@sub.example.com | sender@sub.example.com | sub.example.com | example.com | com" +
				" | sender+ext@ | sender@"},
		{name: "no extension", key: "rcpt@fwd.example",
			want: "rcpt@fwd.example | fwd.example | example | rcpt@"},
		{name: "own domain makes no difference", key: "u+x@mine.example", options: Options{Local: local("mine.example")},
			want: "u+x@mine.example | u@mine.example | mine.example | example | u+x@ | u@"},
		{name: "dotted parents", key: "u@a.b.example", options: Options{Parents: ParentsDotted},
			want: "u@a.b.example | a.b.example | .b.example | .example | u@"},
		{name: "literal", key: "u@[192.0.2.1]",
			want: "u@[192.0.2.1] | [192.0.2.1] | 0.2.1] | 2.1] | 1] | u@"},
		{name: "no domain after the @", key: "user@", want: "user@ | user@"},
		{name: "double dots", key: "u@a..b", want: "u@a..b | a..b | .b | u@"},
		{name: "trailing dot", key: "u@a.b.", want: "u@a.b. | a.b. | b. | u@"},
		{name: "leading dot", key: "u@.a.b", want: "u@.a.b | .a.b | b | u@"},
		{name: "quoted", key: `"J D+t"@a.b`,
			want: `"j d+t"@a.b | j d+t@a.b | "j d"@a.b | j d@a.b | a.b | b | "j d+t"@ | j d+t@ | "j d"@ | j d@`},
		{name: "null sender", key: "<>", want: "<>"},
		{name: "bare domain", key: "a.b", want: "a.b"},
	})
}

func TestTransport(t *testing.T) {
	runForms(t, Transport, []formsTest{
		{name: "observed order", key: "Sender+Ext@Sub.Example.COM",
			want: "sender+ext@sub.example.com | sender@sub.example.com | sub.example.com | .example.com | .com"},
		{name: "plain parents", key: "u@a.b.c", options: Options{Parents: ParentsPlain},
			want: "u@a.b.c | a.b.c | b.c | c"},
		{name: "own domain makes no difference", key: "u@mine.example", options: Options{Local: local("mine.example")},
			want: "u@mine.example | mine.example | .example"},
		{name: "wild card", key: "*", want: "*"},
		{name: "quoted", key: `"j d"@a.b`, want: `"j d"@a.b | j d@a.b | a.b | .b`},
		{name: "double dots", key: "u@a..b", want: "u@a..b | a..b | ..b | .b"},
		{name: "trailing dot", key: "u@a.b.", want: "u@a.b. | a.b. | .b. | ."},
	})
}

func TestAccessDomain(t *testing.T) {
	runForms(t, AccessDomain, []formsTest{
		{name: "name", key: "Mail.Example.COM", want: "mail.example.com | example.com | com"},
		{name: "one label", key: "localhost", want: "localhost"},
		{name: "unknown", key: "unknown", want: "unknown"},
		{name: "IPv4", key: "127.0.0.1", want: "127.0.0.1 | 127.0.0 | 127.0 | 127"},
		{name: "IPv6", key: "2001:DB8::1", want: "2001:db8::1 | 2001:db8: | 2001:db8 | 2001"},
		{name: "IPv6 loopback", key: "::1", want: "::1 | :"},
		{name: "IPv4 in IPv6", key: "::ffff:192.0.2.1", want: "::ffff:192.0.2.1 | ::ffff | :"},
		{name: "IPv4 whole", key: "192.0.2.1", options: Options{WholeAddresses: true}, want: "192.0.2.1"},
		{name: "IPv6 whole", key: "2001:db8::1", options: Options{WholeAddresses: true}, want: "2001:db8::1"},
		{name: "literal is a name", key: "[192.0.2.1]", want: "[192.0.2.1] | 0.2.1] | 2.1] | 1]"},
		{name: "IPv6 literal is a name", key: "[IPv6:2001:db8::1]", want: "[ipv6:2001:db8::1]"},
		{name: "five numbers are a name", key: "1.2.3.4.5", want: "1.2.3.4.5 | 2.3.4.5 | 3.4.5 | 4.5 | 5"},
		{name: "a byte of 256 is a name", key: "1.2.3.256", want: "1.2.3.256 | 2.3.256 | 3.256 | 256"},
		{name: "leading zeros are a number", key: "01.2.3.4", want: "01.2.3.4 | 01.2.3 | 01.2 | 01"},
		{name: "net 0 is a name", key: "0.1.2.3", want: "0.1.2.3 | 1.2.3 | 2.3 | 3"},
		{name: "all zeros are a number", key: "0.0.0.0", want: "0.0.0.0 | 0.0.0 | 0.0 | 0"},
		{name: "sign is a name", key: "+1.2.3.4", want: "+1.2.3.4 | 2.3.4 | 3.4 | 4"},
		{name: "trailing dot", key: "mail.example.", want: "mail.example. | example."},
		{name: "dotted parents", key: "a.b.c", options: Options{Parents: ParentsDotted}, want: "a.b.c | .b.c | .c"},
		{name: "empty", key: "", want: ""},
	})
}

func TestDomain(t *testing.T) {
	runForms(t, Domain, []formsTest{
		{name: "observed order", key: "Mail.Fwd.Example", want: "mail.fwd.example | fwd.example | example"},
		{name: "dotted", key: "a.b.c", options: Options{Parents: ParentsDotted}, want: "a.b.c | .b.c | .c"},
		{name: "number", key: "192.0.2.1", want: "192.0.2.1 | 0.2.1 | 2.1 | 1"},
	})
}

func TestLongKeys(t *testing.T) {
	labels := strings.Repeat("a.", 5000)
	for _, class := range Classes() {
		t.Run(string(class), func(t *testing.T) {
			for _, key := range []string{labels + "b", "u+x@" + labels + "b", labels + "+x@b", strings.Repeat("A", 10000)} {
				asked := askedKeys(t, class, Options{RecipientDelimiter: "+"}, key)
				if asked[0] != strings.ToLower(key) {
					t.Errorf("first asked %.60q for %.60q", asked[0], key)
				}
				if len(asked) > 140 {
					t.Errorf("%d questions for one key", len(asked))
				}
			}
		})
	}
}

func TestParseClass(t *testing.T) {
	for _, class := range Classes() {
		if got, err := ParseClass(string(class)); got != class || err != nil {
			t.Errorf("ParseClass(%q) = %q, %v", class, got, err)
		}
	}
	_, err := ParseClass("Virtual")
	if err == nil || !strings.Contains(err.Error(), "exact, virtual, canonical, access-address") {
		t.Errorf("error does not list the spellings: %v", err)
	}
}

func TestFormsTellTheExtension(t *testing.T) {
	for _, form := range Forms(Virtual, Options{RecipientDelimiter: "+", Local: local("x")}, "User+Tag@x") {
		want := ""
		if form.Key == "user@x" || form.Key == "user" {
			want = "+Tag"
		}
		if form.Extension != want {
			t.Errorf("%s (%s): extension %q, want %q", form.Key, form.Kind, form.Extension, want)
		}
	}
}
