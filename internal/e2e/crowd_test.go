//go:build integration

package e2e

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/scratch"
)

// TestHalfOpenConnections: 5,000 connections that never finish a request do
// not keep a good client from being served, on neither kind of socket.
func TestHalfOpenConnections(t *testing.T) {
	d := restartDaemon(t)
	d.start(t)
	d.awaitReady(t)
	s := startStream(d.askers(8), steady)
	s.flows(t, 100)
	strain := d.strain(t)
	var groups []*attackers
	for _, at := range [][2]string{{"tcp", d.inet}, {"unix", d.unix}} {
		groups = append(groups, halfOpen(t, 2500, at[0], at[1]))
	}
	s.flows(t, 500)
	for _, g := range groups {
		g.await(t)
	}
	s.flows(t, 500)
	s.stop(t, "beside 5,000 half-open connections")
	if slack := strain.slack(); s.slowest > 5*time.Second+slack {
		t.Errorf("a good client waited %v; the strain of the machine explains %v", s.slowest, slack)
	}
	if strings.Contains(d.log(), "panic") {
		t.Error("postern panicked")
	}
}

// attackers are connections held by a process of their own.
type attackers struct {
	process *process
	out     *bufio.Reader
}

func halfOpen(t *testing.T, n int, network, addr string) *attackers {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("E2E_HELPER=half-open %d %s %s", n, network, addr))
	cmd.Stderr = os.Stderr
	in, out := io.Pipe()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = out
	g := &attackers{out: bufio.NewReader(in)}
	if g.process, err = startProcess(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		<-g.process.done
		in.Close()
	})
	return g
}

// await waits until all are connected.
func (g *attackers) await(t *testing.T) {
	t.Helper()
	line := make(chan string, 1)
	go func() {
		text, _ := g.out.ReadString('\n') // a dead child says nothing
		line <- text
	}()
	select {
	case text := <-line:
		if !strings.HasPrefix(text, "holding") {
			t.Fatalf("the attackers say %q", text)
		}
	case <-g.process.done:
		t.Fatalf("the attackers ended: %v", g.process.err)
	case <-time.After(patience):
		t.Fatal("the attackers cannot connect")
	}
}

