//go:build integration

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// oddKeys are keys that some server somewhere took for something else.
var oddKeys = []string{
	`""`, "<>", "*", "@", "@@", "user@", "@fwd.test", "user@[192.0.2.1]", "user@[IPv6:2001:db8::1]", ".", "..", "a@b@c", " ", "  x", "x ",
	"' OR '1'='1", `" OR ""="`, `\`, `\'`, `a\@fwd.test`, "%", "%%", "%s", "%00", "_", "info%@fwd.test", "a_b@fwd.test", "; DROP TABLE alias; --",
	"info@fwd.test\x00", "\x00", "info\x00@fwd.test", "info@fwd.test\n", "info@fwd.test\r\n", "\t", "\x7f", "\x1b[31m", "\xff\xfe", "inf\xc3@fwd.test", "\xc3\x28",
	"jos\u00e9@fwd.test", "jose\u0301@fwd.test", "\u0130nfo@fwd.test", "ﬀ@fwd.test", "\u202einfo@fwd.test", "info@fwd.test.", "info@fwd..test",
	`"info"@fwd.test`, `"in fo"@fwd.test`, "info @fwd.test", "info@ fwd.test", "nobody+@fwd.test", "+@fwd.test", "++@fwd.test",
	strings.Repeat("x", 9000) + "@fwd.test", strings.Repeat("x", 10000), strings.Repeat("a.", 4000) + "test", "u@" + strings.Repeat("a.", 4000) + "test",
	strings.Repeat("@", 5000), strings.Repeat("+", 5000) + "@fwd.test", strings.Repeat("'", 5000), strings.Repeat("\\", 5001),
}

// TestOddKeys: no odd key is found, none is an error, and none hurts the next
// question. The .cf map puts them into SQL.
func TestOddKeys(t *testing.T) {
	db := newDatabase(t, true, true)
	db.exec(t, forwardingRows+"CREATE TABLE own (k VARCHAR(200) PRIMARY KEY, v VARCHAR(200)) COLLATE utf8mb4_bin; INSERT INTO own VALUES ('sure', 'yes')")
	cf := db.cf(t, openFolder(t), "own", "query = SELECT v FROM own WHERE k='%s' OR v=CONCAT('%u', '%s')")
	tcp := freeAddr(t)
	d := startDaemon(t, db.block()+forwardingSettings+"maps: {own: {cf: "+cf+", search: virtual}}\n"+
		"tcptable: [{listen: \"inet:"+tcp+"\", map: own}]\n")
	a := d.unixAsker()
	defer a.close()
	for _, name := range []string{"virtual", "virtual-aliases", "allowlist", "virtual-domains", "sender-login-maps", "allowed-senders", "banned-domains", "own"} {
		for _, key := range oddKeys {
			if got := a.must(t, name, key); status(got) != "NOTFOUND" {
				t.Errorf("%s %.60q (%d bytes): %q", name, key, len(key), got)
			}
		}
	}
	for _, q := range []question{{"own", "SURE", []string{"OK yes"}}, {"virtual", "info@fwd.test", []string{"OK owner@dest.test"}}} {
		if got := a.must(t, q.name, q.key); !q.accepts(got) {
			t.Errorf("afterwards: %s %s: %q", q.name, q.key, got)
		}
	}
	for _, test := range []struct{ name, key, want string }{
		{"virtual", strings.Repeat("x", 10001), "PERM"}, {"no such map", "x", "PERM"}, {"nosuchmap", "info@fwd.test", "PERM"},
		{"", "x", "PERM"}, {"virtual", "", "NOTFOUND"}, {"VIRTUAL", "info@fwd.test", "PERM"},
	} {
		if got := a.must(t, test.name, test.key); status(got) != test.want {
			t.Errorf("%q %.60q: %.200q, want %s", test.name, test.key, got, test.want)
		}
	}
	if strings.Contains(d.log(), "panic") {
		t.Error("postern panicked")
	}
}

