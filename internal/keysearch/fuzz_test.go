package keysearch

import (
	"context"
	"slices"
	"strings"
	"testing"

	"postern/internal/lookup"
)

var fuzzKeys = []string{
	"", "@", "<>", `""`, `"<>"`, "*", "user@", "@example.com", "a@b@c", "postmaster@x", "owner-l@x",
	"User+Tag@Sub.Example.COM", "+@x", "a+@x", `"j d+x"@x`, `"a\"b"@x`, `"a`, `a\`, "user@[192.0.2.1]",
	"1.2.3.4", "::1", "2001:db8::1", "example.com.", "..", "@r:a@x", "Straße+Ä@Ö", "a\xff@x\xfe", "x\x00y@z",
	strings.Repeat("a.", 300), "u@" + strings.Repeat(".", 300), "K@K",
}

// FuzzLookup: no panic; the first form is the folded key and no form holds an
// ASCII capital; a value is what the source returned, if nothing was cut off.
func FuzzLookup(f *testing.F) {
	for i, key := range fuzzKeys {
		f.Add(uint8(i), key, "+", fuzzKeys[len(fuzzKeys)-1-i], uint8(i%4))
	}
	f.Add(uint8(1), "u+x@d", "+-", "@y, b@z", uint8(1))
	f.Fuzz(func(t *testing.T, class uint8, key, delimiter, value string, at uint8) {
		if strings.IndexByte(key+value, 0) >= 0 || value == "" {
			t.Skip() // no C string, and nothing that Postfix can ask or a map return
		}
		o := Options{RecipientDelimiter: delimiter, Propagate: class%2 == 0, Local: local("x", "y")}
		c := Classes()[int(class)%len(Classes())]
		forms := Forms(c, o, key)
		checkForms(t, key, forms)
		checkValue(t, c, o, key, value, forms, int(at))
	})
}

func checkForms(t *testing.T, key string, forms []Form) {
	t.Helper()
	if key == "" {
		if len(forms) != 0 {
			t.Errorf("the empty key asks %q", forms)
		}
		return
	}
	if forms[0].Key != lookup.Fold(key) {
		t.Errorf("first form of %q is %q", key, forms[0].Key)
	}
	for _, form := range forms {
		if form.Key == "" || strings.ContainsAny(form.Key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%q asks %q", key, form.Key)
		}
		if form.Extension != "" && !strings.Contains(unquote(key)+key, form.Extension) {
			t.Errorf("%q has no extension %q", key, form.Extension)
		}
	}
}

func checkValue(t *testing.T, c Class, o Options, key, value string, forms []Form, at int) {
	t.Helper()
	if len(forms) == 0 {
		return
	}
	hit := forms[at%len(forms)]
	hit = forms[slices.IndexFunc(forms, func(f Form) bool { return f.Key == hit.Key })]
	source := lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		return value, key == hit.Key, nil
	})
	got, found, err := New(c, o, source).Lookup(t.Context(), key)
	if !found || err != nil || got == "" {
		t.Errorf("%q in %q: %q, %v, %v", hit.Key, key, got, found, err)
	}
	if got != value && (hit.Extension == "" || !c.rewrites()) {
		t.Errorf("%q for %q became %q", value, key, got)
	}
	if got != value && o.Propagate && !strings.HasPrefix(value, "@") {
		checkPropagated(t, value, got, hit.Extension)
	}
}

// checkPropagated: the same number of addresses, at the same domains, each
// with the extension behind what it was before. White space within quotes is
// a blank to Postfix's parser, and a tab that never was in a key need not be.
func checkPropagated(t *testing.T, value, got, extension string) {
	t.Helper()
	before, after := parseAddresses(value), parseAddresses(got)
	if strings.ContainsAny(value+extension, "\t\r\n") {
		return
	}
	if len(before) != len(after) {
		t.Errorf("%q with %q became %q: %d addresses, then %d", value, extension, got, len(before), len(after))
		return
	}
	for i := range before {
		want := before[i]
		want.local += extension
		if after[i] != want {
			t.Errorf("%q with %q became %q: %+v, want %+v", value, extension, got, after[i], want)
		}
	}
}

// FuzzQuote: quoting and unquoting are each other's inverse.
func FuzzQuote(f *testing.F) {
	for _, key := range fuzzKeys {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if got := unquote(quote(address)); got != address {
			t.Errorf("%q is quoted %q, which is unquoted %q", address, quote(address), got)
		}
	})
}
