package spf

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/policyd"
)

func TestHeader(t *testing.T) {
	long := strings.Repeat("x", 2000)
	tests := map[string]struct {
		client, helo, sender string
		want                 string
	}{
		"pass": {"192.0.2.1", "mail.pass.example", "Alice@pass.example",
			`Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="Alice@pass.example"; helo=mail.pass.example; receiver=mx.example.org`},
		"IPv6": {"2001:db8::1", "mail.pass.example", "alice@pass.example",
			`Received-SPF: pass (pass.example designates 2001:db8::1 as permitted sender) identity=mailfrom; client-ip="2001:db8::1"; envelope-from="alice@pass.example"; helo=mail.pass.example; receiver=mx.example.org`},
		"fail": {"203.0.113.1", "h.example", "alice@pass.example",
			`Received-SPF: fail (pass.example does not designate 203.0.113.1 as permitted sender) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@pass.example"; helo=h.example; receiver=mx.example.org`},
		"softfail": {"203.0.113.1", "h.example", "alice@soft.example",
			`Received-SPF: softfail (soft.example discourages use of 203.0.113.1 as permitted sender) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@soft.example"; helo=h.example; receiver=mx.example.org`},
		"neutral": {"203.0.113.1", "h.example", "alice@neutral.example",
			`Received-SPF: neutral (neutral.example neither permits nor denies 203.0.113.1) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@neutral.example"; helo=h.example; receiver=mx.example.org`},
		"none": {"203.0.113.1", "h.example", "alice@silent.example",
			`Received-SPF: none (silent.example does not designate permitted senders) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@silent.example"; helo=h.example; receiver=mx.example.org`},
		"temperror": {"203.0.113.1", "h.example", "alice@servfail.example",
			`Received-SPF: temperror (the DNS did not answer about servfail.example) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@servfail.example"; helo=h.example; receiver=mx.example.org; problem="no answer from the DNS"`},
		"permerror": {"203.0.113.1", "h.example", "alice@broken.example",
			`Received-SPF: permerror (the record of broken.example cannot be used) identity=mailfrom; client-ip=203.0.113.1; envelope-from="alice@broken.example"; helo=h.example; receiver=mx.example.org; problem="unknown field"`},
		"null sender": {"192.0.2.1", "host.mx.example", "",
			`Received-SPF: pass (host.mx.example designates 192.0.2.1 as permitted sender) identity=helo; client-ip=192.0.2.1; envelope-from="<>"; helo=host.mx.example; receiver=mx.example.org`},
		"HELO literal": {"192.0.2.1", "[192.0.2.1]", "",
			`Received-SPF: none (there is no domain to ask) identity=helo; client-ip=192.0.2.1; envelope-from="<>"; helo="[192.0.2.1]"; receiver=mx.example.org`},
		"no HELO, no address": {"unknown", "", "alice@pass.example",
			`Received-SPF: none (pass.example does not designate permitted senders) identity=mailfrom; client-ip=unknown; envelope-from="alice@pass.example"; receiver=mx.example.org`},
		"quotes and parentheses": {"192.0.2.1", `h"); x=(y\.example`, `a"b\c (d); receiver=evil@pass.example`,
			`Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="a\"b\\c (d); receiver=evil@pass.example"; helo="h\"); x=(y\\.example"; receiver=mx.example.org`},
		"line ends": {"192.0.2.1", "h.example\r\nX-Evil: yes", "a\r\nX-Evil: yes\r\n\r\nbody@pass.example",
			`Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="a??X-Evil: yes????body@pass.example"; helo="h.example??X-Evil: yes"; receiver=mx.example.org`},
		"not ASCII": {"192.0.2.1", "bücher.example", "jörg\x00\xff@bücher.example",
			`Received-SPF: pass (xn--bcher-kva.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="j?rg??@b?cher.example"; helo="b?cher.example"; receiver=mx.example.org`},
		"a line end in the domain": {"192.0.2.1", "h.example", "alice@pass.example\r\nX-Evil: yes",
			`Received-SPF: none (there is no domain to ask) identity=mailfrom; client-ip=192.0.2.1; envelope-from="alice@pass.example??X-Evil: yes"; helo=h.example; receiver=mx.example.org`},
		"too long a sender": {"192.0.2.1", "h.example", long + "@pass.example",
			`Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; helo=h.example; receiver=mx.example.org`},
		"too long a HELO": {"192.0.2.1", long, "alice@pass.example",
			`Received-SPF: pass (pass.example designates 192.0.2.1 as permitted sender) identity=mailfrom; client-ip=192.0.2.1; envelope-from="alice@pass.example"; receiver=mx.example.org`},
	}
	c, _ := check(t, func(o *Options) { o.Actions = everything(PrependIt) })
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := rcpt(test.client, test.helo, test.sender)
			q.Instance = name
			v, err := c.Check(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Action.String(); got != "PREPEND "+test.want {
				t.Errorf("%s\nwant    %s", got, test.want)
			}
		})
	}
}

