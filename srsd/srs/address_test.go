package srs

import (
	"errors"
	"testing"
)

func TestIsSRS(t *testing.T) {
	yes := []string{"SRS0=", "SRS1=", "SRS0+", "SRS1-", "srs0=a", "sRs1-", "SRS0==@", "SRS0=XjO9=2V=otherdomain.com=test@example.com"}
	no := []string{"", "S", "SRS", "SRS0", "SRS1", "SRS2=", "SRS0@x.com", "SRS0_", "SRS0a=", "SRS=0", " SRS0=", "XSRS0=", "\"SRS0=a\"@b", "ſRS=a", "ſRS0=a", "SRS\x00=", "SRS0\x00"}
	for _, address := range yes {
		if !IsSRS(address) {
			t.Errorf("%q is one", address)
		}
	}
	for _, address := range no {
		if IsSRS(address) {
			t.Errorf("%q is none", address)
		}
	}
}

// TestStrict has beside each address what PostSRSd's way makes of it.
func TestStrict(t *testing.T) {
	const refused = "! Address cannot be carried in an SRS address."
	cases := []struct{ address, strict, plain string }{
		{"test@otherdomain.com", "SRS0=vmyz=2W=otherdomain.com=test@example.com", "SRS0=vmyz=2W=otherdomain.com=test@example.com"},
		{"jörg@z.com", "SRS0=LM1C=2W=z.com=jörg@example.com", "SRS0=LM1C=2W=z.com=jörg@example.com"},
		{"@x.com", "SRS0=UAYP=2W=x.com=@example.com", "SRS0=UAYP=2W=x.com=@example.com"},
		{"a=b@c.com", "SRS0=GUXB=2W=c.com=a=b@example.com", "SRS0=GUXB=2W=c.com=a=b@example.com"},
		{"SRS0=opaque+string@otherdomain.com", "SRS1=chaI=otherdomain.com==opaque+string@example.com", "SRS1=chaI=otherdomain.com==opaque+string@example.com"},
		{"SRS1=a=b=c@x.com", "SRS1=8xaC=b=c@example.com", "SRS1=8xaC=b=c@example.com"},
		{"SRS1=@x.com", "SRS0=XpPm=2W=x.com=SRS1=@example.com", "! No hash in SRS1 address."},
		{"bla", "! No at sign in sender address", "! No at sign in sender address"},
		{`"a@b"@c.com`, refused, `SRS0=dnsZ=2W=b"@c.com="a@example.com`},
		{"a@b@c.com", refused, "SRS0=ZRM4=2W=b@c.com=a@example.com"},
		{"a@b=c.com", refused, "SRS0=Prow=2W=b=c.com=a@example.com"},
		{"SRS0=a@y=z", refused, "SRS1=7nMX=y=z==a@example.com"},
		{"user@[192.0.2.1]", refused, "SRS0=AZQw=2W=[192.0.2.1]=user@example.com"},
		{" a b@c.com", refused, "SRS0=NAX-=2W=c.com= a b@example.com"},
		{"SRS0@x.com", "SRS0=o3GU=2W=x.com=SRS0@example.com", "SRS1=OTeW=x.com=@example.com"},
		{"srs1@x.com", "SRS0=9Awl=2W=x.com=srs1@example.com", "! No host in SRS1 address."},
	}
	keys := keysOf("tops3cr3t")
	for _, c := range cases {
		v := vector{forward: true, clock: newYear(), keys: keys, options: Options{Domain: "example.com"}, given: c.address, want: c.plain}
		t.Run("plain "+c.address, v.check)
		v.options.Strict, v.want = true, c.strict
		t.Run("strict "+c.address, v.check)
	}
}

// TestStrictCharacters tries every ASCII character on either side.
func TestStrictCharacters(t *testing.T) {
	const needQuotes = "\"\\()<>[]:;,@ \x7f"
	r := mustNew(t, Options{Strict: true})
	for c := range rune(0x80) {
		wrong := c < ' '
		for _, q := range needQuotes {
			wrong = wrong || q == c
		}
		_, err := r.Forward(keysOf("k"), newYear(), "a"+string(c)+"b@x.com")
		if errors.Is(err, NotEmbeddable) != wrong {
			t.Errorf("%q in the user: %v", c, err)
		}
		_, err = r.Forward(keysOf("k"), newYear(), "a@x"+string(c)+"com")
		if errors.Is(err, NotEmbeddable) != (wrong || c == '=') {
			t.Errorf("%q in the domain: %v", c, err)
		}
	}
}