// serverStatus is a counter of the database server.
func serverStatus(t *testing.T, name string) int {
	t.Helper()
	conn, err := sql.Open("mysql", "root@unix("+shared.db.Socket()+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var value int
	if err := conn.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// crowdMain asks .cf maps for everything, so that every question that the
// cache does not know goes to the database.
func crowdMain(d *daemon, nexthop string) map[string]string {
	maps := "socketmap:unix:" + d.unix + ":"
	main := forwardingMain(maps, nexthop)
	main["virtual_alias_domains"] = maps + "own-domains"
	main["virtual_alias_maps"] = maps + "own-aliases"
	main["transport_maps"] = ""
	main["smtpd_recipient_restrictions"] = "check_sender_access " + maps + "own-senders"
	return main
}

// TestSessionsAtOnce: 200 SMTP sessions at the same moment, all of their
// questions go to a database that lets us have four connections.
func TestSessionsAtOnce(t *testing.T) {
	db := outageDatabase(t, false)
	dir := openFolder(t)
	d := startDaemon(t, db.block("max_connections: 4", "statement_timeout: 60s")+"maps:\n"+
		"  own-domains: {cf: "+db.cf(t, dir, "domains", "query = SELECT 1 FROM domain WHERE name='%s'")+"}\n"+
		"  own-aliases: {search: virtual, cf: "+db.cf(t, dir, "aliases", "query = SELECT `goto` FROM alias WHERE address='%s' AND active=1")+"}\n"+
		"  own-senders: {search: access-address, cf: "+db.cf(t, dir, "senders", "query = SELECT 'REJECT' FROM legacy WHERE k='%s'")+"}\n")
	sink, err := scratch.StartSink(t.Context(), scratch.SinkOptions{Discard: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Stop() })
	mta := startPostfix(t, crowdMain(d, sink.Nexthop()))
	const own = 2 // this program has one connection for the statements here and one for the question below
	eventually(t, "the daemons of before are gone", func() bool { return serverStatus(t, "Threads_connected") <= 4+own })
	db.exec(t, "FLUSH STATUS")
	const sessions = 200
	replies := make([]string, sessions)
	var start, group sync.WaitGroup
	start.Add(1)
	for i := range sessions {
		group.Go(func() {
			start.Wait()
			replies[i] = crowdMail(mta.Addr(), i)
		})
	}
	start.Done()
	group.Wait()
	bad := 0
	for _, reply := range replies {
		if reply != "" {
			if bad++; bad <= 5 {
				t.Error(reply)
			}
		}
	}
	used := serverStatus(t, "Max_used_connections")
	t.Logf("%d sessions, %d not taken; the database saw %d connections at once", sessions, bad, used)
	if used > 4+own {
		t.Errorf("%d connections at once, max_connections is 4", used)
	}
	for result, want := range map[string]bool{"found": true, "notfound": true, "temp": false, "timeout": false, "perm": false} {
		if n := d.metric(t, "postern_lookup_requests_total", `result="`+result+`"`); n > 0 != want {
			t.Errorf("%v lookups were counted as %s", n, result)
		}
	}
}

// crowdMail sends one mail and returns what went wrong.
func crowdMail(addr string, i int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	replies, err := scratch.Submit(ctx, addr, fmt.Sprintf("s%d@far%d.test", i, i), []string{fmt.Sprintf("a%d@fwd.test", i)}, "Subject: crowd\n\ntext\n")
	if refused := scratch.Refusals(replies); err != nil || len(refused) > 0 {
		return fmt.Sprintf("session %d: %v %v", i, refused, err)
	}
	return ""
}

// TestQueriesPerMail counts what one mail costs the database.
func TestQueriesPerMail(t *testing.T) {
	for _, test := range []struct{ name, settings string }{
		// a table that was read more than a minute ago is not sure of what it does not have
		{"loaded tables", "tables: {refresh: 30s}\n"},
		{"tables too large to be held", "tables: {max_memory: 1B, refresh: 30s}\ncache: {negative_ttl: 1h}\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := outageDatabase(t, false)
			d := startDaemon(t, db.block()+test.settings)
			eventually(t, "the tables are loaded or given up", func() bool {
				return strings.Count(d.log(), "table loaded")+strings.Count(d.log(), "table is too large") >= 3 && !strings.Contains(d.log(), "not loaded")
			})
			h := startForwardingHost(t, d)
			queries := func(from, to string) int {
				before := serverStatus(t, "Com_select")
				replies, err := scratch.Submit(t.Context(), h.mta.Addr(), from, []string{to}, "Subject: counted\n\ntext\n")
				if refused := scratch.Refusals(replies); err != nil || len(refused) > 0 {
					t.Fatal(refused, err)
				}
				eventually(t, "the mail is out", func() bool {
					queue, err := h.mta.Queue(t.Context())
					return err == nil && len(queue) == 0
				})
				return serverStatus(t, "Com_select") - before
			}
			eventually(t, "what the start of daemon and Postfix asks is over", func() bool {
				before := serverStatus(t, "Com_select")
				time.Sleep(time.Second)
				return serverStatus(t, "Com_select") == before
			})
			reloads := func() float64 { return d.metric(t, "postern_table_reloads_total") }
			before := reloads()
			cold := queries("s@far.test", "a1@fwd.test")
			t.Logf("cold: %d queries", cold)
			if cold > 8 && reloads() == before {
				t.Errorf("%d queries for a cold mail, promised are 8", cold)
			}
			undisturbed := 0
			eventually(t, "five mails between two reloads", func() bool {
				before := reloads()
				warm := queries("s@far.test", "a1@fwd.test")
				if reloads() != before {
					return false
				}
				if undisturbed++; warm != 0 {
					t.Errorf("%d queries for a warm mail, promised are none", warm)
				}
				return undisturbed == 5
			})
		})
	}
}
