package srs

import (
	"errors"
	"strings"
	"testing"
)

// TestLongestResult finds the octet at which each form is refused. For 1023 it
// is the one at which Debian's PostSRSd 1.10 says "Buffer too small.".
func TestLongestResult(t *testing.T) {
	keys := keysOf("tops3cr3t")
	for _, most := range []int{64, 512, 1023, 4096} {
		r := mustNew(t, Options{MaxLength: most})
		for form, frame := range map[string]string{
			"X@x.com":                     "SRS0=HHHH=2W=x.com=@example.com",
			"user@X":                      "SRS0=HHHH=2W==user@example.com",
			"SRS0=X@x.com":                "SRS1=HHHH=x.com==@example.com",
			"SRS1=abcd=host==X@other.com": "SRS1=HHHH=host==@example.com",
		} {
			fill := func(n int) string { return strings.Replace(form, "X", strings.Repeat("a", n), 1) }
			room := most - len(frame)
			got, err := r.Forward(keys, newYear(), fill(room))
			if err != nil || len(got) != most {
				t.Errorf("%s, %d: %d octets, %v", form, most, len(got), err)
			}
			if _, err := r.Reverse(keys, newYear(), got); err != nil {
				t.Errorf("%s, %d: does not come back: %v", form, most, err)
			}
			if got, err := r.Forward(keys, newYear(), fill(room+1)); !errors.Is(err, TooLong) {
				t.Errorf("%s, %d: one more: %d octets, %v", form, most, len(got), err)
			}
		}
	}
}

func TestLongestInput(t *testing.T) {
	r := mustNew(t, Options{})
	keys := keysOf("tops3cr3t")
	long := func(prefix string, n int) string { return prefix + strings.Repeat("a", n-len(prefix)) }
	cases := []struct {
		name    string
		do      func(string) (string, error)
		address string
		want    Error
	}{
		{"forward at the limit", forward(r, keys), long("", 512), NoAt},
		{"forward above", forward(r, keys), long("", 513), TooLong},
		{"forward far above", forward(r, keys), long("", 10<<20), TooLong},
		{"forward shrinking", forward(r, keys), "SRS1=" + long("", 600) + "=h==u@x.com", TooLong},
		{"reverse at the limit", reverse(r, keys), long("SRS0=abcd=2W=x.com=", 512), BadHash},
		{"reverse above", reverse(r, keys), long("SRS0=abcd=2W=x.com=", 513), TooLong},
		{"reverse above with @", reverse(r, keys), long("SRS0=abcd=2W=x.com=u@", 513), TooLong},
		{"reverse of others", reverse(r, keys), long("", 10<<20), NotSRS},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := c.do(c.address); !errors.Is(err, c.want) || got != "" {
				t.Errorf("got %.50q, %v, want %v", got, err, c.want)
			}
		})
	}
}

func forward(r *Rewriter, keys Keys) func(string) (string, error) {
	return func(a string) (string, error) { return r.Forward(keys, newYear(), a) }
}

func reverse(r *Rewriter, keys Keys) func(string) (string, error) {
	return func(a string) (string, error) { return r.Reverse(keys, newYear(), a) }
}

// TestChain sends one message over twelve forwarders: from the second one on
// the address no longer grows, and the bounce takes two steps home.
func TestChain(t *testing.T) {
	const sender = "test@otherdomain.com"
	var hosts []*Rewriter
	var secrets []Keys
	for i := range 12 {
		domain := string(rune('a'+i)) + ".example"
		hosts = append(hosts, mustNew(t, Options{Domain: domain, Separator: "=+-"[i%3]}))
		secrets = append(secrets, keysOf("secret of "+domain))
	}
	address, lengths := sender, []int{}
	var err error
	for i, r := range hosts {
		if address, err = r.Forward(secrets[i], newYear(), address); err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(address))
	}
	if lengths[1] != lengths[11] {
		t.Errorf("the address grows: %v", lengths)
	}
	first, err := hosts[11].Reverse(secrets[11], newYear(), address)
	if err != nil || !strings.HasSuffix(first, "@a.example") || !strings.HasPrefix(first, "SRS0=") {
		t.Fatalf("last forwarder: %s, %v", first, err)
	}
	if _, err := hosts[1].Reverse(secrets[1], newYear(), first); !errors.Is(err, BadHash) {
		t.Errorf("another forwarder takes it for its own: %v", err)
	}
	if back, err := hosts[0].Reverse(secrets[0], newYear(), first); back != sender || err != nil {
		t.Errorf("first forwarder: %s, %v, want %s", back, err, sender)
	}
}
