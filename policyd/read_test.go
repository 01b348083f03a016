package policyd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// portions are the ways in which the same bytes can come.
func portions(in string) map[string]*bufio.Reader {
	return map[string]*bufio.Reader{
		"whole":               bufio.NewReader(strings.NewReader(in)),
		"byte by byte":        bufio.NewReader(iotest.OneByteReader(strings.NewReader(in))),
		"halves":              bufio.NewReader(iotest.HalfReader(strings.NewReader(in))),
		"data with the end":   bufio.NewReader(iotest.DataErrReader(strings.NewReader(in))),
		"small buffer":        bufio.NewReaderSize(strings.NewReader(in), 16),
		"small buffer, bytes": bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(in)), 16),
	}
}

// readAll reads requests to the end, their attributes kept.
func readAll(r *bufio.Reader, l Limits) (all []*Request, err error) {
	for {
		q := new(Request)
		if err := q.read(r, l); err != nil {
			return all, err
		}
		all = append(all, q)
	}
}

// wire makes a request of lines.
func wire(lines ...string) string {
	return "request=smtpd_access_policy\n" + strings.Join(append(lines, "\n"), "\n")
}

// TestRead: what comes of lines, in whatever portions.
func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Request // but for the attributes
		more map[string]string
	}{
		"nothing but its type": {in: "request=smtpd_access_policy\n\n"},
		"all fields": {
			in: recipientRequest,
			want: Request{State: "RCPT", Context: "rcpt", ClientAddress: "2001:db8:17:4::25", Client: netip.MustParseAddr("2001:db8:17:4::25"),
				ClientName: "mail-yw1-f172.example.net", Helo: "mail-yw1-f172.example.net", Sender: "newsletter+id=4711@lists.example.net",
				Recipient: "somebody@example.com", Instance: "1d4b.6560c0a1.9b2f1.0", Size: 48213},
			more: map[string]string{"encryption_protocol": "TLSv1.3", "stress": "", "tls_sni": ""},
		},
		"end of a message": {
			in:   wire("protocol_state=END-OF-MESSAGE", "recipient_count=3", "size=52428800", "queue_id=4F2", "sasl_username=Ann=a@b"),
			want: Request{State: "END-OF-MESSAGE", RecipientCount: 3, Size: 52428800, QueueID: "4F2", Login: "Ann=a@b"},
		},
		"values with = and spaces":      {in: wire(`sender="a = b"@x=y`, "future=a=b="), want: Request{Sender: `"a = b"@x=y`}},
		"unknown attributes are kept":   {in: wire("tls_sni=mx.example.org", "from_2030=1"), more: map[string]string{"tls_sni": "mx.example.org", "from_2030": "1"}},
		"8-bit values are kept":         {in: wire("helo_name=\xff\xfe\x01", "sender=mü@exämple.org"), want: Request{Helo: "\xff\xfe\x01", Sender: "mü@exämple.org"}},
		"the last of a repetition":      {in: wire("sender=a", "sender=b", "size=1", "size=x"), want: Request{Sender: "b"}, more: map[string]string{"sender": "b", "size": "x"}},
		"a terminal's line ends":        {in: strings.ReplaceAll(wire("sender=a", "helo_name="), "\n", "\r\n"), want: Request{Sender: "a"}},
		"mixed line ends":               {in: "request=smtpd_access_policy\r\nsender=a\n\r\n", want: Request{Sender: "a"}},
		"one carriage return goes":      {in: wire("sender=a\r\r"), want: Request{Sender: "a\r"}},
		"a name of one carriage return": {in: wire("\r=a"), more: map[string]string{"\r": "a"}},
		"an address of XCLIENT":         {in: wire("client_address=unknown"), want: Request{ClientAddress: "unknown"}},
		"an address mapped to IPv6":     {in: wire("client_address=::ffff:192.0.2.1"), want: Request{ClientAddress: "::ffff:192.0.2.1", Client: netip.MustParseAddr("192.0.2.1")}},
		"an address with a zone":        {in: wire("client_address=fe80::1%eth0"), want: Request{ClientAddress: "fe80::1%eth0", Client: netip.MustParseAddr("fe80::1")}},
		"no address":                    {in: wire("client_address=300.1.2.3"), want: Request{ClientAddress: "300.1.2.3"}},
		"an address, then none":         {in: wire("client_address=192.0.2.1", "client_address=x"), want: Request{ClientAddress: "x"}},
		"no numbers":                    {in: wire("size=-1", "recipient_count=many")},
		"no integers":                   {in: wire("size=1.5", "recipient_count=+1")},
		"numbers without end":           {in: wire("size=99999999999999999999", "recipient_count=18446744073709551615"), want: Request{Size: 1 << 50, RecipientCount: 1 << 50}},
		"larger than the buffer":        {in: wire("helo_name="+strings.Repeat("h", 9000), "sender=a"), want: Request{Helo: strings.Repeat("h", 9000), Sender: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range portions(c.in + c.in) {
				all, err := readAll(r, Limits{})
				if len(all) != 2 || err != io.EOF {
					t.Fatalf("%s: %d requests, %v", how, len(all), err)
				}
				for _, q := range all {
					check(t, how, q, c.want, c.more, c.in)
				}
			}
		})
	}
}

