package policyd

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestFromArgs(t *testing.T) {
	for name, c := range map[string]struct {
		args string // separated by spaces
		want string // Text without its type
	}{
		"RCPT is what is meant":     {"sender=a@b", "sender=a@b\nprotocol_state=RCPT\n\n"},
		"another state":             {"protocol_state=DATA recipient_count=2", "protocol_state=DATA\nrecipient_count=2\n\n"},
		"the null sender":           {"sender=<> recipient=<a@b>", "sender=\nrecipient=a@b\nprotocol_state=RCPT\n\n"},
		"the null sender, bare":     {"sender=", "sender=\nprotocol_state=RCPT\n\n"},
		"half of <> is an address":  {"sender=<a", "sender=<a\nprotocol_state=RCPT\n\n"},
		"values with =":             {"sender=a=b@c", "sender=a=b@c\nprotocol_state=RCPT\n\n"},
		"addresses":                 {"client_address=2001:db8::1 server_address=192.0.2.1", "client_address=2001:db8::1\nserver_address=192.0.2.1\nprotocol_state=RCPT\n\n"},
		"an address of XCLIENT":     {"client_address=unknown", "client_address=unknown\nprotocol_state=RCPT\n\n"},
		"the attributes of release": {"tls_sni=a compatibility_level=3.12", "tls_sni=a\ncompatibility_level=3.12\nprotocol_state=RCPT\n\n"},
		"its type":                  {"request=smtpd_access_policy protocol_state=RCPT", "protocol_state=RCPT\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := FromArgs(strings.Fields(c.args))
			if err != nil {
				t.Fatal(err)
			}
			if want := "request=smtpd_access_policy\n" + c.want; q.Text() != want {
				t.Errorf("got %q, want %q", q.Text(), want)
			}
		})
	}
}

func TestFromArgsRefuses(t *testing.T) {
	for says, args := range map[string][]string{
		"no attributes: write name=value":                                             {},
		`"graylist" is no attribute: write name=value, for instance sender=`:          {"graylist"},
		`attribute "sendr" is unknown: is sender meant?`:                              {"sendr=a@b"},
		`attribute "client_adress" is unknown: is client_address meant?`:              {"client_adress=192.0.2.1"},
		`attribute "Recipient" is unknown: is recipient meant?`:                       {"Recipient=a@b"},
		`attribute "colour" is unknown; Postfix sends request, protocol_state,`:       {"colour=red"},
		`attribute "" is unknown; Postfix sends`:                                      {"=a"},
		"attribute sender is given twice":                                             {"sender=a", "recipient=b", "sender=c"},
		`protocol_state="rcpt": write one of CONNECT, EHLO,`:                          {"protocol_state=rcpt"},
		`client_address="192.0.2": write an IPv4 or IPv6 address without brackets`:    {"client_address=192.0.2"},
		`client_address="[192.0.2.1]": write an IPv4 or IPv6 address without bracket`: {"client_address=[192.0.2.1]"},
		`size="1k": write a number`:                                                   {"size=1k"},
		`recipient_count="-1": write a number`:                                        {"recipient_count=-1"},
		`helo_name="a\nb": a value is one line`:                                       {"helo_name=a\nb"},
		`helo_name="a\x00": a value is one line`:                                      {"helo_name=a\x00"},
		`request="junk"; only smtpd_access_policy is answered here`:                   {"request=junk"},
		"longer than 16384 bytes":                                                     {"sender=" + strings.Repeat("s", 1<<15)},
	} {
		t.Run(says, func(t *testing.T) {
			if q, err := FromArgs(args); q != nil || err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, %v", q, err)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ in, want, says string }{
		"a request":                {in: recipientRequest, want: recipientRequest},
		"without its empty line":   {in: "request=smtpd_access_policy\nsender=a", want: wire("sender=a")},
		"without its type":         {in: "sender=a\nsize=1\n\n", want: wire("sender=a", "size=1")},
		"line ends of a file":      {in: "sender=a \r\nsize=1\r\n\r\n\r\n", want: wire("sender=a ", "size=1")},
		"unknown names":            {in: "future=1\nsendr=a", want: wire("future=1", "sendr=a")},
		"nothing":                  {in: "", says: "no attributes"},
		"empty lines":              {in: "\n\n", says: "no attributes"},
		"an empty line first":      {in: "\nsender=a\n", says: "no attributes before the empty line"},
		"two requests":             {in: wire("sender=a") + wire("sender=b"), says: "line 4: text after the empty line"},
		"no =":                     {in: "sender=a\nrecipient", says: `line 2: name=value is expected, not "recipient"`},
		"another type":             {in: "request=x\nsender=a", says: `request="x"`},
		"a type that is empty":     {in: "request=\nsender=a", says: "no attribute request="},
		"NUL":                      {in: "sender=a\x00", says: "NUL"},
		"a line of 2 MB":           {in: "sender=" + strings.Repeat("s", 2<<20), says: "longer than"},
		"no LF at the last letter": {in: "sender=a", want: wire("sender=a")},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Parse(c.in)
			if c.says != "" {
				if q != nil || !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, %v; want %q", q, err, c.says)
				}
				return
			}
			if err != nil || q.Text() != c.want {
				t.Errorf("got %q, %v", q.Text(), err)
			}
		})
	}
}

// TestAttributes: the table has what a request of Postfix 3.7 has, in its
// order, and what came later.
func TestAttributes(t *testing.T) {
	q, err := Parse(recipientRequest)
	if err != nil {
		t.Fatal(err)
	}
	later := map[string]bool{"3.8": true, "3.12": true}
	var now []string
	for _, known := range Attributes() {
		if !later[known.Since] {
			now = append(now, known.Name)
		}
	}
	var sent []string
	for _, a := range q.Attributes {
		sent = append(sent, a.Name)
	}
	if !slices.Equal(now, sent) {
		t.Errorf("the table has %q, Postfix sends %q", now, sent)
	}
	if n := len(Attributes()); n != 32 {
		t.Errorf("%d attributes, but texts speak of 32", n)
	}
}
