package bans

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestChangesActAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := tableOf("domain:spam.example|- spam")
		c := newCheck(t, table, nil)
		q := request(t, "sender=a@spam.example")
		for i := range 5 {
			if got := judged(t, c, q); got == "dunno" {
				t.Errorf("round %d: %s", i, got)
			}
			table.set()
			if got := judged(t, c, q); got != "dunno" {
				t.Errorf("round %d: revoked: %s", i, got)
			}
			table.set("domain:spam.example|- spam")
		}
		reads := table.reads
		judged(t, c, q)
		judged(t, c, q)
		if table.reads > reads+1 {
			t.Errorf("a table that does not change was read %d times", table.reads-reads)
		}
	})
}

// TestGivenUp: a table that nobody reads any more leaves the bans that it had.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := tableOf("domain:spam.example|-")
		c := newCheck(t, table, nil)
		table.set()
		table.generation = 0
		time.Sleep(time.Hour)
		if got := judged(t, c, request(t, "sender=a@spam.example")); got == "dunno" {
			t.Error("the bans are gone")
		}
	})
}

// TestBuildingHasItsShare: building that took 50 ms is not done again for half
// a second, and never is a change seen later than a second.
func TestBuildingHasItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &slowTable{fakeTable: tableOf("name:x|- a"), takes: 50 * time.Millisecond}
		c := newCheck(t, table, nil)
		q := request(t, "recipient=x@example.org protocol_state=RCPT")
		for _, step := range []struct {
			row         string
			takes, wait time.Duration
			want        string
		}{
			{"b", 50 * time.Millisecond, 499 * time.Millisecond, "a"},
			{"b", time.Minute, time.Millisecond, "b"}, // and building takes a minute
			{"c", 0, 999 * time.Millisecond, "b"},
			{"c", 0, time.Millisecond, "c"},
			{"d", 0, 0, "d"},
		} {
			table.takes = step.takes
			table.set("name:x|- " + step.row)
			time.Sleep(step.wait)
			v, err := c.Check(t.Context(), q)
			if got := strings.TrimPrefix(v.Action.String(), "554 5.7.1 Recipient banned: "); got != step.want || err != nil {
				t.Errorf("%+v: %q, %v", step, got, err)
			}
		}
	})
}

// slowTable takes its time to be read.
type slowTable struct {
	*fakeTable
	takes time.Duration
}

func (t *slowTable) Range(yield func(key, value string) bool) {
	time.Sleep(t.takes)
	t.fakeTable.Range(yield)
}

// TestOthersGoOnMeanwhile: while one request builds the next book, others are
// answered from the last one.
func TestOthersGoOnMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &slowTable{fakeTable: tableOf("name:x|- a")}
		c := newCheck(t, table, nil)
		table.takes = time.Minute
		table.set()
		q := request(t, "recipient=x@example.org protocol_state=RCPT")
		go judged(t, c, q)
		synctest.Wait()
		start := time.Now()
		if got := judged(t, c, q); got == "dunno" || time.Since(start) > 0 {
			t.Errorf("after %v: %s", time.Since(start), got)
		}
		time.Sleep(2 * time.Minute)
		if got := judged(t, c, q); got != "dunno" {
			t.Error(got)
		}
	})
}

func TestWarningsOncePerRow(t *testing.T) {
	var log strings.Builder
	registry := prometheus.NewPedanticRegistry()
	rows := []string{"domain:com|- x", "domain:..|- x", "ip:0.0.0.0/0|- x", "ip:192.0.2.1|soon x", "domain:fine.example|- x", "user:x|- y", "|", "email:a@b.example|1 over"}
	table := tableOf(rows...)
	c := newCheck(t, table, func(o *Options) { o.Log, o.Metrics = logTo(&log), NewMetrics(registry) })
	first := log.String()
	if n := strings.Count(first, "\n"); n != 6 {
		t.Errorf("%d lines:\n%s", n, first)
	}
	for _, want := range []string{
		`target=domain:com problem="it is a public suffix and bans that name alone: to ban all below it write *.com"`,
		`target=ip:0.0.0.0/0 problem="it would ban everybody"`,
		`target=ip:192.0.2.1 problem="its expiry cannot be read"`,
		`problem="its kind is not known: write email, domain, ip or name"`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s in\n%s", want, first)
		}
	}
	want := `
		# HELP policy_bans Bans that were active when their table was last read.
		# TYPE policy_bans gauge
		policy_bans{kind="domain"} 2
		policy_bans{kind="email"} 0
		policy_bans{kind="ip"} 0
		policy_bans{kind="name"} 0
		# HELP policy_bans_ignored Rows of api_bans that ban nothing because they cannot be used.
		# TYPE policy_bans_ignored gauge
		policy_bans_ignored 5
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "policy_bans", "policy_bans_ignored"); err != nil {
		t.Error(err)
	}
	log.Reset()
	table.set(append(rows, "name:@x|- new")...)
	c.built = time.Time{}
	judged(t, c, request(t, "sender=a@fine.example"))
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "name:@x") {
		t.Errorf("after one more:\n%s", log.String())
	}
	log.Reset()
	for i := range 100 {
		rows = append(rows, fmt.Sprintf("ip:%d.x|- y", i))
	}
	table.set(rows...)
	c.built = time.Time{}
	judged(t, c, request(t, "sender=a@fine.example"))
	if n := strings.Count(log.String(), "\n"); n != 11 || !strings.Contains(log.String(), "rows=90") {
		t.Errorf("after a hundred more:\n%s", log.String())
	}
}

// TestManyAtOnce judges while the table changes: what is always banned is
// never missed.
func TestManyAtOnce(t *testing.T) {
	table := tableOf("domain:spam.example|- spam")
	c := newCheck(t, table, nil)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			q := request(t, "client_address=192.0.2.1 sender=a@x.spam.example")
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := judged(t, c, q); got != "sender_domain: 554 5.7.1 Sender banned: spam" {
					t.Error(got)
					return
				}
			}
		})
	}
	for i := range 300 {
		rows := []string{"domain:spam.example|- spam"}
		for j := range i {
			rows = append(rows, fmt.Sprintf("ip:198.51.100.%d/32|- x", j%256))
		}
		table.set(rows...)
	}
	close(stop)
	all.Wait()
	c.built = time.Time{}
	if got := judged(t, c, request(t, "client_address=198.51.100.1")); got != "client_ip: 554 5.7.1 Client banned: x" {
		t.Error(got)
	}
}
