package keysearch

import (
	"context"
	"slices"
	"testing"

	"postern/internal/lookup"
)

// searchOne searches key in a table of one row.
func searchOne(t *testing.T, class Class, o Options, row, value, key string) string {
	t.Helper()
	table := rows{values: map[string]string{row: value}}
	got, found, err := New(class, o, table).Lookup(t.Context(), key)
	if !found || err != nil {
		t.Fatalf("Lookup(%q) = %q, %v, %v", key, got, found, err)
	}
	return got
}

func TestPropagation(t *testing.T) {
	tests := []struct{ name, row, value, key, want, wantUnpropagated string }{
		{"whole match stays", "u+t@x", "a@y,  b@z", "U+T@x", "a@y,  b@z", "a@y,  b@z"},
		{"@domain match stays", "@x", "a@y", "u+T@x", "a@y", "a@y"},
		{"one address", "u@x", "a@y", "U+Tag@x", "a+Tag@y", "a@y"},
		{"several", "u@x", "a@y,b@z c@w", "u+T@x", "a+T@y, b+T@z, c+T@w", "a@y,b@z c@w"},
		{"local part alone", "u", "a@y", "u+T@mine", "a+T@y", "a@y"},
		{"local part with extension", "u+t", "a@y", "u+T@mine", "a@y", "a@y"},
		{"no domain", "u@x", "a", "u+T@x", "a+T", "a"},
		{"empty extension", "u@x", "a@y", "u+@x", "a+@y", "a@y"},
		{"two extensions", "u@x", "a@y", "u+b+c@x", "a+b+c@y", "a@y"},
		{"value with an extension", "u@x", "a+b@y", "u+T@x", "a+b+T@y", "a+b@y"},
		{"extension that needs quotes", "u@x", "a@y", `"u+b c"@x`, `"a+b c"@y`, "a@y"},
		{"extension with a quote", "u@x", "a@y", `"u+b\"c"@x`, `"a+b\"c"@y`, "a@y"},
		{"extension with commas", "u@x", "a@y", `"u+,root,"@x`, `"a+,root,"@y`, "a@y"},
		{"extension with a percent", "u@x", "root", "u+a%evil.example@x", `"root+a%evil.example"`, "root"},
		{"extension with a bang", "u@x", "root", "u+evil!a@x", `"root+evil!a"`, "root"},
		{"extension with an @", "u@x", "root", `"u+a@evil"@x`, `"root+a@evil"`, "root"},
		{"quoted value", "u@x", `"a,b"@y`, "u+T@x", `"a,b+T"@y`, `"a,b"@y`},
		{"quotes that are not needed", "u@x", `"a"@y`, "u+T@x", "a+T@y", `"a"@y`},
		{"comments", "u@x", "a@y (home), (work) b@z", "u+T@x", "a+T@y, b+T@z", "a@y (home), (work) b@z"},
		{"phrase and route", "u@x", "John Doe <@r1,@r2:a@y>, b@z", "u+T@x", "a+T@y, b+T@z", "John Doe <@r1,@r2:a@y>, b@z"},
		{"group", "u@x", "friends: a@y, b@z;", "u+T@x", "a+T@y, b+T@z", "friends: a@y, b@z;"},
		{"literal domain", "u@x", "a@[192.0.2.1]", "u+T@x", "a+T@[192.0.2.1]", "a@[192.0.2.1]"},
		{"percent in an unqualified value", "u@x", "a%y", "u+T@x", "a+T@y", "a%y"},
		{"bang in an unqualified value", "u@x", "y!a", "u+T@x", "a+T@y", "y!a"},
		{"percent in a qualified value", "u@x", "a%y@z", "u+T@x", `"a%y+T"@z`, "a%y@z"},
		{"new domain", "u@x", "@y", "U+T@x", "U+T@y", "U@y"},
		{"new domain, whole match", "u+t@x", "@y", "U+T@x", "@y", "@y"},
		{"new domain for a domain", "@x", "@y", "U+T@x", "@y", "@y"},
		{"new domain, quoted local part", `"j d"@x`, "@y", `"J D+T"@x`, `"J D+T"@y`, `"J D"@y`},
		{"new domain and more is one address", "u@x", "@y, a@z", "u+T@x", `"u@y, a+T"@z`, `"u@y, a"@z`},
		{"no address", "u@x", "(nobody)", "u+T@x", "(nobody)", "(nobody)"},
		{"commas only", "u@x", ",,", "u+T@x", ",,", ",,"},
		{"UTF-8", "u@x", "ä@ö", "u+Ü@x", "ä+Ü@ö", "ä@ö"},
		{"program", "u@x", `|"/bin/x -a"`, "u+T@x", `"|/bin/x -a+T"`, `|"/bin/x -a"`},
	}
	for _, class := range []Class{Virtual, Canonical} {
		for _, tt := range tests {
			t.Run(string(class)+" "+tt.name, func(t *testing.T) {
				o := Options{RecipientDelimiter: "+", Propagate: true, Local: local("mine")}
				if got := searchOne(t, class, o, tt.row, tt.value, tt.key); got != tt.want {
					t.Errorf("propagated: %q, want %q", got, tt.want)
				}
				o.Propagate = false
				if got := searchOne(t, class, o, tt.row, tt.value, tt.key); got != tt.wantUnpropagated {
					t.Errorf("not propagated: %q, want %q", got, tt.wantUnpropagated)
				}
			})
		}
	}
}

