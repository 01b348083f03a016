package dkim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Resolver asks DNS; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Published says what DNS has where a key's record should be.
type Published string

// What DNS can have.
const (
	Matches Published = "matches"      // the key, and verifiers may use it
	Missing Published = "missing"      // no record of a key
	Differs Published = "differs"      // another key, or one that verifiers refuse
	Unsure  Published = "not answered" // DNS failed: ask again
)

// dnsTimeout bounds one question, questions how many are under way.
const (
	dnsTimeout = 10 * time.Second
	questions  = 8
)

// Check asks DNS for the record of each key and sets Published, and where that
// is not Matches, Trouble.
func Check(ctx context.Context, dns Resolver, domains []Domain) {
	var all sync.WaitGroup
	places := make(chan struct{}, questions)
	for i := range domains {
		d := &domains[i]
		if d.Record.Name == "" {
			continue
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			d.Published, d.Trouble = ask(ctx, dns, d.Record)
		})
	}
	all.Wait()
}

func ask(parent context.Context, dns Resolver, r Record) (Published, string) {
	ctx, cancel := context.WithTimeout(parent, dnsTimeout)
	defer cancel()
	texts, err := dns.LookupTXT(ctx, r.Name)
	var failure *net.DNSError
	switch {
	case errors.As(err, &failure) && failure.IsNotFound:
		return Missing, "DNS has no record " + r.Name + ": publish it"
	case err != nil:
		return Unsure, fmt.Sprintf("DNS did not answer for %s: %v", r.Name, err)
	}
	return compare(texts, r)
}

// compare judges the texts of a name: one of them has to be the record. Others
// that are no keys do no harm, but two keys do: verifiers may take either.
func compare(texts []string, r Record) (Published, string) {
	var keys []map[string]string
	for _, text := range texts {
		if tags, ok := parseTags(text); ok {
			keys = append(keys, tags)
		}
	}
	switch {
	case len(keys) == 0:
		return Missing, "DNS has no key at " + r.Name + ": publish the record"
	case len(keys) > 1:
		return Differs, fmt.Sprintf("DNS has %d keys at %s: leave one", len(keys), r.Name)
	}
	want, _ := parseTags(r.Text)
	if flaw := flaw(keys[0], want["p"]); flaw != "" {
		return Differs, "DNS has a record at " + r.Name + " that " + flaw
	}
	return Matches, ""
}

// flaw is why verifiers would not accept signatures of the key p.
func flaw(tags map[string]string, p string) string {
	switch has := func(tag, want string) bool {
		value, ok := tags[tag]
		return !ok || slices.Contains(strings.Split(value, ":"), want)
	}; {
	case tags["p"] == "":
		return "revokes the key (p= is empty)"
	case tags["p"] != p:
		return "holds another key"
	case !has("v", "DKIM1"):
		return fmt.Sprintf("is of another version (v=%.40s)", tags["v"])
	case !has("k", "rsa"):
		return fmt.Sprintf("is for keys of another kind (k=%.40s): write k=rsa", tags["k"])
	case !has("h", "sha256"):
		return fmt.Sprintf("refuses SHA-256 (h=%.40s)", tags["h"])
	case !has("s", "*") && !has("s", "email"):
		return fmt.Sprintf("is not for mail (s=%.40s)", tags["s"])
	case tags["t"] != "" && has("t", "y"):
		return "is a test (t=y): verifiers may ignore it"
	}
	return ""
}

// parseTags reads a list of tags (RFC 6376, section 3.2). A text without p= is no
// key. Blanks may stand anywhere: panels of DNS providers add them.
func parseTags(text string) (map[string]string, bool) {
	tags := map[string]string{}
	for tag := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(tag, "=")
		name = strings.TrimSpace(name)
		if _, twice := tags[name]; !ok || twice {
			continue
		}
		tags[name] = strings.Join(strings.Fields(value), "")
	}
	_, ok := tags["p"]
	return tags, ok
}
