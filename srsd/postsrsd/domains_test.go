package postsrsd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestContains(t *testing.T) {
	set, err := NewDomains([]string{"Example.com", ".example.org", ".sub.example.com", "localhost", "-x-", ".top"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		domain string
		want   bool
	}{
		{"example.com", true}, {"EXAMPLE.COM", true}, {"www.example.com", false}, {"xexample.com", false}, {"example.com.", false},
		{"example.org", false}, {"a.example.org", true}, {"A.B.Example.Org", true}, {"aexample.org", false}, {".example.org", true},
		{"a.example.org.", false}, {"under_score.example.org", true}, {"\x00.example.org", true}, {"..example.org", true},
		{"sub.example.com", false}, {"a.sub.example.com", true},
		{"localhost", true}, {"a.localhost", false}, {"-X-", true}, {"a.top", true}, {"top", false}, {"example.top", true},
		{"", false}, {".", false}, {"com", false}, {"example", false}, {"exämple.com", false},
		// The Kelvin sign and the long s fold to k and s in Unicode, not here.
		{"localho\u017ft", false},
		{strings.Repeat("a", 498) + ".example.org", true},
		{strings.Repeat("a", 499) + ".example.org", false},
		{strings.Repeat(".", 5000), false},
	}
	for _, test := range tests {
		t.Run(shown(test.domain), func(t *testing.T) {
			if got := set.Contains(test.domain); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestContainsAddress follows the rule of PostSRSd 1.10, which compares ends
// of whole addresses.
func TestContainsAddress(t *testing.T) {
	set := new(Domains)
	for _, name := range []string{"example.com", ".example.org", ".", "b@c.example", ".d@e.example", "_._"} {
		set.Add(name)
	}
	tests := []struct {
		address string
		want    bool
	}{
		{"a@example.com", true}, {"a@EXAMPLE.com", true}, {"@example.com", true}, {"a@b@example.com", true},
		{"example.com", false}, {"a.example.com", false}, {"a@www.example.com", false}, {"a@xexample.com", false},
		{"a@x.example.org", true}, {"a@x.y.EXAMPLE.ORG", true}, {"a@example.org", false}, {"a.example.org", true},
		{".example.org", false}, {"a@.example.org", true}, {"x.example.org", true},
		{"a@b.", true}, {".", false}, {"a.", true},
		{"b@c.example", false}, {"a@b@c.example", true}, {"x.d@e.example", true}, {"d@e.example", false},
		{"a@_._", true}, {"", false}, {"@", false}, {"a@", false},
		{strings.Repeat("a.", 5000) + "@example.com", true},
		{strings.Repeat("a", 5000) + "@example.net", false},
	}
	for _, test := range tests {
		t.Run(shown(test.address), func(t *testing.T) {
			if got := set.ContainsAddress(test.address); got != test.want {
				t.Errorf("got %v", got)
			}
			if got := excludedBy110(set.Names(), test.address); got != test.want {
				t.Errorf("the rule says %v", got)
			}
		})
	}
}

// excludedBy110 is the rule, one entry after the other.
func excludedBy110(entries []string, address string) bool {
	return slices.ContainsFunc(entries, func(entry string) bool {
		at := len(address) - len(entry)
		return at > 0 && lower(address[at:]) == entry && (entry[0] == '.' || address[at-1] == '@')
	})
}

// FuzzContainsAddress compares the map with the rule.
func FuzzContainsAddress(f *testing.F) {
	f.Add("example.com .example.org", "a@b.example.org")
	f.Add(". .. a@b @", "x@a@b")
	f.Add("\xff .\xff", "a@\xff")
	f.Fuzz(func(t *testing.T, list, address string) {
		set := new(Domains)
		for _, name := range strings.Fields(list) {
			set.Add(name)
		}
		if got, want := set.ContainsAddress(address), excludedBy110(set.Names(), address); got != want {
			t.Errorf("%q in %q: got %v", address, list, got)
		}
	})
}

func TestNoDomains(t *testing.T) {
	for name, set := range map[string]*Domains{"nil": nil, "zero": new(Domains)} {
		t.Run(name, func(t *testing.T) {
			if set.Contains("a.example") || set.Contains("") || set.ContainsAddress("a@b") || set.Len() != 0 || len(set.Names()) != 0 {
				t.Error("there is something in it")
			}
		})
	}
}

func TestAddTwice(t *testing.T) {
	set := new(Domains)
	if !set.Add("A.example") || set.Add("a.EXAMPLE") || !set.Add(".a.example") || set.Len() != 2 {
		t.Errorf("%q", set.Names())
	}
}

func TestNewDomainsRefuses(t *testing.T) {
	_, err := NewDomains([]string{"a.example", "b_c.example"})
	if err == nil || err.Error() != `the domain "b_c.example" has "_" in it: letters, digits, '-' and '.' make a domain` {
		t.Error(err)
	}
}

func TestCheckDomain(t *testing.T) {
	for name, want := range map[string]bool{
		"example.com": true, ".example.com": true, "localhost": true, "-": true, "1.2.3.4": true, "XN--MNCHEN-3YA.example": true,
		"": false, ".": false, "..": false, "a..b": false, "..a": false, "a.": false, "a b": false, "a_b": false, "a@b": false,
		"ä.example": false, "a\x00b": false, "[1.2.3.4]": false, "*.example.com": false, "$mydomain": false, "a\xff": false,
	} {
		t.Run(shown(name), func(t *testing.T) {
			if err := CheckDomain(name); (err == nil) != want {
				t.Error(err)
			}
		})
	}
}

func TestDomainsFile(t *testing.T) {
	text := "  a.example  # comment\n#b.example\n\n\t.c.example\t\r\nd.example#x\ne.example\rdropped by PostSRSd, too\n\v\ff.example"
	entries, err := parseDomains("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{"a.example", place{"f", 1}}, {".c.example", place{"f", 4}}, {"d.example", place{"f", 5}},
		{"e.example", place{"f", 6}}, {"f.example", place{"f", 7}},
	}
	if !slices.Equal(entries, want) {
		t.Errorf("got %v", entries)
	}
	_, err = parseDomains("f", []byte("a.example\n\nb\x00.example\n"))
	complaint(t, err, `f:3: the domain "b\x00.example" has "\x00" in it: letters, digits, '-' and '.' make a domain`)
}

func TestLookupsDoNotAllocate(t *testing.T) {
	set := manyDomains()
	if n := testing.AllocsPerRun(100, func() {
		set.Contains("a.b.c.Customer77.example")
		set.ContainsAddress("someone@a.b.c.Customer77.example")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func manyDomains() *Domains {
	set := new(Domains)
	for i := range 20_000 {
		set.Add(fmt.Sprintf("customer%d.example", i))
	}
	return set
}

func BenchmarkContains(b *testing.B) {
	set := manyDomains()
	for b.Loop() {
		set.Contains("mail.customer19999.example")
	}
}

func BenchmarkContainsAddress(b *testing.B) {
	set := manyDomains()
	for b.Loop() {
		set.ContainsAddress("someone@mail.customer19999.example")
	}
}