func TestOtherClassesKeepTheValue(t *testing.T) {
	o := Options{RecipientDelimiter: "+", Propagate: true}
	for _, class := range []Class{AccessAddress, Transport, SenderLogin, Address} {
		for _, value := range []string{"@y", "a@y, b@z", "REJECT go away"} {
			if got := searchOne(t, class, o, "u@x", value, "U+T@x"); got != value {
				t.Errorf("%s: %q became %q", class, value, got)
			}
		}
	}
}

func TestParseAddresses(t *testing.T) {
	tests := []struct {
		value string
		want  []string // nil: an error
	}{
		{"a@x", []string{"a@x"}},
		{"a@x,b@y", []string{"a@x", "b@y"}},
		{" a@x ,, b@y , ", []string{"a@x", "b@y"}},
		{"a@x b@y\tc@z\nd", []string{"a@x", "b@y", "c@z", "d"}},
		{"a b", []string{"a", "b"}},
		{"a @ x", []string{"a@x"}},
		{"a . b @ x . y", []string{"a.b@x.y"}},
		{`"a b"@x`, []string{`"a b"@x`}},
		{`"a,b"@x, c@y`, []string{`"a,b"@x`, "c@y"}},
		{`"a" "b"@x`, []string{"a", "b@x"}},
		{`a\,b@x`, []string{`"a,b"@x`}},
		{`"a\"b\\c"@x`, []string{`"a\"b\\c"@x`}},
		{`"open@x`, []string{`"open@x"`}},
		{`"a@b"@x`, []string{`"a@b"@x`}},
		{`a@b@x`, []string{`"a@b"@x`}},
		{"a.@x", []string{`"a."@x`}},
		{"a@x.", []string{"a@x"}},
		{"a@x..", []string{"a@x.."}},
		{"a@.", []string{"a@."}},
		{"x.!a", []string{"a@x"}},
		{"a%x.", []string{"a@x"}},
		{"a@x..y", []string{"a@x..y"}},
		{"a@", []string{"a@"}},
		{"@x", []string{`""@x`}},
		{"<a@x>", []string{"a@x"}},
		{"<a@x> <b@y>", []string{"a@x", "b@y"}},
		{"A B <a@x> b@y", []string{"a@x", "b@y"}},
		{`"Doe, John" <a@x>, b@y`, []string{"a@x", "b@y"}},
		{"a@x <b@y>", []string{"b@y"}},
		{"<@r1,@r2:a@x>", []string{"a@x"}},
		{"<a@x", []string{`"<a"@x`}},
		{"a@x>", []string{"a@x"}},
		{"a@x>, b@y", []string{"a@x", "b@y"}},
		{"<>", []string{`""`}},
		{`""`, []string{`""`}},
		{"@", []string{`""`}},
		{"a@x, <>", []string{"a@x"}},
		{"g: a@x, b@y;", []string{"a@x", "b@y"}},
		{"g: a@x; c@z", []string{"a@x", "c@z"}},
		{"c@z, g: a@x, b@y;", []string{"c@z", "a@x", "b@y"}},
		{"g:;", nil},
		{":include:/etc/list", []string{`":include:/etc/list"`}},
		{"a@x (b@y) c@z", []string{"a@x", "c@z"}},
		{"a(one(two))@x", []string{"a@x"}},
		{`a@x (\) , b@y)`, []string{"a@x"}},
		{"a@x (open, b@y", []string{"a@x"}},
		{"(only)", nil},
		{"", []string{`""`}},
		{" ", nil},
		{",", nil},
		{"a@[192.0.2.1]", []string{"a@[192.0.2.1]"}},
		{"a@[IPv6:2001:db8::1]", []string{"a@[IPv6:2001:db8::1]"}},
		{`<a@"b,c">`, []string{`a@"b,c"`}},
		{"<a@b,c>", []string{`a@"b, c"`}},
		{`<a b@c>`, []string{"ab@c"}},
		{`<a "b" "c"@d>`, []string{`"a b c"@d`}},
		{`<a b\ c@d>`, []string{`"a b c"@d`}},
		{"user%dom", []string{"user@dom"}},
		{"a%b%c", []string{`"a%b"@c`}},
		{"dom!user", []string{"user@dom"}},
		{"d1!d2!user", []string{`"d2!user"@d1`}},
		{`"user%dom"`, []string{`"user%dom"`}},
		{"user%dom@x", []string{`"user%dom"@x`}},
		{"a;b", []string{"a", "b"}},
		{"ä@ö", []string{"ä@ö"}},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			got, err := ParseAddresses(tt.value)
			if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
				t.Errorf("ParseAddresses(%q) = %q, %v, want %q", tt.value, got, err, tt.want)
			}
		})
	}
}

