//go:build integration

package e2e

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startHostile starts a daemon and a good client beside those who misbehave.
func startHostile(t *testing.T) (*policyDaemon, *requestStream) {
	t.Helper()
	d := startPolicyDaemon(t, "", loginLimit("5000/52w")...)
	stream := startRequests(t, []*policyDaemon{d})
	stream.flows(t, 20)
	return d, stream
}

// calm ends a test of misbehaviour.
func (d *policyDaemon) calm(t *testing.T, stream *requestStream, what string) {
	t.Helper()
	stream.flows(t, 50)
	stream.stop(t, what, 5*time.Second)
	for _, word := range []string{"panic", "level=ERROR"} {
		if strings.Contains(d.log(), word) {
			t.Errorf("the log has %q", word)
		}
	}
}

// TestPolicyHostileRequests: what is no request ends the connection without a
// byte of a reply; what is only odd is answered.
func TestPolicyHostileRequests(t *testing.T) {
	d, stream := startHostile(t)
	before := d.resident(t, "VmHWM")
	good := policyText()
	with := func(line string) string { return strings.TrimSuffix(good, "\n") + line + "\n\n" }
	for name, request := range map[string]string{
		"an attribute of 2 MB":        with("sender=" + strings.Repeat("s", 2<<20)),
		"a name of 2 MB":              with(strings.Repeat("n", 2<<20) + "=x"),
		"400,000 attributes":          with(strings.Repeat("a=b\n", 400000)),
		"2 MB of =":                   with(strings.Repeat("=", 2<<20)),
		"no =":                        with("sender"),
		"no name":                     with("=x"),
		"NUL in a value":              with("helo_name=a\x00b"),
		"NUL in a name":               with("he\x00lo=a"),
		"NULs":                        strings.Repeat("\x00", 100000),
		"nothing but an empty line":   "\n",
		"no type":                     "sender=a@b\n\n",
		"another type":                "request=junk\nsender=a@b\n\n",
		"another protocol":            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"TLS":                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"a netstring":                 "5:a b c,",
		"half a request, and the end": good[:len(good)-1],
		"half a line, and the end":    good[:len(good)/2],
		"nothing":                     "",
	} {
		if reply := provoke(t, d.at, request); reply != "" {
			t.Errorf("%s: reply %.200q", name, reply)
		}
		if reply := provoke(t, d.at, good+request+good); reply != "action=DUNNO\n\n" && strings.HasSuffix(request, "\n\n") {
			t.Errorf("%s between two good ones: reply %.200q", name, reply)
		}
	}
	if grown := d.resident(t, "VmHWM") - before; grown > 48<<20 {
		t.Errorf("it took %d MiB", grown>>20)
	}
	for _, line := range []string{
		"client_address=no address", "client_address=999.1.1.1", "client_address=192.0.2.1/24", "client_address=[192.0.2.1]", "client_address=fe80::1%eth0",
		"client_address=", "client_address=unknown", "client_address=" + strings.Repeat("1.", 1000), "instance=", "sender=a=b=c@d", "sender=\xff\xfe\x1b[31m",
		"recipient_count=-1", "recipient_count=99999999999999999999999", "recipient_count=x", "size=1e9", "protocol_state=", "protocol_state=FUTURE",
		"sasl_username=" + strings.Repeat("l", 12000), "tomorrow=an attribute of Postfix 4", "sender=first@far.test\nsender=second@far.test", "policy_context=nobody knows",
		"compatibility_level=3.10\nmail_version=3.10.1", "helo_name=a\tb", "queue_id=' OR '1'='1",
	} {
		for _, request := range []string{with(line), strings.ReplaceAll(with(line), "\n", "\r\n")} {
			if reply := provoke(t, d.at, request); reply != "action=DUNNO\n\n" {
				t.Errorf("%.60q: reply %.200q", line, reply)
			}
		}
	}
	d.calm(t, stream, "beside hostile requests")
}

// TestPolicyEmptyInstance: a request without an instance counts nothing.
func TestPolicyEmptyInstance(t *testing.T) {
	d := startPolicyDaemon(t, "", loginLimit("3/52w")...)
	d.spend(t, 10, "sasl_username=alice", "instance=")
	if n := spendAll(t, []*policyDaemon{d}, 4, "sasl_username=alice"); n != 3 {
		t.Errorf("%d mails pass, the limit is 3", n)
	}
}

