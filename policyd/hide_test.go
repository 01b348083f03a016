package policyd

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	h := Hide{Key: []byte("key")}
	hide := func(name, value string) string { return h.Attributes([]Attribute{{name, value}})[0].Value }
	for _, same := range []Attribute{
		{"sender", ""}, {"client_address", "unknown"}, {"client_name", "unknown"}, {"helo_name", ""},
		{"protocol_state", "RCPT"}, {"instance", "1a.2b"}, {"size", "4000"}, {"policy_context", "gate"},
	} {
		if got := hide(same.Name, same.Value); got != same.Value {
			t.Errorf("%s=%s became %q", same.Name, same.Value, got)
		}
	}
	for _, a := range []Attribute{
		{"sender", "alice@example.org"}, {"recipient", "alice"}, {"sasl_username", "alice"}, {"client_address", "192.0.2.1"},
		{"client_name", "mx.example.org"}, {"helo_name", "[192.0.2.1]"}, {"ccert_subject", "alice"},
		{"client_address", "local:alice"}, {"server_address", "192.0.2.1"}, {"a_later_attribute", "alice"},
	} {
		got := hide(a.Name, a.Value)
		if got == a.Value || strings.Contains(got, "alice") || strings.Contains(got, "example") || strings.Contains(got, "192.0") {
			t.Errorf("%s=%s became %q", a.Name, a.Value, got)
		}
		if again := hide(a.Name, a.Value); again != got {
			t.Errorf("%s=%s became %q and %q", a.Name, a.Value, got, again)
		}
	}
	for _, name := range []string{"sender", "sasl_username", "helo_name"} {
		if a, b := hide(name, "alice@example.org"), hide(name, "Alice@Example.ORG"); a != b {
			t.Errorf("%s: upper case became another: %s, %s", name, a, b)
		}
	}
	domain := func(s string) string { return s[strings.LastIndexByte(s, '@')+1:] }
	if a, b := hide("sender", "alice@example.org"), hide("recipient", "bob@EXAMPLE.org"); domain(a) != domain(b) {
		t.Errorf("one domain became two: %s, %s", a, b)
	}
	if sub, parent := hide("helo_name", "mx.example.org"), hide("helo_name", "example.org"); !strings.HasSuffix(sub, "."+parent) {
		t.Errorf("%s is not below %s any more", sub, parent)
	}
	if got := hide("sender", "SRS0=abcd=XX=example.org=alice@srs.example.net"); !strings.HasPrefix(got, "SRS0=h") {
		t.Errorf("an SRS address became %s", got)
	}
	if a, b := hide("client_address", "192.0.2.1"), hide("client_address", "::ffff:192.0.2.99"); a == b || a[:strings.LastIndexByte(a, '.')] != b[:strings.LastIndexByte(b, '.')] {
		t.Errorf("one /24 became two: %s, %s", a, b)
	}
	a, b := hide("client_address", "2001:db8::1"), hide("client_address", "2001:db8::2")
	if n, err := ParseNetwork(a + "/64"); err != nil || !n.Contains(mustAddr(t, b)) {
		t.Errorf("one /64 became two: %s, %s", a, b)
	}
}

// TestHideNetworks: no two addresses become one, and two in one network of any
// length still are, as are two of different ones.
func TestHideNetworks(t *testing.T) {
	h := Hide{Key: []byte("key")}
	var clients, hidden []netip.Addr
	for i := range 300 {
		four := fmt.Sprintf("192.%d.%d.%d", i%2, i%7, i)
		if i > 255 {
			four = fmt.Sprintf("%d.0.2.1", i-200)
		}
		clients = append(clients, mustAddr(t, four), mustAddr(t, fmt.Sprintf("2001:db8:%x:%x::%x", i%5, i%11, i)))
	}
	for _, c := range clients {
		hidden = append(hidden, mustAddr(t, h.client(c.String())))
	}
	for i := range clients {
		for j := range i {
			if clients[i].Is4() != clients[j].Is4() {
				continue
			}
			was, is := common(clients[i], clients[j]), common(hidden[i], hidden[j])
			if was = min(was, networkBits); is > networkBits && hidden[i] != hidden[j] {
				is = networkBits
			}
			if was != is {
				t.Fatalf("%v and %v have %d bits in common, %v and %v %d", clients[i], clients[j], was, hidden[i], hidden[j], is)
			}
		}
	}
}

// common is how many leading bits two addresses share.
func common(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if x[i] != y[i] {
			return 8*i + bits.LeadingZeros8(x[i]^y[i])
		}
	}
	return 8 * len(x)
}

// TestHideAnswer: the text of an answer may name anybody.
func TestHideAnswer(t *testing.T) {
	h := Hide{Key: []byte("key")}
	for answer, want := range map[string]string{
		"DUNNO":                        "DUNNO",
		"554 5.7.1 alice is banned":    "554 5.7.1",
		"450 alice, try again":         "450",
		"450 4.7.1":                    "450 4.7.1",
		"DEFER_IF_PERMIT 4.7.1 listed": "DEFER_IF_PERMIT 4.7.1",
		"HOLD 5.7.1.alice":             "HOLD 5.7.1",
		"HOLD alice: over the limit":   "HOLD",
		"PREPEND Received-SPF: pass (alice@example.org)": "PREPEND Received-SPF:",
		"PREPEND alice":  "PREPEND",
		"DISCARD alice:": "DISCARD",
	} {
		if got := h.Record(Record{Answer: answer}).Answer; got != want {
			t.Errorf("%q became %q, want %q", answer, got, want)
		}
	}
	if got := h.Record(Record{Attributes: []Attribute{{"sender", "alice"}}}).String(); strings.Contains(got, "alice") {
		t.Errorf("a record became %s", got)
	}
}