// read takes a header apart, by the grammar of RFC 7208, section 9.1.
func read(header string) (result, comment string, pairs map[string]string, err error) {
	rest, found := strings.CutPrefix(header, "Received-SPF: ")
	if !found {
		return "", "", nil, fmt.Errorf("no name")
	}
	result, rest, _ = strings.Cut(rest, " ")
	if comment, rest, err = enclosed(rest, '(', ')'); err != nil {
		return "", "", nil, fmt.Errorf("comment: %w", err)
	}
	pairs = map[string]string{}
	for separator := " "; rest != ""; separator = "; " {
		if rest, found = strings.CutPrefix(rest, separator); !found {
			return "", "", nil, fmt.Errorf("before %q: no %q", rest, separator)
		}
		var key, value string
		if key, rest, found = strings.Cut(rest, "="); !found || pairs[key] != "" {
			return "", "", nil, fmt.Errorf("key %q", key)
		}
		if strings.HasPrefix(rest, `"`) {
			if value, rest, err = enclosed(rest, '"', '"'); err != nil {
				return "", "", nil, fmt.Errorf("%s: %w", key, err)
			}
		} else {
			end := strings.IndexAny(rest+";", "; ()\"\\<>@,:[]")
			value, rest = rest[:end], rest[end:]
			if value == "" || strings.HasPrefix(value, ".") || strings.HasSuffix(value, ".") || strings.Contains(value, "..") {
				return "", "", nil, fmt.Errorf("%s: %q is no dot-atom", key, value)
			}
		}
		pairs[key] = value
	}
	return result, comment, pairs, nil
}

// enclosed reads what is between two marks, with backslashes.
func enclosed(s string, open, end byte) (inside, rest string, err error) {
	if s == "" || s[0] != open {
		return "", "", fmt.Errorf("%q begins with no %c", s, open)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
		case s[i] == end:
			return b.String(), s[i+1:], nil
		case s[i] == open:
			return "", "", fmt.Errorf("%c within", open)
		}
		b.WriteByte(s[i])
	}
	return "", "", fmt.Errorf("no end")
}

// printable is what must come back of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func FuzzHeader(f *testing.F) {
	f.Add("alice@pass.example", "mail.example", uint8(0))
	f.Add("", "[192.0.2.1]", uint8(1))
	f.Add("a\"b\\ (c)@pass.example", "\\\"); x=y", uint8(2))
	f.Add("a\r\nX: y@pass.example", "..", uint8(3))
	f.Add(strings.Repeat("\"", 500)+"@pass.example", strings.Repeat("\\", 300), uint8(4))
	f.Add("ß@bücher.example", "\xff\x00", uint8(6))
	f.Fuzz(func(t *testing.T, sender, heloName string, n uint8) {
		q := rcpt("2001:db8::1", heloName, sender)
		id := identityOf(q)
		result := Results()[int(n)%len(Results())]
		text := header{outcome{result: result, why: "unknown field"}, id, sender, "mx.example.org"}.String()
		if sent := policyd.Prepend(text).String(); sent != "PREPEND "+text {
			t.Fatalf("%q is changed to %q", text, sent)
		}
		got, _, pairs, err := read(text)
		if err != nil || got != string(result) {
			t.Fatalf("%s: %s, %v", text, got, err)
		}
		want := map[string]string{"identity": id.kind, "client-ip": "2001:db8::1", "envelope-from": printable(sender), "helo": printable(id.helo), "receiver": "mx.example.org", "problem": "unknown field"}
		if id.kind == helo {
			want["envelope-from"] = "<>"
		}
		for key, value := range pairs {
			if want[key] != value {
				t.Errorf("%s: %s is %q, want %q", text, key, value, want[key])
			}
		}
		if pairs["identity"] == "" || pairs["client-ip"] == "" || len(sender)+len(heloName) < 200 && sender != "" && pairs["envelope-from"] == "" {
			t.Errorf("%s: a pair is missing", text)
		}
	})
}

// FuzzIdentity: what is asked of the DNS is a name, whatever the client says.
func FuzzIdentity(f *testing.F) {
	for _, seed := range []string{"", "a", "@", "a@b.example", "a@[::1]", "a@B.EXAMPLE.", "x@y@z.example", "a@b\x00.example", "a@bücher.example", "a@xn--.example", "a@1.2.3.4"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, sender, heloName string) {
		id := identityOf(rcpt("192.0.2.1", heloName, sender))
		if id.domain == "" {
			return
		}
		if len(id.domain) > 253 || strings.ToLower(id.domain) != id.domain || !strings.Contains(id.domain, ".") ||
			strings.Trim(id.domain, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || strings.Contains("."+id.domain+".", "..") {
			t.Errorf("domain %q", id.domain)
		}
		if _, domain, _ := strings.Cut(id.sender(), "@"); domain != id.domain {
			t.Errorf("the library checks %q instead of %q", domain, id.domain)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	c, _ := check(b, nil)
	q := rcpt("192.0.2.1", "mail.pass.example", "alice@pass.example")
	for b.Loop() {
		if v, err := c.Check(b.Context(), q); err != nil || v.Rule != string(Pass) {
			b.Fatal(v, err)
		}
	}
	b.ReportAllocs()
}
