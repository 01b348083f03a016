package limit

import (
	"fmt"
	"slices"
	"strings"

	"postern/policyd"
)

// ParseExemption reads a list as people write it, [192.0.2.0/24, alice,
// "@example.org"], whatever the rule's key is: a network is of clients ("!"
// takes one out of it again), a name or @DOMAIN is of logins, and either is a
// value of the key. "inbound" and "submission" are as in [policyd.Logins].
func ParseExemption(words []string) (Exemption, error) {
	x := Exemption{}
	var networks []string
	for _, word := range words {
		bare, not := strings.CutPrefix(strings.TrimSpace(word), "!")
		_, err := policyd.ParseNetwork(bare)
		switch {
		case err == nil:
			networks = append(networks, strings.TrimSpace(word))
		case not:
			return Exemption{}, fmt.Errorf("%.100q takes out of a list of names what is not in it: leave it away", word)
		default:
			x.Logins, x.Keys = append(x.Logins, bare), append(x.Keys, bare)
		}
	}
	var err error
	x.Clients, err = policyd.ParseNetworks(networks)
	return x, err
}

// exemption is an Exemption, compiled.
type exemption struct {
	clients  policyd.Networks
	networks policyd.Networks // values of the key client_address
	logins   *policyd.Scope   // nil: none
	values   map[string]struct{}
}

func compileExemption(r Rule) (exemption, error) {
	x := exemption{clients: r.Exempt.Clients, values: map[string]struct{}{}}
	if len(r.Exempt.Logins) > 0 {
		x.logins = &policyd.Scope{Logins: r.Exempt.Logins}
	}
	var networks []string
	for _, word := range r.Exempt.Keys {
		value := address(strings.TrimSpace(word))
		if strings.Trim(value, "@") == "" {
			return exemption{}, fmt.Errorf("%.100q is no value of a key: an empty key is never counted", word)
		}
		x.values[value] = struct{}{}
		if domain, found := strings.CutPrefix(value, "@"); found {
			x.values[domain] = struct{}{}
		}
		if _, err := policyd.ParseNetwork(value); err == nil {
			networks = append(networks, value)
		}
	}
	if !slices.Contains(r.Keys, Key{"client_address"}) {
		return x, nil
	}
	var err error
	x.networks, err = policyd.ParseNetworks(networks)
	return x, err
}

// request reports a request that is not counted, whatever its key.
func (x *exemption) request(q *policyd.Request) bool {
	return x.clients.Contains(q.Client) || x.networks.Contains(q.Client) || x.logins != nil && x.logins.Covers(q)
}

// value reports a folded value that is not counted, or whose domain is not.
func (x *exemption) value(value string) bool {
	if len(x.values) == 0 {
		return false
	}
	if _, found := x.values[value]; found {
		return true
	}
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return false
	}
	_, found := x.values[value[at:]]
	return found
}
