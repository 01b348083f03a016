package greylist

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"

	"postern/policyd"
)

// FuzzVisit: whatever Postfix sends, parts are bounded, folded, and the same for
// the same mail in other letters.
func FuzzVisit(f *testing.F) {
	for _, seed := range [][4]string{
		{"192.0.2.1", "mx.b.example", "a@b.example", "user+tag@mine.example"},
		{"2001:db8::1", "m.pool.example.", "<>", "\"a b\"@Mine.Example"},
		{"::ffff:192.0.2.1", "pool.example", "", "postmaster"},
		{"unknown", "unknown", "@", "@"},
		{"fe80::1%eth0", "..", "a@b@c.", "ẞ@straße.example"},
		{"192.0.2.1", "x", "a@" + strings.Repeat("x", 300), strings.Repeat("y", 300) + "@z"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	spf := ""
	seen := &spy{Store: NewMemory(MemoryOptions{})}
	c, err := New(Options{Store: seen, AutoPass: -1, Delimiter: "+-", Pools: []string{"pool.example"}, SkipSenders: []string{"skip.example"}, SenderDomain: spfSays(&spf)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, client, name, sender, recipient string) {
		if strings.ContainsAny(client+name+sender+recipient, "\n\x00") {
			t.Skip()
		}
		ask := func(up func(string) string) Visit {
			seen.visit = Visit{}
			q, err := policyd.Parse("protocol_state=RCPT\nclient_address=" + client + "\nclient_name=" + up(name) + "\nsender=" + up(sender) + "\nrecipient=" + up(recipient) + "\n\n")
			if err != nil {
				t.Skip()
			}
			if _, err := c.Check(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			return seen.visit
		}
		plain := ask(func(s string) string { return s })
		if upper := ask(upperASCII); upper != plain {
			t.Errorf("%+v, in capitals %+v", plain, upper)
		}
		for _, part := range []string{string(plain.Group), plain.Sender, plain.Owner} {
			if len(part) > longestPart+len(spfPrefix) {
				t.Errorf("%d bytes: %q", len(part), part)
			}
		}
		if plain.Group != plain.Trust[0] || (plain.Owner == "") != (plain.Group == "") {
			t.Errorf("%+v", plain)
		}
	})
}

// spy remembers the last visit.
type spy struct {
	Store
	visit Visit
}

func (s *spy) Judge(_ context.Context, v Visit, _ Terms, _ bool) (Standing, error) {
	s.visit = v
	return Standing{}, nil
}

func upperASCII(s string) string {
	upper := []byte(s)
	for i, c := range upper {
		if 'a' <= c && c <= 'z' {
			upper[i] = c - 'a' + 'A'
		}
	}
	return string(upper)
}

// FuzzRows: what is read is written the same, and nothing else is read.
func FuzzRows(f *testing.F) {
	whole := (&row{key: key{"192.0.2.0/24", "b.example", "user@mine.example"}, first: 1, last: -2, dies: 3, count: 4, message: 5, counted: []uint64{6, 7}}).appendTo(nil)
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := readRows(bufio.NewReader(bytes.NewReader(body)))
		if err != nil {
			return
		}
		var again []byte
		for _, r := range rows {
			again = r.appendTo(again)
		}
		twice, err := readRows(bufio.NewReader(bytes.NewReader(again)))
		if err != nil || len(twice) != len(rows) {
			t.Fatalf("%d rows, then %d: %v", len(rows), len(twice), err)
		}
		for i := range rows {
			if a, b := rows[i].appendTo(nil), twice[i].appendTo(nil); !bytes.Equal(a, b) || rows[i].key != twice[i].key {
				t.Errorf("row %d: %x, then %x", i, a, b)
			}
		}
	})
}