// FuzzOneAddress: what is taken for one plain address is read as that address.
func FuzzOneAddress(f *testing.F) {
	for _, seed := range []string{"user+tag@sub.example.com", "a.b_c=d-e@x-y.z", "a@x", "A@1", "a.@x", ".a@x", "a..b@x", "a@x.", "a@.x", "@x", "a@", "a@b@c", "a%b@x", "ä@x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !isOneAddress(value) {
			return
		}
		if got := parseAddresses(value); len(got) != 1 || got[0].String() != value {
			t.Errorf("%q is read as %v", value, got)
		}
	})
}

func TestOneAddress(t *testing.T) {
	for value, want := range map[string]bool{
		"user+tag@sub.example.com": true, "a.b_c=d-e@x-y.z": true, "A@1": true,
		"": false, "a": false, "a@": false, "@x": false, "a.@x": false, ".a@x": false, "a..b@x": false,
		"a@x.": false, "a@.x": false, "a@b@c": false, "a@x,b@y": false, "a@x b@y": false, "a%b@x": false, "a!b@x": false, "a@[192.0.2.1]": false,
	} {
		if isOneAddress(value) != want {
			t.Errorf("isOneAddress(%q) = %v", value, !want)
		}
	}
}

func TestQuoting(t *testing.T) {
	tests := []struct{ internal, external string }{
		{"a@x", "a@x"},
		{"a b@x", `"a b"@x`},
		{`a"b\c@x`, `"a\"b\\c"@x`},
		{"a\rb@x", "\"a\\\rb\"@x"},
		{"a@b@x", `"a@b"@x`},
		{"@x", `""@x`},
		{"", `""`},
		{"a b", `"a b"`},
		{".a@x", `".a"@x`},
		{"a.@x", `"a."@x`},
		{"a..b@x", `"a..b"@x`},
		{"@r1,@r2:a b@x", `@r1,@r2:"a b"@x`},
		{"a@x y", "a@x y"},
		{"ä@ö", "ä@ö"},
		{"a\x7f@x", "\"a\x7f\"@x"},
	}
	for _, tt := range tests {
		t.Run(tt.external, func(t *testing.T) {
			if got := quote(tt.internal); got != tt.external {
				t.Errorf("quote(%q) = %q, want %q", tt.internal, got, tt.external)
			}
			if got := unquote(tt.external); got != tt.internal {
				t.Errorf("unquote(%q) = %q, want %q", tt.external, got, tt.internal)
			}
		})
	}
}

func TestUnquoteBadForms(t *testing.T) {
	tests := map[string]string{
		`a\`:            "a",
		`"a`:            "a",
		`"a@x`:          "a@x",
		`a"@"b@x"y`:     `a@b@x"y`,
		`a@"x y"`:       `a@"x y"`,
		`@r:"a`:         "@r:a",
		`"a\@b"@"c\"d"`: `a@b@"c\"d"`,
	}
	for in, want := range tests {
		if got := unquote(in); got != want {
			t.Errorf("unquote(%q) = %q, want %q", in, got, want)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	nothing := lookup.Func(func(context.Context, string) (string, bool, error) { return "", false, nil })
	hit := lookup.Func(func(context.Context, string) (string, bool, error) { return "v", true, nil })
	noext := rows{values: map[string]string{"user@example.com": "a@example.org, b@example.net"}}
	for _, bench := range []struct {
		name, key string
		source    lookup.Map
	}{
		{"first form", "user+tag@example.com", hit},
		{"first form folded", "User+Tag@example.com", hit},
		{"propagated", "User+Tag@example.com", noext},
		{"nothing", "user+tag@example.com", nothing},
	} {
		m := New(Virtual, listOptions, bench.source)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = m.Lookup(b.Context(), bench.key)
			}
		})
	}
}
