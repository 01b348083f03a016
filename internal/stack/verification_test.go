//go:build integration

package stack

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"postern/internal/scratch/machine"
)

// The verification list: what an administrator tries on a new host, one test
// for each line. Mail that is submitted is in verification_submission_test.go,
// what others verify about it in verification_signatures_test.go.

func TestMXNamesResolveToTheHost(t *testing.T) {
	s := start(t, options{})
	for _, domain := range []string{"fwd.test", "b.test", values().SRSDomain} {
		mxs, err := resolver().LookupMX(t.Context(), domain)
		if err != nil || len(mxs) != 1 {
			t.Fatalf("MX of %s: %v, %v; want one", domain, mxs, err)
		}
		addrs, err := resolver().LookupHost(t.Context(), mxs[0].Host)
		if err != nil || len(addrs) != 1 || addrs[0] != machine.HostAddr {
			t.Fatalf("addresses of %s: %v, %v; want %s", mxs[0].Host, addrs, err, machine.HostAddr)
		}
		conn, err := s.world.outside.Dial(t.Context(), stranger, net.JoinHostPort(addrs[0], "25"))
		if err != nil {
			t.Fatal(err)
		}
		newSession(t, conn).expect("", 220, strings.TrimSuffix(mxs[0].Host, ".")+" ESMTP")
	}
}

// tcpTable asks a tcp_table(5) server one key.
func tcpTable(t *testing.T, addr, key string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "get %s\n", key)
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(reply)
}

func TestSRSAnswersOn10001And10002(t *testing.T) {
	start(t, options{})
	there := tcpTable(t, "127.0.0.1:10001", "ann@outside.test")
	address, ok := strings.CutPrefix(there, "200 SRS0=")
	if !ok || !strings.HasSuffix(address, "=outside.test=ann@"+values().SRSDomain) {
		t.Fatalf("10001: %q", there)
	}
	if back := tcpTable(t, "127.0.0.1:10002", "SRS0="+address); back != "200 ann@outside.test" {
		t.Errorf("10002: %q", back)
	}
	if forged := tcpTable(t, "127.0.0.1:10002", "SRS0=AAAA=AA=outside.test=ann@"+values().SRSDomain); !strings.HasPrefix(forged, "500 ") {
		t.Errorf("10002, forged: %q", forged)
	}
}

func TestDovecotAnswersOn12345(t *testing.T) {
	start(t, options{})
	var wait sync.WaitGroup
	defer wait.Wait() // a wrong password takes its time
	for _, row := range []struct{ user, password, want string }{
		{"alice", "secret-of-alice", "OK\t1\tuser=alice"},
		{"Alice", "secret-of-alice", "OK\t1\tuser=alice"},
		{"bob", "secret-of-bob", "OK\t1\tuser=bob"},
		{"alice", "wrong", "FAIL\t1\tuser=alice"},
		{"carol", "secret-of-carol", "FAIL\t1\tuser=carol"}, // inactive
		{"nobody", "x", "FAIL\t1\tuser=nobody"},
	} {
		wait.Go(func() {
			if got, err := dovecotAuth(row.user, row.password); !strings.HasPrefix(got, row.want) {
				t.Errorf("%s %s: %q, %v; want %q", row.user, row.password, got, err, row.want)
			}
		})
	}
}

// dovecotAuth is a client of Dovecot's auth protocol: a handshake and one PLAIN.
func dovecotAuth(user, password string) (string, error) {
	conn, err := net.Dial("tcp", "127.0.0.1:12345")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	plain := strings.TrimPrefix(authPlain(user, password), "AUTH PLAIN ")
	fmt.Fprintf(conn, "VERSION\t1\t1\nCPID\t1\nAUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=%s\n", plain)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if verb, _, _ := strings.Cut(lines.Text(), "\t"); verb == "OK" || verb == "FAIL" {
			return lines.Text(), nil
		}
	}
	return "", fmt.Errorf("Dovecot hung up: %w", lines.Err())
}

