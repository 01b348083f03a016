package policyd

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzRead reads whatever a peer may send. Portions make no difference, what
// is read is what was sent, and it is within the limits. The reader of a whole
// buffer and the one that collects portions thereby judge each other.
func FuzzRead(f *testing.F) {
	f.Add(recipientRequest)
	f.Add(wire("sender=a", "sender=", "x=y=z") + wire("client_address=192.0.2.1"))
	f.Add(strings.ReplaceAll(wire("sender=a"), "\n", "\r\n"))
	f.Add(wire("a=b") + "\n")
	f.Add(wire("a=\x00") + wire())
	f.Add("request=x\n\n")
	f.Add("\r\n\n")
	f.Add("a\n\n")
	f.Add("=\n\n")
	f.Add(strings.Repeat("a=b\n", 9))
	f.Add(wire("helo_name=" + strings.Repeat("h", 70)))
	f.Add(wire(strings.Repeat("a=bcdefghi\n", 6) + "request=smtpd_access_policy"))
	limits := Limits{Line: 80, Request: 200, Attributes: 8}
	f.Fuzz(func(t *testing.T, in string) {
		all, err := readAll(portions(in)["whole"], limits)
		for how, r := range portions(in) {
			again, other := readAll(r, limits)
			same(t, how, all, again, err, other)
		}
		rest := strings.ReplaceAll(in, "\r", "")
		for _, q := range all {
			text := strings.ReplaceAll(q.Text(), "\r", "")
			if !strings.HasPrefix(rest, text) {
				t.Fatalf("read %q, sent %q", text, rest)
			}
			rest = rest[len(text):]
			within(t, q, limits)
		}
		if err == io.EOF && rest != "" {
			t.Fatalf("%q was left", rest)
		}
	})
}

// same compares two readings of the same bytes.
func same(t *testing.T, how string, a, b []*Request, errA, errB error) {
	t.Helper()
	for _, class := range []error{io.EOF, io.ErrUnexpectedEOF, ErrMalformed} {
		if errors.Is(errA, class) != errors.Is(errB, class) {
			t.Fatalf("%s: %v, else %v", how, errB, errA)
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%s: %d requests, else %d", how, len(b), len(a))
	}
	for i := range a {
		if a[i].Text() != b[i].Text() || a[i].Client != b[i].Client || a[i].Size != b[i].Size {
			t.Fatalf("%s: %+v, else %+v", how, b[i], a[i])
		}
	}
}

// within looks for what no request may have.
func within(t *testing.T, q *Request, l Limits) {
	t.Helper()
	if q.Get("request") != requestType || len(q.Text()) > l.Request || len(q.Attributes) > l.Attributes {
		t.Fatalf("a request of %d bytes with %d attributes: %q", len(q.Text()), len(q.Attributes), q.Text())
	}
	for _, a := range q.Attributes {
		if a.Name == "" || strings.ContainsAny(a.Name, "=\n\x00") || strings.ContainsAny(a.Value, "\n\x00") ||
			len(a.Name)+len(a.Value)+2 > l.Line {
			t.Fatalf("attribute %q", a)
		}
	}
	if q.Size < 0 || q.RecipientCount < 0 {
		t.Fatalf("negative numbers in %+v", q)
	}
}

// FuzzParse has a person's request judged: what is taken can be asked on the
// wire, and is the same there.
func FuzzParse(f *testing.F) {
	f.Add(recipientRequest)
	f.Add("sender=a@b\nclient_address=192.0.2.1")
	f.Add("request=smtpd_access_policy\n\nsender=a")
	f.Add("request=\n")
	f.Add("a=b\r\n\r\n\r\n")
	f.Add("a=\r\r\nb=")
	f.Fuzz(func(t *testing.T, in string) {
		q, err := Parse(in)
		if err != nil {
			if q != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v, %v", q, err)
			}
			return
		}
		all, err := readAll(portions(q.Text())["whole"], Limits{Request: 1 << 20, Attributes: 300, Line: 1 << 20})
		if len(all) != 1 || err != io.EOF || all[0].Text() != q.Text() {
			t.Fatalf("%d requests, %v from %q", len(all), err, q.Text())
		}
	})
}