// TestHostileBytes: what is no request is refused and the connection ends;
// the others do not notice.
func TestHostileBytes(t *testing.T) {
	d := restartDaemon(t)
	tcp := freeAddr(t)
	d.configure(t, d.blocks+"tcptable: [{listen: \"inet:"+tcp+"\", map: office}]\n")
	d.start(t)
	d.awaitReady(t)
	s := startStream(d.askers(2), steady)
	for _, bytes := range []string{
		"-1:x,", "+5:a b c,", "05:a b c,", " 5:a b c,", "5 :a b c,", "0x5:a b c,", "5.0:a b c,", "1e3:", ":", ":,", "a:b,", "5;a b c,", "\n", "\x00",
		"99999999999999999999:x,", "18446744073709551621:a b c,", "4294967301:a b c,", "2147483648:x,", "1073741824:" + strings.Repeat("x", 100000),
		"20000:" + strings.Repeat("y", 20000) + ",", "5:a b c;", "5:a b cc,", "5:a b cX7:office x,", strings.Repeat("9", 100000), strings.Repeat("\xff", 70000),
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "EHLO x\r\n", "get info@fwd.test\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		reply := provoke(t, d.inet, bytes)
		if !strings.Contains(reply, ":PERM ") || strings.Count(reply, "PERM") != 1 {
			t.Errorf("%.40q: reply %.200q, want one PERM and the end", bytes, reply)
		}
	}
	if reply := provoke(t, d.inet, "0:,"); !strings.Contains(reply, ":PERM ") {
		t.Errorf("empty request: reply %q", reply)
	}
	for _, bytes := range []string{
		"put x y\n", "get\n", "get \n", "GET x\n", "get %\n", "get %zz\n", "get %4\n", "\n", "\x00\n", "get \x01x\n", "get " + strings.Repeat("x", 5000) + "\n",
		strings.Repeat("x", 100000), "5:a b c,\n", "get%20x\n",
	} {
		if reply := provoke(t, tcp, bytes); !strings.HasPrefix(reply, "4") && !(bytes == "get \n" && strings.HasPrefix(reply, "500 ")) || strings.Count(reply, "\n") != 1 {
			t.Errorf("tcp %.40q: reply %.200q, want one 400", bytes, reply)
		}
	}
	if got := provoke(t, tcp, "get m7@fwd.test\nget M8%2BX@fwd.test\nget nobody\n"); !strings.HasPrefix(got, "200 t7@dest.test\n200 t8+X@dest.test\n500 ") {
		t.Errorf("requests sent ahead: %q", got)
	}
	ahead := frame("office m7@fwd.test") + frame("office nobody@fwd.test") + frame("office M8+X@fwd.test")
	if got := provoke(t, d.inet, ahead); !strings.HasPrefix(got, frame("OK t7@dest.test")) || !strings.HasSuffix(got, frame("OK t8+X@dest.test")) {
		t.Errorf("requests sent ahead: %q", got)
	}
	s.flows(t, 20)
	s.stop(t, "beside hostile bytes")
	if strings.Contains(d.log(), "panic") {
		t.Error("postern panicked")
	}
}

// provoke sends bytes, says that no more will come, and reads to the end.
func provoke(t *testing.T, addr, bytes string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, bytes) // the daemon may hang up in the middle of it
	conn.(*net.TCPConn).CloseWrite()
	reply, err := io.ReadAll(bufio.NewReader(conn))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%.40q: no end within %v, so far %.100q", bytes, patience, reply)
	}
	return string(reply)
}

// TestHugeLengths: a length costs nothing before its bytes have come.
func TestHugeLengths(t *testing.T) {
	d := restartDaemon(t)
	d.start(t)
	d.awaitReady(t)
	before := d.metric(t, "process_resident_memory_bytes")
	var conns []net.Conn
	for i := range 500 {
		conn, err := net.Dial("tcp", d.inet)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%d:", []int64{1 << 30, 1 << 40, 9999999999, 10000, 10200}[i%5])
		conns = append(conns, conn)
	}
	a := d.asker()
	defer a.close()
	a.must(t, "office", "m1@fwd.test")
	if grown := d.metric(t, "process_resident_memory_bytes") - before; grown > 64<<20 {
		t.Errorf("%d announced lengths cost %v MiB", len(conns), grown/(1<<20))
	}
}
