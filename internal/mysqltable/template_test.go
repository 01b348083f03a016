package mysqltable

import "testing"

// TestSuppression is the matrix observed with Postfix 3.7.11.
func TestSuppression(t *testing.T) {
	const no = "\x00suppressed"
	for _, c := range []struct{ query, format, key, want string }{
		{"%u", "%s", "a@b.c", "a"},
		{"%u", "%s", "abc", "abc"},
		{"%u", "%s", "abc@", "abc"},
		{"%u", "%s", "@b.c", no},
		{"%u", "%s", "x@y@z", "x@y"},
		{"%u", "%s", "@a@b", "@a"},
		{"%d", "%s", "a@b.c", "b.c"},
		{"%d", "%s", "abc", no},
		{"%d", "%s", "abc@", no},
		{"%d", "%s", "@b.c", "b.c"},
		{"%1,%2,%3", "%s", "u@mail.example.com", "com,example,mail"},
		{"%1,%2,%3", "%s", "u@a.b", no},
		{"%1,%2,%3", "%s", "u@a..b.c", "c,b,a"},
		{"%1,%2,%3", "%s", "a.b.c", no},
		{"%1", "%s", "u@.a.", "a"},
		{"%1", "%s", "u@...", no},
		{"%9", "%s", "u@1.2.3.4.5.6.7.8.9", "1"},
		{"%s", "%s", "", no},
		{"%s", "%s", "@", "@"},
		{"%S|%U|%D", "%s", "a@b", "a@b|a|b"},
		{"%U", "%s", "@b", no},
		{"%U", "%s", "b", "b"},
		{"%D", "%s", "b", no},
		{"x", "%s", "b", "x"},
		{"%s", "%U", "@b", no},
		{"%s", "%D", "b", no},
		{"%s", "%2", "a@b", no},
		{"%s", "%u%d", "b", "b"},
		{"%%%s", "%s", "b", "%b"},
	} {
		t.Run(c.query+" "+c.format+" "+c.key, func(t *testing.T) {
			var n needs
			q, err := parseTemplate(c.query, true, &n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseTemplate(c.format, false, &n); err != nil {
				t.Fatal(err)
			}
			got := no
			if key, ok := n.splitKey(c.key); ok {
				got = string(q.append(nil, key, key))
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		name, format, key string
		limit             int
		columns           []string // "-" is NULL
		want, err         string
	}{
		{"as it is", "%s", "k", 0, []string{"a"}, "a", ""},
		{"joined, without removing doubles", "%s", "k", 0, []string{"x", "x", "y"}, "x,x,y", ""},
		{"NULL skipped", "%s", "k", 0, []string{"-", "-"}, "", ""},
		{"empty skipped", "%s", "k", 0, []string{"", "q"}, "q", ""},
		{"all expansions", "<%s|%u|%d|%S|%U|%D|%1|%%>", "m@d.e", 0, []string{"v@w"}, "<v@w|v|w|m@d.e|m|d.e|e|%>", ""},
		{"value without domain", "%d", "k", 0, []string{"v", "v@", "a@b"}, "b", ""},
		{"value without user", "%u", "k", 0, []string{"@v", "v", "v@", "a@b"}, "v,v,a", ""},
		{"constant format", "OK", "k", 0, []string{"1", "2"}, "OK,OK", ""},
		{"limit reached", "%s", "k", 2, []string{"a", "-", "", "b"}, "a,b", ""},
		{"limit exceeded", "%s", "k", 2, []string{"a", "b", "c"}, "", "more than expansion_limit = 2 values"},
		{"skipped values do not count", "%d", "k", 1, []string{"a", "b@c"}, "c", ""},
		{"negative limit is off", "%s", "k", -1, []string{"a", "b"}, "a,b", ""},
		{"commas inside", "%s", "k", 0, []string{"a, b", "c"}, "a, b,c", ""},
		{"cut at NUL", "%s", "k", 0, []string{"a\x00b", "\x00c"}, "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := resultBuilder{limit: c.limit}
			var err error
			if r.format, err = parseTemplate(c.format, false, &r.needs); err != nil {
				t.Fatal(err)
			}
			r.key, _ = r.needs.splitKey(c.key)
			for _, column := range c.columns {
				if err != nil {
					break
				}
				if column == "-" {
					err = r.add(nil)
				} else {
					err = r.add([]byte(column))
				}
			}
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("got %v, want %s", err, c.err)
				}
			} else if err != nil || string(r.joined) != c.want {
				t.Errorf("got %q %v, want %q", r.joined, err, c.want)
			}
		})
	}
}

func TestResultIsBounded(t *testing.T) {
	r := resultBuilder{format: template{{code: 's'}}}
	var err error
	for range maxResult/1000 + 2 {
		if err = r.add(make1000()); err != nil {
			break
		}
	}
	if err == nil || len(r.joined) > maxResult+2000 {
		t.Errorf("%d bytes, %v", len(r.joined), err)
	}
}

func make1000() []byte {
	b := make([]byte, 1000)
	for i := range b {
		b[i] = 'x'
	}
	return b
}
