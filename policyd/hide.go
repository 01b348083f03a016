package policyd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

// Hide replaces what tells who wrote to whom: addresses, names and logins. The
// same value is always replaced by the same, in whatever case it is written,
// and two mail addresses of one domain still are. Two IPv4 addresses, or the
// networks of IPv6 up to /64, have as many leading bits in common as before and
// never become one (prefix-preserving anonymization, Xu et al., ICNP 2002). So
// limits by these count as before. Without the key nothing can be turned back.
type Hide struct{ Key []byte }

// Record hides what is in a record. Of the answer the text is left out.
func (h Hide) Record(r Record) Record {
	r.Answer, r.Attributes = silent(r.Answer), h.Attributes(r.Attributes)
	return r
}

// told is what an answer begins with: its verb, and an enhanced status code or
// the name of a header.
var told = regexp.MustCompile(`^(?i:prepend [!-9;-~]+:|\S+( [245]\.\d{1,3}\.\d{1,3}\b)?)`)

// silent leaves out the text of an answer, which may name a sender.
func silent(answer string) string { return told.FindString(answer) }

// Attributes returns the attributes with everything hidden that must be.
func (h Hide) Attributes(list []Attribute) []Attribute {
	out := make([]Attribute, len(list))
	for i, a := range list {
		out[i] = Attribute{a.Name, h.value(a.Name, a.Value)}
	}
	return out
}

// value hides all that is not known to be harmless: a later Postfix may send
// names in new attributes.
func (h Hide) value(name, value string) string {
	switch name {
	case "request", "protocol_state", "protocol_name", "policy_context", "client_port", "server_port",
		"recipient_count", "size", "queue_id", "instance", "stress", "sasl_method",
		"encryption_protocol", "encryption_cipher", "encryption_keysize", "compatibility_level", "mail_version":
		return value
	case "sender", "recipient", "sasl_username", "sasl_sender":
		return h.address(value)
	case "client_address", "server_address":
		return h.client(value)
	case "client_name", "reverse_client_name", "helo_name", "etrn_domain", "tls_sni":
		if value == "" || value == "unknown" {
			return value
		}
		return h.name(value)
	}
	return h.word(value)
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
		labels[i] = h.word(strings.Join(labels[i:], "."))
	}
	return strings.Join(labels, ".")
}

func (h Hide) word(s string) string {
	if s == "" {
		return ""
	}
	return "h" + hex.EncodeToString(h.sum([]byte(lookup.Fold(s)))[:5])
}

// client hides an IP address.
func (h Hide) client(s string) string {
	a, err := netip.ParseAddr(s)
	switch {
	case s == "" || s == "unknown":
		return s
	case err != nil:
		return h.word(s)
	}
	a = a.Unmap().WithZone("")
	hidden, _ := netip.AddrFromSlice(h.bits(a.AsSlice()))
	return hidden.String()
}

// networkBits of an address are hidden one by one, so that prefixes remain. The
// rest, of IPv6 the interface identifier, is hidden as a whole.
const networkBits = 64

// bits hides an address: what becomes of each bit depends on those before it.
func (h Hide) bits(address []byte) []byte {
	out := slices.Clone(address)
	for i := range min(8*len(address), networkBits) {
		prefix := append(slices.Clone(address[:i/8]), address[i/8]&^(0xff>>(i%8)), byte(i), byte(len(address)))
		out[i/8] ^= h.sum(prefix)[0] >> 7 << (7 - i%8)
	}
	if len(out) > networkBits/8 {
		copy(out[networkBits/8:], h.sum(address))
	}
	return out
}

func (h Hide) sum(b []byte) []byte {
	m := hmac.New(sha256.New, h.Key)
	m.Write(b)
	return m.Sum(nil)
}