// TestPolicyPipelined: 10,000 requests sent ahead are answered in their order:
// the first 5,000 pass, the others are over the limit.
func TestPolicyPipelined(t *testing.T) {
	d, stream := startHostile(t)
	conn, err := net.Dial("tcp", d.at)
	mustDo(t, err)
	defer conn.Close()
	mustDo(t, conn.SetDeadline(time.Now().Add(patience)))
	var group sync.WaitGroup
	group.Go(func() {
		for range 10000 {
			if _, err := io.WriteString(conn, policyText("sasl_username=alice")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	r := bufio.NewReader(conn)
	for i := range 10000 {
		line, err := r.ReadString('\n')
		empty, emptyErr := r.ReadString('\n')
		want := "action=DUNNO\n"
		if i >= 5000 {
			want = "action=450 4.7.1 limit of 5000 messages per 52 weeks from this login reached"
		}
		if err != nil || emptyErr != nil || empty != "\n" || !strings.HasPrefix(line, want) {
			t.Fatalf("reply %d: %q %q %v %v, want %q", i, line, empty, err, emptyErr, want)
		}
	}
	group.Wait()
	d.calm(t, stream, "beside 10,000 requests sent ahead")
}

// TestPolicySilence: who sends half a request and no more is hung up on
// without a reply, and waits for nobody else.
func TestPolicySilence(t *testing.T) {
	t.Parallel() // it waits
	d, stream := startHostile(t)
	var group sync.WaitGroup
	for _, half := range []string{"", "request=smtpd_acc", policyText()[:150], strings.TrimSuffix(policyText(), "\n")} {
		group.Go(func() {
			conn, err := net.Dial("tcp", d.at)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			io.WriteString(conn, half)
			if reply, err := io.ReadAll(conn); err != nil || len(reply) > 0 {
				t.Errorf("%.40q: %q, %v", half, reply, err)
			}
		})
	}
	group.Wait()
	d.calm(t, stream, "beside silent clients")
}

// TestPolicyHalfOpen: 5,000 connections that never finish a request do not keep
// a good client from being served, nor new ones.
func TestPolicyHalfOpen(t *testing.T) {
	d, stream := startHostile(t)
	before := d.resident(t, "VmRSS")
	for range 2 {
		halfOpen(t, 2500, "tcp", d.at).await(t)
	}
	for range 20 {
		if reply := provoke(t, d.at, policyText()); reply != "action=DUNNO\n\n" {
			t.Errorf("a newcomer: %q", reply)
		}
	}
	if grown := d.resident(t, "VmHWM") - before; grown > 128<<20 {
		t.Errorf("5,000 connections took %d MiB", grown>>20)
	}
	d.calm(t, stream, "beside 5,000 half-open connections")
}

// TestPolicyLargeHalves: requests that are as large as they may be and never
// end take no more than their number says.
func TestPolicyLargeHalves(t *testing.T) {
	d, stream := startHostile(t)
	before := d.resident(t, "VmRSS")
	half := strings.TrimSuffix(policyText(), "\n") + strings.Repeat("attribute="+strings.Repeat("x", 10000)+"\n", 11)
	for range 300 {
		conn, err := net.Dial("tcp", d.at)
		mustDo(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, half)
		mustDo(t, err)
	}
	stream.flows(t, 50)
	grown := d.resident(t, "VmHWM") - before
	t.Logf("300 requests of %d KiB that never end take %d MiB", len(half)>>10, grown>>20)
	if grown > 300*512<<10 {
		t.Errorf("300 connections took %d MiB", grown>>20)
	}
	d.calm(t, stream, "beside large halves of requests")
}

// TestPolicyEndsBetweenReplies: a daemon that is told to stop, or killed, in
// the middle of many requests has sent whole replies only.
func TestPolicyEndsBetweenReplies(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		d := startPolicyDaemon(t, "", loginLimit("5000/52w")...)
		conn, err := net.Dial("tcp", d.at)
		mustDo(t, err)
		defer conn.Close()
		mustDo(t, conn.SetDeadline(time.Now().Add(patience)))
		var group sync.WaitGroup
		group.Go(func() {
			request, err := policyText("sasl_username=alice"), error(nil)
			for err == nil { // until the daemon has hung up
				_, err = io.WriteString(conn, request)
			}
		})
		first := make([]byte, 14*100)
		_, err = io.ReadFull(conn, first)
		mustDo(t, err)
		mustDo(t, d.process.cmd.Process.Signal(sig))
		rest, _ := io.ReadAll(conn) // how it ends does not matter
		conn.Close()
		group.Wait()
		if got := string(first) + string(rest); got != strings.Repeat("action=DUNNO\n\n", len(got)/14) {
			t.Errorf("%v: %d bytes, which end %q", sig, len(got), tail(got, 40))
		}
	}
}
