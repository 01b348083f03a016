package limit

import (
	"slices"
	"strings"
	"testing"

	"postern/policyd"
)

func TestParseKeys(t *testing.T) {
	for text, want := range map[string]string{
		"client_address":                       "client_address",
		"alias_owner":                          "alias_owner",
		"client_address+recipient_domain":      "client_address+recipient_domain",
		" sasl_username + client_address ":     "sasl_username+client_address",
		"tls_sni":                              "tls_sni",
		"ccert_pubkey_fingerprint+sasl_sender": "ccert_pubkey_fingerprint+sasl_sender",
	} {
		keys, err := ParseKeys(text)
		if err != nil || keyNames(keys) != want {
			t.Errorf("%q: %v, %v", text, keys, err)
		}
	}
	for text, want := range map[string]string{
		"":                                "a key is missing",
		"client_adress":                   "did you mean client_address?",
		"sasl_user_name":                  "did you mean sasl_username?",
		"Sender":                          "did you mean sender?",
		"recipientdomain":                 "did you mean recipient_domain?",
		"colour":                          "write an attribute of the policy protocol",
		"sender+":                         "a key is missing",
		"sender+sender":                   "the same as sender alone",
		"sender+recipient+helo_name":      "3 keys: a rule counts by one key, or by a pair",
		strings.Repeat("x", 100_000):      "is no key",
		"client_address recipient_domain": "is no key",
	} {
		if keys, err := ParseKeys(text); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%.100q: %v, %v, want %q", text, keys, err, want)
		}
	}
	keys, err := ParseKeys("client_address", "recipient")
	if err != nil || keyNames(keys) != "client_address+recipient" {
		t.Errorf("two words: %v, %v", keys, err)
	}
	if keys, err := ParseKeys(); err == nil {
		t.Errorf("no word: %v", keys)
	}
}

// TestEveryAttributeIsAKey counts by each attribute that Postfix sends.
func TestEveryAttributeIsAKey(t *testing.T) {
	for _, attribute := range policyd.Attributes() {
		if slices.Contains([]string{"protocol_state", "instance", "recipient_count", "size", "request", "client_address"}, attribute.Name) {
			continue // the dialogues have them, or a request cannot be without
		}
		l := newLedger()
		check, err := New(Options{Store: l, Rules: []Rule{{Name: "r", Keys: mustKeys(t, attribute.Name), Windows: hourly(9)}}})
		if err != nil {
			t.Errorf("%s: %v", attribute.Name, err)
			continue
		}
		q := withAttribute(t, attribute.Name, "Some.value")
		if _, err := judge(check, q); err != nil {
			t.Errorf("%s: %v", attribute.Name, err)
		}
		if len(l.spent) != 1 {
			t.Errorf("%s: %v is charged, want one key", attribute.Name, l.spent)
		}
	}
}

// withAttribute is a request at RCPT in which one attribute has the value.
func withAttribute(t *testing.T, name, value string) *policyd.Request {
	t.Helper()
	text := name + "=" + value
	for _, a := range request(t, "RCPT", "a").Attributes {
		if a.Name != name {
			text += "\n" + a.Name + "=" + a.Value
		}
	}
	q, err := policyd.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// FuzzParseKeys wants keys that print as what makes them again.
func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{"client_address", "sender+recipient", "a+b", "+", "", "sender + alias_owner", "client_adress", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParseKeys(text)
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		again, err := ParseKeys(keyNames(keys))
		if err != nil || !slices.Equal(keys, again) {
			t.Errorf("%q: %v, again %v, %v", text, keys, again, err)
		}
	})
}