func TestMailIsAcceptedOnPort25(t *testing.T) {
	s := start(t, options{})
	s.outside(t, stranger).send("ann@outside.test", []string{"accepted@fwd.test"}, letter("ann@outside.test", "accepted@fwd.test", "accepted"))
	if m := s.world.mail(t, "accepted@dest.test"); m.header("Subject") != "accepted" || !strings.HasSuffix(string(m.Data), "\r\n\r\nhello\r\n") {
		t.Errorf("arrived:\n%s", m.Data)
	}
}

func TestSubmissionIsOnLoopbackOnly(t *testing.T) {
	s := start(t, options{})
	if err := listens("127.0.0.1:587")(); err != nil {
		t.Error(err)
	}
	for _, from := range []string{stranger, "203.0.113.50"} {
		if conn, err := s.world.outside.Dial(t.Context(), from, machine.HostAddr+":587"); err == nil {
			conn.Close()
			t.Errorf("%s reaches port 587 of %s", from, machine.HostAddr)
		}
	}
	if err := listens(machine.HostAddr + ":587")(); err == nil {
		t.Errorf("port 587 is open at %s", machine.HostAddr)
	}
}

func TestAliasesResolveByHandleAndByAddress(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct{ name, address, arrives string }{
		{"address", "hello@fwd.test", "hello@dest.test"},
		{"address with an extension", "hello+news@fwd.test", "hello+news@dest.test"},
		{"address in capitals", "HELLO@FWD.TEST", "hello@dest.test"},
		{"handle", "sales@fwd.test", "sales-home@dest.test"},
		{"handle at another hosted domain", "sales@b.test", "sales-home@dest.test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.outside(t, stranger).send("ann@outside.test", []string{row.address}, letter("ann@outside.test", row.address, "resolve"))
			s.world.mail(t, row.arrives)
		})
	}
}

func TestUnknownRecipientsAreRefused(t *testing.T) {
	s := start(t, options{})
	for _, row := range []struct {
		name, address string
		code          int
		says          string
	}{
		{"no such alias", "nobody-here@fwd.test", 550, "5.1.1"},
		{"inactive alias", "inactive@fwd.test", 550, "5.1.1"},
		{"alias in an inactive domain", "switched@closed.test", 554, "5.7.1"},
		{"foreign domain", "somebody@dest.test", 554, "5.7.1"},
		{"subdomain of a hosted one", "hello@sub.fwd.test", 554, "5.7.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.outside(t, stranger)
			c.expect("MAIL FROM:<ann@outside.test>", 250)
			c.expect("RCPT TO:<"+row.address+">", row.code, row.says)
		})
	}
}

func TestForgedLocalSendersAreRefused(t *testing.T) {
	s := start(t, options{})
	for _, sender := range []string{"alice@fwd.test", "Anybody@FWD.test", "x@b.test", "x@sub.fwd.test"} {
		t.Run(sender, func(t *testing.T) {
			c := s.outside(t, stranger)
			c.expect("MAIL FROM:<"+sender+">", 250)
			c.expect("RCPT TO:<hello@fwd.test>", 554, "forged local sender")
		})
	}
}

func TestForwardedEnvelopeHasAnSRSSender(t *testing.T) {
	s := start(t, options{})
	s.outside(t, stranger).send("ann+tag@outside.test", []string{"srs@fwd.test"}, letter("ann@outside.test", "srs@fwd.test", "srs"))
	m := s.world.mail(t, "srs@dest.test")
	if !strings.HasPrefix(m.Sender, "SRS0=") || !strings.HasSuffix(m.Sender, "=outside.test=ann+tag@"+values().SRSDomain) {
		t.Errorf("sender %q", m.Sender)
	}
	if m.Client != machine.HostAddr {
		t.Errorf("it came from %s", m.Client)
	}
	if from := m.header("From"); from != "<ann@outside.test>" {
		t.Errorf("header From %q was changed", from)
	}
}
