//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
	"postern/internal/scratch/trixie"
)

// TestTwinMail sends the same mail through Postfixes that are alike but for
// the type of their tables: mysql: files in the first, the same files answered
// by postern over socketmap in the second and over tcp in the third. Every
// reply and every delivered envelope must be the same.
func TestTwinMail(t *testing.T) {
	t.Run("this Debian", func(t *testing.T) { twinMail(t, "", 350) })
	t.Run("Debian 13", func(t *testing.T) {
		root, err := trixie.Root(t.Context(), os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		twinMail(t, root, 150)
	})
}

// twinMail takes the Postfixes from a Debian root folder.
func twinMail(t *testing.T, root string, n int) {
	sinks := twinSinks{scratchtest.Sink(t, scratch.SinkOptions{}), scratchtest.Sink(t, scratch.SinkOptions{})}
	db := newDatabase(t, false, false)
	db.exec(t, newTwinRows(20, sinks.branch.Addr()).sql())
	dir := openFolderIn(t, filepath.Join(root, os.TempDir()))
	for _, table := range twinTables {
		db.cf(t, dir, table.name, table.query)
	}
	seen := strings.TrimPrefix(dir, root) // from inside
	stock := &twinSide{name: "stock"}
	stock.mta = startPostfixOf(t, root, twinMain(sinks, func(name string) string {
		return each(name, func(member string) string { return "mysql:" + filepath.Join(seen, member+".cf") })
	}))
	version, err := stock.mta.Postconf(t.Context(), "-h", "mail_version")
	if err != nil || root != "" && !strings.HasPrefix(version, "3.10.") {
		t.Fatalf("Postfix %s, %v", version, err)
	}
	socket, tcp := &twinSide{name: "socketmap"}, &twinSide{name: "tcp"}
	startTwinDaemon(t, root, dir, sinks, socket, tcp)

	cases := twinCases(21, n)
	var group sync.WaitGroup
	for _, side := range []*twinSide{stock, socket, tcp} {
		group.Go(func() {
			side.play(t, cases)
			side.settled(t)
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
	collect(t, sinks, stock, socket, tcp)
	if log := stock.mta.Log(); strings.Contains(log, "query failed") || strings.Contains(log, "connect to mysql server") {
		t.Fatal("the stock side met an error of its own; nothing can be compared")
	}
	compare(t, cases, stock, socket)
	compare(t, cases, stock, tcp)
	enough(t, cases, stock)
}

// each joins what every table of a list, or a single table, becomes.
func each(name string, spell func(string) string) string {
	members := twinLists[name]
	if members == nil {
		members = []string{name}
	}
	list := make([]string, len(members))
	for i, member := range members {
		list[i] = spell(member)
	}
	return strings.Join(list, ", ")
}

// startTwinDaemon starts the Postfixes that ask postern, and postern, which
// reads myorigin and mydestination from the first of them.
func startTwinDaemon(t *testing.T, root, dir string, sinks twinSinks, socket, tcp *twinSide) {
	t.Helper()
	d := newDaemon(t, "")
	endpoint := "socketmap:unix:" + d.unix + ":"
	if root != "" { // the socket's path does not lead there
		endpoint = "socketmap:inet:" + d.inet + ":"
	}
	socket.mta = startPostfixOf(t, root, twinMain(sinks, func(name string) string { return endpoint + listName(name) }))
	// Answers are compared, not their speed: the stock side has a minute for one.
	blocks := "database: {connect_timeout: 60s, statement_timeout: 60s}\nrecipient_delimiter: \"+-\"\npostfix: {config_directory: " + socket.mta.ConfigDir() + "}\nmaps:\n"
	doors := "tcptable:\n"
	tcpAddr := map[string]string{}
	for _, name := range twinNames() {
		addr := freeAddr(t)
		tcpAddr[name] = "tcp:" + addr
		doors += fmt.Sprintf("  - {listen: \"inet:%s\", map: %s}\n", addr, listName(name))
	}
	for _, table := range twinTables {
		blocks += fmt.Sprintf("  %s: {cf: %s/%s.cf, search: %s}\n", table.name, dir, table.name, table.class)
	}
	for name, class := range map[string]string{"virtual": "virtual", "pair": "address", "login": "sender-login"} {
		blocks += fmt.Sprintf("  %s: {of: [%s], search: %s}\n", listName(name), strings.Join(twinLists[name], ", "), class)
	}
	d.configure(t, blocks+doors)
	d.start(t)
	tcp.mta = startPostfixOf(t, root, twinMain(sinks, func(name string) string { return tcpAddr[name] }))
}

// listName is the map of a list: the names of built-in maps are taken.
func listName(name string) string {
	if twinLists[name] != nil {
		return name + "-list"
	}
	return name
}

// twinNames are the maps that main.cf names.
func twinNames() []string {
	names := []string{}
	for _, table := range twinTables {
		if !strings.HasPrefix(table.name, "virtual") && !strings.HasPrefix(table.name, "login") {
			names = append(names, table.name)
		}
	}
	for name := range twinLists {
		names = append(names, name)
	}
	return names
}

// compare fails for every case that had another outcome.
func compare(t *testing.T, cases []twinCase, want, got *twinSide) {
	t.Helper()
	differ := 0
	for i, c := range cases {
		if want.outcome(i) == got.outcome(i) {
			continue
		}
		if differ++; differ <= 15 {
			t.Errorf("<%s> to <%s>, profile %d\n%s:\n%s\n%s:\n%s", c.sender, c.receiver, c.profile,
				want.name, want.outcome(i), got.name, got.outcome(i))
		}
	}
	if w, g := strings.Join(want.others, "\n"), strings.Join(got.others, "\n"); w != g {
		t.Errorf("bounces and deferred mail of %s:\n%s\nof %s:\n%s", want.name, w, got.name, g)
	}
	t.Logf("%s against %s: %d transactions, %d differ", got.name, want.name, len(cases), differ)
}

// enough fails if the data set decided too little to prove anything.
func enough(t *testing.T, cases []twinCase, side *twinSide) {
	t.Helper()
	counts := map[string]int{}
	for i := range cases {
		text := side.outcome(i)
		for _, mark := range []string{"via ", "far.test>", "branch: ", "not owned by", "X-Via", "User unknown", "Sender address rejected",
			"Recipient address rejected", "Client host rejected", "Helo command rejected", "queued", "5.7.1 domain banned"} {
			if strings.Contains(text, mark) {
				counts[mark]++
			}
		}
	}
	t.Logf("what the rows decided: %v; other mail: %d", counts, len(side.others))
	for _, mark := range []string{"branch: ", "not owned by", "User unknown", "Sender address rejected", "Recipient address rejected",
		"Client host rejected", "Helo command rejected"} {
		if counts[mark] < 2 {
			t.Errorf("%q was the outcome of %d transactions: this compares nothing", mark, counts[mark])
		}
	}
	if counts["queued"] < len(cases)/5 || counts["far.test>"] < len(cases)/6 {
		t.Error("too few mails were delivered: this compares nothing")
	}
}
