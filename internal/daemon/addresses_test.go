package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestMaskAddresses(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"no address, 3@ and @ stay", "no address, 3@ and @ stay"},
		{`msg=refused recipient=jane.doe@example.net id=K7`, `msg=refused recipient=j***@example.net id=K7`},
		{`key="Jane+news@example.net"`, `key="J***@example.net"`},
		{`"sender":"x@example.net","n":1`, `"sender":"***@example.net","n":1`},
		{`<jane@example.net>: said (to john@b.example.org)`, `<j***@example.net>: said (to j***@b.example.org)`},
		{`sender=SRS0=Ab3+=7T=example.net=jane@srs.example.org`, `sender=SRS0=Ab3+=7T=example.net=j***@srs.example.org`},
		{`key="\"jane doe\"@example.net"`, `key="***@example.net"`},
		{`sender=jane@[192.0.2.1]`, `sender=j***@[192.0.2.1]`},
		{`error="lookup: a@b@example.net: bad"`, `error="lookup: a***@example.net: bad"`},
		{`élan@exämple.net`, `é***@exämple.net`},
		{`a.ab@example.net,cd@example.net.`, `a***@example.net,c***@example.net.`},
	} {
		if got := MaskAddresses(test.line); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.line, got, test.want)
		}
	}
}

// Of what is known to be an address or a login nothing shows, however it is
// written.
func TestHideField(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"jane.doe@example.net", "j***@example.net"},
		{"alice", "a***"},
		{"a", "***"},
		{strings.Repeat("jane", 50), "j***"}, // cut before the @
		{`jane doe@example.net`, "j***@example.net"},
		{`"jane doe"@example.net`, "_***@example.net"},
		{"jane\u202edoe\n@example.net", "j***@example.net"},
		{"a=jane@example.net", "a***@example.net"},
		{"jane@b@example.net", "j***@example.net"},
		{"jane@", "j***"},
		{"jane@ \x00", "j***"},
		{"jane@exa mple", "j***@exa mple"},
		{"@example.net", "@example.net"},
		{"SRS0=Ab3+=7T=example.net=jane@srs.example.org", "SRS0=Ab3+=7T=example.net=j***@srs.example.org"},
		{"SRS0=Ab3+=7T=example.net=jane", "S***"},
		{"jane@[192.0.2.1]", "j***@[192.0.2.1]"},
	} {
		if got := hideField(test.text, MaskAddresses); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
		if got := hideField(test.text, HashAddresses([]byte("k"))); strings.Contains(got, "jane") || strings.Contains(got, "alice") || strings.Contains(got, noDomain) {
			t.Errorf("%q hashed: %q", test.text, got)
		}
	}
}

func TestHashedAddressesAreTheSameWhereTheKeyIs(t *testing.T) {
	hide, other := HashAddresses([]byte("one")), HashAddresses([]byte("two"))
	a, b := hide("to=Jane@Example.net x"), hide("from=jane@example.net x")
	if a[3:] != b[5:] || !strings.HasPrefix(a, "to=address-") || !strings.HasSuffix(a, " x") {
		t.Errorf("%q and %q", a, b)
	}
	if other("to=jane@example.net x") == a {
		t.Error("another key, the same hash")
	}
}

func TestLogsHideAddressesInEveryFormat(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log, err := NewLogger(&out, format, slog.LevelInfo, MaskAddresses)
		if err != nil {
			t.Fatal(err)
		}
		log.With("owner", "owner@private.example").WithGroup("g").Info("about told@private.example",
			"error", errors.New(`table: "key@private.example": gone`), slog.Group("q", "sender", "sender@private.example"))
		if n := strings.Count(out.String(), "***@private.example"); n != 4 {
			t.Errorf("%s: %d masked in %s", format, n, out.String())
		}
		for _, name := range []string{"owner@", "told@", "key@", "sender@"} {
			if strings.Contains(out.String(), name) {
				t.Errorf("%s: %s in %s", format, name, out.String())
			}
		}
	}
}