// check compares the fields, and the attributes with the lines they came from.
func check(t *testing.T, how string, q *Request, want Request, more map[string]string, in string) {
	t.Helper()
	for name, value := range more {
		if got := q.Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", how, name, got, value)
		}
	}
	if got := q.Text(); !strings.Contains(in, "\r\n") && got != in {
		t.Errorf("%s: text %.300q, sent %.300q", how, got, in)
	}
	fields := *q
	fields.Attributes, fields.kind = nil, ""
	if !reflect.DeepEqual(fields, want) {
		t.Errorf("%s: got %+v, want %+v", how, fields, want)
	}
}

// TestMalformed: what is no request is refused in whatever portions it comes,
// with words that tell what would be right.
func TestMalformed(t *testing.T) {
	limits := Limits{Line: 100, Request: 300, Attributes: 5}
	for name, c := range map[string]struct{ in, says string }{
		"an empty line first":         {"\n" + wire("a=b"), "no attributes before the empty line"},
		"an empty line of a terminal": {"\r\n", "no attributes before the empty line"},
		"a line without =":            {wire("sender"), `line 2: name=value is expected, not "sender"`},
		"a line without =, no end":    {"QUIT\r\n", `line 1: name=value is expected, not "QUIT"`},
		"HTTP":                        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", `not "GET / HTTP/1.1"`},
		"a space alone":               {wire(" "), `line 2: name=value is expected, not " "`},
		"two carriage returns":        {"\r\r\n", `not "\r"`},
		"no name":                     {wire("=value"), `"=value" has no name before the =`},
		"= alone":                     {wire("="), `"=" has no name before the =`},
		"NUL in a value":              {wire("sender=a\x00b", "a=b"), `line 2: "sender"="a\x00b" contains a NUL`},
		"NUL in a name":               {wire("s\x00=a"), `line 2: "s\x00"="a" contains a NUL`},
		"NUL at the end":              {wire("sender=a\x00"), `contains a NUL`},
		"no type":                     {"sender=a\n\n", "no attribute request=smtpd_access_policy"},
		"an empty type":               {"request=\n\n", "no attribute request=smtpd_access_policy"},
		"another type":                {"request=junk\nsender=a\n\n", `request="junk"; only smtpd_access_policy is answered`},
		"a type in capitals":          {"request=SMTPD_ACCESS_POLICY\n\n", "only smtpd_access_policy is answered"},
		"a long line":                 {wire("sender=" + strings.Repeat("s", 93)), `line 2: "sender=sssss`},
		"a long line, no end":         {"sender=" + strings.Repeat("s", 94), "is longer than 100 bytes; line_length_limit"},
		"many attributes":             {wire("a=", "b=", "c=", "d=", "e="), "more than 5 attributes; Postfix 3.12 sends 32"},
		"many attributes, no end":     {strings.Repeat("a=b\n", 6), "more than 5 attributes"},
		"a long request":              {strings.Repeat("a="+strings.Repeat("v", 73)+"\n", 4), "over 300 bytes without an empty line"},
		"a long request, no end":      {strings.Repeat("a="+strings.Repeat("v", 87)+"\n", 3) + strings.Repeat("x", 33), "over 300 bytes without"},
		"what is quoted is escaped":   {strings.Repeat("\x1b\xff", 20) + "\n\n", `\x1b\xff`},
		"what is quoted is bounded":   {strings.Repeat("long", 24) + "\n\n", strings.Repeat("long", 16) + `"`},
		"a line of the second":        {wire("a=b") + "what\n\n", `line 1: name=value is expected, not "what"`},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range portions(c.in) {
				_, err := readAll(r, limits)
				if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: got %v, want %q", how, err, c.says)
				}
				if err != nil && len(err.Error()) > 400 {
					t.Errorf("%s: an error of %d bytes", how, len(err.Error()))
				}
			}
		})
	}
}

// TestAtTheLimits: the longest of everything is a request.
func TestAtTheLimits(t *testing.T) {
	for name, in := range map[string]string{
		"line":       wire("sender=" + strings.Repeat("s", 92)),
		"request":    wire("a="+strings.Repeat("v", 97), "b="+strings.Repeat("v", 97), "c="+strings.Repeat("v", 68)),
		"attributes": wire("a=", "b=", "c=", "d="),
	} {
		if len(in) > 300 || name == "request" && len(in) != 300 {
			t.Fatalf("%s: %d bytes", name, len(in))
		}
		for how, r := range portions(in + in) {
			if all, err := readAll(r, Limits{Line: 100, Request: 300, Attributes: 5}); len(all) != 2 || err != io.EOF {
				t.Errorf("%s, %s: %d requests, %v", name, how, len(all), err)
			}
		}
	}
}

