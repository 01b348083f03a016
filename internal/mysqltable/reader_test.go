package mysqltable

import (
	"strings"
	"testing"
)

func TestReadParameters(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []parameter
	}{
		{"plain", "a = b\n", []parameter{{"a", "b", 1}}},
		{"no line end", "a=b", []parameter{{"a", "b", 1}}},
		{"blanks around", "a  =  b c  \t\n", []parameter{{"a", "b c", 1}}},
		{"empty value", "a =\n", []parameter{{"a", "", 1}}},
		{"inner blanks kept", "q = SELECT  1\n", []parameter{{"q", "SELECT  1", 1}}},
		{"continuation keeps its blanks", "q = a\n  b\n\tc\n", []parameter{{"q", "a  b\tc", 1}}},
		{"comment inside a value", "q = a\n# no\n  b\n  # no\n\n \n  c\nr=d\n", []parameter{{"q", "a  b  c", 1}, {"r", "d", 8}}},
		{"number sign inside a line", "p = a#b # c\n", []parameter{{"p", "a#b # c", 1}}},
		{"dollar is literal", "p = p$w#x ${y}\n", []parameter{{"p", "p$w#x ${y}", 1}}},
		{"quotes stay", "q = \"SELECT 'x'\"\n", []parameter{{"q", "\"SELECT 'x'\"", 1}}},
		{"backslash continues nothing", "q = a\\\nr = b\n", []parameter{{"q", "a\\", 1}, {"r", "b", 2}}},
		{"carriage returns", "a = b\r\n\r\nc = d\r\n", []parameter{{"a", "b", 1}, {"c", "d", 3}}},
		{"equals sign in value", "a = b=c\n", []parameter{{"a", "b=c", 1}}},
		{"leading comments", "#x\n\n  # y\na = b\n", []parameter{{"a", "b", 4}}},
		{"twice", "a = b\na = c\n", []parameter{{"a", "b", 1}, {"a", "c", 2}}},
		{"name takes no blank before =", "a=\n =b\n", []parameter{{"a", "=b", 1}}},
		{"empty file", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, warnings, err := readParameters("f.cf", []byte(c.text))
			if err != nil || len(warnings) != 0 {
				t.Fatalf("warnings %v, error %v", warnings, err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("parameter %d: got %+v, want %+v", i, got[i], c.want[i])
				}
			}
		})
	}
}

func TestReadParametersBad(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no equals sign", "a = b\nquery SELECT 1\n", `f.cf:2: missing '=' after "query": write name = value`},
		{"no name", "= b\n", `f.cf:1: missing name before '=': write name = value`},
		{"NUL", "a = b\x00c\n", "f.cf:1: NUL byte in line: a text file is needed"},
		{"all are told", "a\n\nb\n", "f.cf:1: missing '=' after \"a\": write name = value\nf.cf:3: missing '=' after \"b\": write name = value"},
		{"too large", strings.Repeat("#", maxFile+1), "f.cf: file is larger than 1048576 bytes: not a mysql_table(5) file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readParameters("f.cf", []byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestNothingToContinue(t *testing.T) {
	params, warnings, err := readParameters("f.cf", []byte("  a = b\n  c\nd = e\n"))
	if err != nil || len(params) != 1 || params[0] != (parameter{"d", "e", 3}) {
		t.Errorf("got %+v, %v", params, err)
	}
	want := "f.cf:1: ignored: a line that begins with white space continues the one before, and there is none"
	if len(warnings) != 1 || warnings[0].String() != want {
		t.Errorf("got %v, want %s", warnings, want)
	}
}

// FuzzReadParameters checks that whatever is read is read the same again.
func FuzzReadParameters(f *testing.F) {
	f.Add([]byte("hosts = a\n# c\nquery = SELECT 1\n\n  # d\n\t AND 2\n"))
	f.Add([]byte(" x\n=\r\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		params, _, err := readParameters("f.cf", data)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, p := range params {
			if p.name == "" || strings.ContainsAny(p.name, spaces+"=") || p.value != strings.Trim(p.value, spaces) {
				t.Fatalf("bad parameter %+v", p)
			}
			again.WriteString(p.name + " = " + p.value + "\n")
		}
		second, _, err := readParameters("f.cf", []byte(again.String()))
		hashed := false // such a line is a comment when written out
		for _, p := range params {
			hashed = hashed || p.name[0] == '#'
		}
		if hashed {
			return
		}
		if err != nil || len(second) != len(params) {
			t.Fatalf("read again: %+v, %v; first %+v", second, err, params)
		}
		for i := range second {
			if second[i].name != params[i].name || second[i].value != params[i].value {
				t.Fatalf("read again: %+v, first %+v", second[i], params[i])
			}
		}
	})
}
