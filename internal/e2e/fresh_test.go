//go:build integration

package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

// feeds are the two ways in which postern learns of changes.
var feeds = []struct {
	name string
	feed bool
}{{"with the change feed", true}, {"without", false}}

// TestJustCreatedAlias: an alias that was created a moment ago takes mail,
// also if strangers have asked for it a thousand times a second before.
func TestJustCreatedAlias(t *testing.T) {
	for _, f := range feeds {
		t.Run(f.name, func(t *testing.T) {
			db := outageDatabase(t, f.feed)
			d := startDaemon(t, db.block("max_connections: 4"))
			t.Run("asked at once", func(t *testing.T) { askedAtOnce(t, d, db) })
			t.Run("asked before", func(t *testing.T) { askedBefore(t, d, db) })
		})
	}
}

// askedAtOnce creates an alias that nobody asked for yet.
func askedAtOnce(t *testing.T, d *daemon, db *database) {
	a := d.asker()
	defer a.close()
	for i := range 5 {
		address := fmt.Sprintf("new%d@fwd.test", i)
		db.exec(t, insert("alias (address, `goto`)", [][]string{{address, "new@dest.test"}}))
		committed := time.Now()
		eventually(t, address+" is found", func() bool { return a.must(t, "virtual", address) == "OK new@dest.test" })
		if took := time.Since(committed); took > 1500*time.Millisecond {
			t.Errorf("%s was found %v after COMMIT", address, took)
		}
	}
}

// askedBefore asks for an alias without a pause while it is created.
func askedBefore(t *testing.T, d *daemon, db *database) {
	var mu sync.Mutex
	var committed time.Time
	var late []string
	asked, stop := 0, make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			a := d.asker()
			defer a.close()
			for ticks := time.Tick(8 * time.Millisecond); ; <-ticks {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				due := !committed.IsZero() && time.Since(committed) > 1500*time.Millisecond
				asked++
				mu.Unlock()
				if reply, err := a.ask("virtual", "Wanted@fwd.test"); due && reply != "OK wanted@dest.test" {
					mu.Lock()
					late = append(late, fmt.Sprintf("%q %v", reply, err))
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(time.Second) // the strangers' questions
	db.exec(t, insert("alias (address, `goto`)", [][]string{{"wanted@fwd.test", "wanted@dest.test"}}))
	mu.Lock()
	committed = time.Now()
	before := asked
	mu.Unlock()
	time.Sleep(3 * time.Second) // half of it is the delay that is allowed
	close(stop)
	group.Wait()
	t.Logf("asked %d times before and %d times after its creation", before, asked-before)
	if len(late) > 0 {
		t.Errorf("%d answers later than 1.5 s after COMMIT were wrong, the first: %s", len(late), late[0])
	}
	if before < 200 {
		t.Errorf("asked %d times before: too few to prove anything", before)
	}
}

// TestOverlappingTransactions: changes are seen although they are committed in
// another order than they were written.
func TestOverlappingTransactions(t *testing.T) {
	db := outageDatabase(t, true)
	d := startDaemon(t, db.block("max_connections: 4"))
	conn, err := sql.Open("mysql", shared.db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	random := rand.New(rand.NewPCG(4, 4))
	var group sync.WaitGroup
	for i := range 40 {
		pause := time.Duration(random.IntN(2500)) * time.Millisecond
		group.Go(func() {
			if err := changeSlowly(t, conn, db, i, pause); err != nil {
				t.Error(err)
				return
			}
			committed := time.Now()
			a := d.unixAsker()
			defer a.close()
			want := fmt.Sprintf("OK changed%d@dest.test", i)
			for a.must(t, "virtual", fmt.Sprintf("a%d@fwd.test", i)) != want {
				if time.Since(committed) > 5*time.Second {
					t.Errorf("change %d, open for %v, was not seen 5s after COMMIT", i, pause)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(committed); took > 2*time.Second {
				t.Errorf("change %d, open for %v, was seen after %v", i, pause, took)
			}
		})
		time.Sleep(20 * time.Millisecond)
	}
	group.Wait()
}

// changeSlowly changes a row in a transaction that stays open for a while.
func changeSlowly(t *testing.T, conn *sql.DB, db *database, i int, open time.Duration) error {
	tx, err := conn.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s.alias SET `goto` = 'changed%d@dest.test' WHERE address = 'a%d@fwd.test'", db.name, i, i))
	if err != nil {
		return err
	}
	time.Sleep(open)
	return tx.Commit()
}