// TestEnds: where the bytes end, and that trouble of the reader is told as it is.
func TestEnds(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		in   io.Reader
		want error
		n    int // requests before
	}{
		"nothing":                {strings.NewReader(""), io.EOF, 0},
		"after a request":        {strings.NewReader(wire("a=b")), io.EOF, 1},
		"in a line":              {strings.NewReader("request=smt"), io.ErrUnexpectedEOF, 0},
		"after a line":           {strings.NewReader("request=smtpd_access_policy\n"), io.ErrUnexpectedEOF, 0},
		"in the second request":  {strings.NewReader(wire("a=b") + "r"), io.ErrUnexpectedEOF, 1},
		"before the last LF":     {strings.NewReader("request=smtpd_access_policy\n\r"), io.ErrUnexpectedEOF, 0},
		"trouble at the start":   {iotest.ErrReader(broken), broken, 0},
		"trouble in a request":   {io.MultiReader(strings.NewReader("request"), iotest.ErrReader(broken)), broken, 0},
		"trouble after a line":   {io.MultiReader(strings.NewReader("a=b\n"), iotest.ErrReader(broken)), broken, 0},
		"trouble between":        {io.MultiReader(strings.NewReader(wire()), iotest.ErrReader(broken)), broken, 1},
		"in a line of the limit": {strings.NewReader("a=" + strings.Repeat("v", 97)), io.ErrUnexpectedEOF, 0},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := readAll(bufio.NewReader(c.in), Limits{Line: 100})
			if err != c.want || len(all) != c.n {
				t.Errorf("%d requests, %v; want %d, %v", len(all), err, c.n, c.want)
			}
		})
	}
}

// flood is a peer that does not stop; it counts what was taken.
type flood struct {
	head, body string
	taken      int
}

func (f *flood) Read(p []byte) (int, error) {
	n := copy(p, f.head)
	if f.head = f.head[n:]; n == 0 {
		n = copy(p, strings.Repeat(f.body, len(p)/len(f.body)+1))
	}
	f.taken += n
	return n, nil
}

// TestFlood: a peer costs the limits and a buffer, whatever it sends.
func TestFlood(t *testing.T) {
	for name, c := range map[string]struct {
		head, body string
		most       int // bytes taken from the peer
		says       string
	}{
		"an attribute without end":      {"sender=", "s", 16<<10 + 2*4096, "longer than 16384 bytes"},
		"attributes without end":        {"", "a=b\n", 4096, "more than 256 attributes"},
		"long attributes without end":   {"", "a=" + strings.Repeat("b", 1000) + "\n", 128<<10 + 4096, "over 131072 bytes"},
		"nothing without end":           {"", "\x00", 16<<10 + 2*4096, "longer than 16384 bytes"},
		"empty lines without end":       {"", "\n", 4096, "no attributes"},
		"attributes of nothing but end": {"a=\n", "\r", 16<<10 + 2*4096, "longer than 16384 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			peer := &flood{head: c.head, body: c.body}
			_, err := readAll(bufio.NewReader(peer), Limits{})
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if peer.taken > c.most {
				t.Errorf("%d bytes were read, want at most %d", peer.taken, c.most)
			}
		})
	}
}

// TestHuge: an attribute of 2 MB and 400,000 attributes are requests where the
// limits say so, and none where they do not.
func TestHuge(t *testing.T) {
	var many strings.Builder
	for i := range 400_000 {
		fmt.Fprintf(&many, "attribute_%d=%d\n", i, i)
	}
	wide := Limits{Line: 4 << 20, Request: 16 << 20, Attributes: 500_000}
	for name, in := range map[string]string{
		"an attribute of 2 MB": wire("sender=" + strings.Repeat("s", 2<<20)),
		"400,000 attributes":   wire(many.String()[:many.Len()-1]),
	} {
		all, err := readAll(bufio.NewReader(strings.NewReader(in)), wide)
		if len(all) != 1 || err != io.EOF || all[0].Text() != in {
			t.Errorf("%s: %d requests, %v", name, len(all), err)
		}
		if _, err := readAll(bufio.NewReader(strings.NewReader(in)), Limits{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPoolForgets: a request has nothing of the one that was read into the
// same memory before.
func TestPoolForgets(t *testing.T) {
	q := newRequest()
	if err := q.read(bufio.NewReader(strings.NewReader(recipientRequest)), Limits{}); err != nil {
		t.Fatal(err)
	}
	q.Listener, q.Peek, q.notes = "inet:x", true, new([]string)
	attributes := q.Attributes
	q.release()
	if attributes[0] != (Attribute{}) {
		t.Error("the pool holds on to the text of a request")
	}
	q.Attributes = nil
	if !reflect.DeepEqual(*q, Request{}) {
		t.Errorf("the pool has %+v", *q)
	}
}
