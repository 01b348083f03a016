package keysearch

import "testing"

func TestWithoutExtension(t *testing.T) {
	for _, c := range []struct{ delimiter, address, want string }{
		{"+", "user+tag@fwd.example", "user@fwd.example"},
		{"+", "user+a+b@fwd.example", "user@fwd.example"},
		{"+", "user+@fwd.example", "user@fwd.example"},
		{"+", "user@fwd.example", "user@fwd.example"},
		{"+", "+tag@fwd.example", "+tag@fwd.example"},
		{"+", "user@fwd+x.example", "user@fwd+x.example"},
		{"+", "user+tag", "user"},
		{"+", "", ""},
		{"+-", "user-tag+x@fwd.example", "user@fwd.example"},
		{"-", "owner-list@fwd.example", "owner-list@fwd.example"},
		{"", "user+tag@fwd.example", "user+tag@fwd.example"},
	} {
		o := Options{RecipientDelimiter: c.delimiter}
		if got := o.WithoutExtension(c.address); got != c.want {
			t.Errorf("%q with %q: %q, want %q", c.address, c.delimiter, got, c.want)
		}
	}
}
