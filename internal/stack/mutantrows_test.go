//go:build integration

package stack

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
)

// What the probes need in the world.
const (
	tlsServer    = "203.0.113.12:25" // takes mail inside TLS only
	bannedClient = "198.51.100.66"
	bannedName   = "lonely" // a banned domain without a dot
)

// mutantRows makes the rows for the runs of the battery, each with its own, so
// that no mail is taken for that of another run and no rate limit is reached.
func (s *stack) mutantRows(t *testing.T, runs int) {
	t.Helper()
	var aliases, logins, senders []string
	for n := range runs {
		for _, to := range []string{"probe%d@dest.test", "old%d@old.test", "tls%d@tls.test"} {
			to = fmt.Sprintf(to, n)
			name, _, _ := strings.Cut(to, "@")
			aliases = append(aliases, fmt.Sprintf("('%s@fwd.test', '%s')", name, to))
		}
		aliases = append(aliases, fmt.Sprintf("('gone%[1]d@fwd.test', 'private%[1]d@dest.test'), ('later%[1]d@fwd.test', 'patient%[1]d@dest.test')", n))
		logins = append(logins, fmt.Sprintf("'probe%d'", n))
		senders = append(senders, fmt.Sprintf("('probe%[1]d', 'probe%[1]d@fwd.test'), ('probe%[1]d', 'probe%[1]d@intranet')", n))
		s.world.answer(t, fmt.Sprintf("private%d@dest.test", n), fmt.Sprintf("550 5.1.1 <private%d@dest.test>: nobody here", n))
		s.world.answer(t, fmt.Sprintf("patient%d@dest.test", n), fmt.Sprintf("450 4.2.1 <patient%d@dest.test>: come again", n))
	}
	for n := range 15 {
		aliases = append(aliases, fmt.Sprintf("('chain%d@fwd.test', 'chain%d@fwd.test')", n+1, n+2))
	}
	aliases = append(aliases, "('chain16@fwd.test', 'chain@dest.test')")
	var crowd []string
	for n := range 150 {
		crowd = append(crowd, fmt.Sprintf("crowd%d@dest.test", n))
	}
	aliases = append(aliases, "('crowd@fwd.test', '"+strings.Join(crowd, ",")+"')")
	logins = append(logins, "'limited'")
	senders = append(senders, "('limited', 'limited@fwd.test')")

	s.exec(t, "INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('ip', ?, 'probe'), ('domain', ?, 'probe')", bannedClient, bannedName)
	t.Cleanup(func() { s.db.Exec("DELETE FROM api_bans WHERE reason = 'probe'") }) // the rest is in nobody's way
	for _, login := range logins {
		s.exec(t, "INSERT INTO smtp_users (username, password) SELECT "+login+", password FROM smtp_users WHERE username = 'alice'")
	}
	s.exec(t, "INSERT INTO smtp_sender_acl (login, sender) VALUES "+strings.Join(senders, ", "))
	s.exec(t, "INSERT INTO alias (address, goto) VALUES "+strings.Join(aliases, ", "))
	s.awaitAlias(t, "crowd@fwd.test")
	if err := s.dns.publish("tls.test. MX 10 tls.world.test.\ntls.world.test. A 203.0.113.12\n"); err != nil {
		t.Fatal(err)
	}
	s.startTLSServer(t)
}

// startTLSServer starts a server of the world that takes mail inside TLS only.
func (s *stack) startTLSServer(t *testing.T) {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(values().TLSChain, values().TLSChain)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := s.world.outside.Listen(tlsServer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.world.serveTLS(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
		}
	}()
}

// serveTLS asks for TLS, and goes on inside.
func (w *world) serveTLS(conn net.Conn, config *tls.Config) {
	defer conn.Close()
	text := textproto.NewConn(conn)
	text.PrintfLine("220 tls.world.test ESMTP")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			text.PrintfLine("250-tls.world.test\r\n250 STARTTLS")
		case "STARTTLS":
			text.PrintfLine("220 2.0.0 go on")
			client, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
			session := serverSession{world: w, text: textproto.NewConn(tls.Server(conn, config)), greets: "250 tls.world.test", mail: message{Client: client}}
			for session.turn() {
			}
			return
		case "QUIT":
			text.PrintfLine("221 2.0.0 bye")
			return
		default:
			text.PrintfLine("530 5.7.0 STARTTLS comes first")
		}
	}
}
