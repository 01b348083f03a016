package spf

import (
	"context"
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/foxcpp/go-mockdns"

	"postern/policyd"
)

// TestRealDNS asks a name server over UDP by Go's own resolver.
func TestRealDNS(t *testing.T) {
	server, err := mockdns.NewServerWithLogger(zones(), log.New(io.Discard, "", 0), false)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, _ := check(t, func(o *Options) { o.Resolver, o.Actions = server.NewResolver(), everything(LetPass) })
	for name, test := range map[string]struct {
		q    *policyd.Request
		want Result
	}{
		"pass":           {rcpt("192.0.2.1", "h.example", "alice@pass.example"), Pass},
		"fail":           {rcpt("203.0.113.1", "h.example", "alice@pass.example"), Fail},
		"mx":             {rcpt("192.0.2.1", "h.example", "alice@mx.example"), Pass},
		"macro":          {rcpt("203.0.113.1", "h.example", "alice@local.example"), Pass},
		"no record":      {rcpt("203.0.113.1", "h.example", "alice@silent.example"), None},
		"no such domain": {rcpt("203.0.113.1", "h.example", "alice@missing.example"), None},
		"no such name":   {rcpt("203.0.113.1", "h.example", "al ice+tag@local.example"), Fail},
		"SERVFAIL":       {rcpt("203.0.113.1", "h.example", "alice@servfail.example"), TempError},
		"two records":    {rcpt("203.0.113.1", "h.example", "alice@twice.example"), PermError},
		"void lookups":   {rcpt("203.0.113.1", "h.example", "alice@voids.example"), PermError},
		"HELO":           {rcpt("192.0.2.1", "host.mx.example", ""), Pass},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := c.Check(t.Context(), test.q)
			if err != nil || v.Rule != string(test.want) {
				t.Errorf("%s, %v, want %s", v.Rule, err, test.want)
			}
		})
	}
}

// startDNS is a name server that makes each reply from the query with answer;
// nil is silence.
func startDNS(t *testing.T, answer func(query []byte) []byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

// rcode is a reply without an answer.
func rcode(code byte) func([]byte) []byte {
	return func(query []byte) []byte {
		reply := append([]byte(nil), query...)
		reply[2] |= 0x80            // QR
		reply[3] = 0x80 | code      // RA
		reply[10], reply[11] = 0, 0 // the OPT record goes
		return reply[:questionEnd(reply)]
	}
}

// questionEnd is where the one question ends.
func questionEnd(message []byte) int {
	at := 12
	for message[at] != 0 {
		at += int(message[at]) + 1
	}
	return at + 5
}

// TestBadDNS: what a broken name server does is temperror, and only "no such
// name" is none.
func TestBadDNS(t *testing.T) {
	for name, test := range map[string]struct {
		answer func([]byte) []byte
		want   Result
	}{
		"silence":  {func([]byte) []byte { return nil }, TempError},
		"garbage":  {func([]byte) []byte { return []byte("no DNS at all") }, TempError},
		"FORMERR":  {rcode(1), TempError},
		"SERVFAIL": {rcode(2), TempError},
		"NXDOMAIN": {rcode(3), None},
		"NOTIMP":   {rcode(4), TempError},
		"REFUSED":  {rcode(5), TempError},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(Options{Resolver: startDNS(t, test.answer), Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			v, err := c.Check(t.Context(), example(Pass))
			if err != nil || v.Rule != string(test.want) {
				t.Errorf("%s, %v, want %s", v.Rule, err, test.want)
			}
		})
	}
}

// TestNoDNS: nobody listens.
func TestNoDNS(t *testing.T) {
	dns := startDNS(t, func([]byte) []byte { return nil })
	dns.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
	c, err := New(Options{Resolver: dns})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Check(t.Context(), example(Pass)); err != nil || v.Rule != string(TempError) {
		t.Errorf("%s, %v", v.Rule, err)
	}
}

// TestAbsolute: the search list of resolv.conf(5) has no say.
func TestAbsolute(t *testing.T) {
	long := "a"
	for range 126 {
		long += ".b"
	}
	for name, want := range map[string]string{
		"example.com": "example.com.", "example.com.": "example.com.", "com": "com.", "": "", ".": "", "a\x00b.example": "", "a\r\nb.example": "",
		long:              long + ".",
		"cut." + long:     long + ".",
		"all.cut." + long: long + ".",
		"192.0.2.1":       "192.0.2.1.",
	} {
		got, err := absolute(t.Context(), name)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%.40q: %q, %v, want %q", name, got, err, want)
		}
	}
}
