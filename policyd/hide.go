package policyd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"postern/srsd/srs"
)

// Hide replaces what tells who wrote to whom: addresses, names and logins. The
// same value is always replaced by the same, an address keeps its form and two
// of one domain, IPv4 /24 or IPv6 /64 still are, so limits by these count as
// before. Without the key nothing can be turned back.
type Hide struct{ Key []byte }

// Attributes returns the attributes with everything hidden that must be.
func (h Hide) Attributes(list []Attribute) []Attribute {
	out := make([]Attribute, len(list))
	for i, a := range list {
		out[i] = Attribute{a.Name, h.value(a.Name, a.Value)}
	}
	return out
}

func (h Hide) value(name, value string) string {
	switch name {
	case "sender", "recipient", "sasl_username", "sasl_sender":
		return h.address(value)
	case "client_address":
		return h.client(value)
	case "client_name", "reverse_client_name", "helo_name", "etrn_domain", "tls_sni":
		if value == "" || value == "unknown" {
			return value
		}
		return h.name(value)
	case "ccert_subject", "ccert_issuer", "ccert_fingerprint", "ccert_pubkey_fingerprint":
		return h.word(value)
	}
	return value
}

func (h Hide) address(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return h.word(s)
	}
	local, kept := s[:at], ""
	if srs.IsSRS(s) && at > srsPrefix {
		kept, local = local[:srsPrefix], local[srsPrefix:]
	}
	return kept + h.word(local) + "@" + h.name(s[at+1:])
}

// srsPrefix is the length of SRS0= and its like, by which a rule may go.
const srsPrefix = 5

// name hides a domain and leaves the number of its labels.
func (h Hide) name(s string) string {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for i := range labels {
		labels[i] = h.word(strings.ToLower(strings.Join(labels[i:], ".")))
	}
	return strings.Join(labels, ".")
}

func (h Hide) word(s string) string {
	if s == "" {
		return ""
	}
	return "h" + hex.EncodeToString(h.sum(s)[:5])
}

// client hides an address in 10.0.0.0/8 or fd00::/8.
func (h Hide) client(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return s // "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		b := a.As4()
		network := h.sum(string(b[:3]))
		return netip.AddrFrom4([4]byte{10, network[0], network[1], h.sum(string(b[:]))[0]}).String()
	}
	b := a.As16()
	out := [16]byte{0xfd}
	copy(out[1:8], h.sum(string(b[:8])))
	copy(out[8:], h.sum(string(b[:])))
	return netip.AddrFrom16(out).String()
}

func (h Hide) sum(s string) []byte {
	m := hmac.New(sha256.New, h.Key)
	m.Write([]byte(s))
	return m.Sum(nil)
}
