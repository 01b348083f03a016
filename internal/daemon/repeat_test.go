package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/logtest"
)

func TestTroubleThatRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Log
		log, err := NewLogger(&out, "text", slog.LevelInfo, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines := func(text string) int { return strings.Count(text, "\n") }
		for i := range 1000 {
			log.Warn("database away", "map", "a", "key", fmt.Sprint("k", i), "error", errors.New("refused"))
		}
		if got := out.Take(); lines(got) != 10 || strings.Contains(got, "not_shown") {
			t.Fatalf("of one trouble:\n%s", got)
		}
		log.Warn("database away", "map", "b", "error", "refused")
		log.With("listener", "x").Error("database away", "map", "a")
		log.Warn("database away", "map", "a", "end", "another")
		for i := range 100 {
			log.Info("decision", "n", i)
			log.Warn("message deferred", "id", fmt.Sprint(i))
			log.With("id", i).Warn("message deferred")
		}
		if got := out.Take(); lines(got) != 303 {
			t.Fatalf("%d lines of others, routine and decisions:\n%.1000s", lines(got), got)
		}
		time.Sleep(repeatEvery + time.Second)
		synctest.Wait()
		if got := out.Take(); lines(got) != 1 || !strings.Contains(got, "map=a key=k999 error=refused not_shown=989") {
			t.Fatalf("a minute later: %s", got)
		}
		for range 500 {
			log.Warn("database away", "map", "a", "key", "again")
		}
		if got := out.Take(); got != "" {
			t.Fatalf("while it goes on: %s", got)
		}
		time.Sleep(repeatEvery)
		synctest.Wait()
		if got := out.Take(); lines(got) != 1 || !strings.Contains(got, "key=again not_shown=499") {
			t.Fatalf("another minute later: %s", got)
		}
		time.Sleep(2 * repeatEvery)
		log.Warn("database away", "map", "a", "key", "new")
		if got := out.Take(); lines(got) != 1 || strings.Contains(got, "not_shown") {
			t.Fatalf("after it was over: %s", got)
		}
		time.Sleep(3 * repeatEvery)
	})
}

// Whatever is in the scope, what is kept is bounded.
func TestManyKindsOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Log
		log, err := NewLogger(&out, "json", slog.LevelInfo, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 * repeatKinds {
			log.Error("bad file", "file", i)
		}
		if n := strings.Count(out.Take(), "\n"); n != repeatKinds+repeatBurst {
			t.Errorf("%d lines", n)
		}
		time.Sleep(3 * repeatEvery)
		synctest.Wait()
		if got := out.Take(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"not_shown":4489`) {
			t.Errorf("later: %s", got)
		}
	})
}

// Many at once lose no line and no count.
func TestTroubleOfManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logtest.Log
		log, err := NewLogger(&out, "text", slog.LevelInfo, nil)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 20 {
					log.Warn("trouble")
				}
			})
		}
		all.Wait()
		time.Sleep(3 * repeatEvery)
		synctest.Wait()
		if got := out.Take(); strings.Count(got, "\n") != 11 || !strings.Contains(got, "not_shown=989") {
			t.Error(got)
		}
	})
}
