package supervise_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// kill ends the worker at the other end of c and waits until it is dead.
func (h *house) kill(c *client) {
	h.Helper()
	text, err := c.ask("pid")
	if err != nil {
		h.Fatal(err)
	}
	pid, err := strconv.Atoi(text)
	if err != nil {
		h.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		h.Fatal(err)
	}
	if _, err := c.ask("?"); err == nil {
		h.Fatalf("process %d was not killed", pid)
	}
}

func TestWorkerKilledClientsWait(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	for range 2 {
		before := h.once("pid")
		h.kill(h.dial())
		var clients sync.WaitGroup
		for range 50 {
			clients.Go(func() {
				c, err := dial("unix", h.addr)
				if err != nil {
					t.Errorf("refused: %v", err)
					return
				}
				defer c.Close()
				if pid, err := c.ask("pid"); err != nil || pid == before {
					t.Errorf("process %q, %v", pid, err)
				}
			})
		}
		clients.Wait()
	}
	if log := h.logged(); strings.Count(log, "signal: killed") != 2 {
		t.Error("the log does not say that the worker was killed")
	}
}

func TestRestartHasTheLastGoodSettings(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	h.mustReload(settings{Answer: "two"})
	if err := h.reload(settings{Mood: refuses}); err == nil {
		t.Fatal("the bad settings were taken")
	}
	h.kill(h.dial())
	h.wantAnswer(h.dial(), "?", "two")
}

// A leaver that dies takes its connections along and nothing else.
func TestLeaverKilled(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	c := h.dial()
	h.wantAnswer(c, "?", "one")
	h.mustReload(settings{Answer: "two"})
	current := h.once("pid")
	h.kill(c)
	h.mustReload(settings{Answer: "three"})
	h.wantAnswer(h.dial(), "?", "three")
	if now := h.once("pid"); now == current {
		t.Error("no new worker")
	}
}

func TestReloadMendsAWorkerThatKeepsDying(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	c := h.dial()
	h.wantAnswer(c, "?", "one")
	h.mustReload(settings{Mood: quits}) // it says ready, and ends
	h.wantAnswer(c, "?", "")
	waits := h.dial() // nobody is there to accept
	h.mustReload(settings{Answer: "three"})
	h.wantAnswer(waits, "?", "three")
	h.wantAnswer(c, "?", "three")
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if !strings.Contains(h.logged(), "worker: database: gone") {
		t.Error("the log does not tell why the worker ended")
	}
}

func TestStopWhileNoWorkerServes(t *testing.T) {
	h := newHouse(t, settings{Mood: quits}).start()
	h.awaitLog("no worker serves")
	if err := h.end(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// stream asks on one new connection after the other until stop is closed, and
// returns the number of answers.
func (h *house) stream(stop <-chan struct{}, answers *atomic.Int64) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		c, err := dial("unix", h.addr)
		if err != nil {
			return fmt.Errorf("refused: %w", err)
		}
		answer, err := c.ask("?")
		c.Close()
		if err != nil {
			return fmt.Errorf("dropped: %w", err)
		}
		if answer != "one" {
			return errors.New("answered " + answer)
		}
		answers.Add(1)
	}
}

func TestNobodyIsRefusedWhileReloading(t *testing.T) {
	h := newHouse(t, settings{Answer: "one"}).start()
	stop := make(chan struct{})
	var answers atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			if err := h.stream(stop, &answers); err != nil {
				t.Error(err)
			}
		})
	}
	for range 50 {
		before := answers.Load()
		h.mustReload(settings{Answer: "one"})
		if answers.Load() == before {
			h.once("?") // a reload is worth little that nobody has noticed
		}
	}
	close(stop)
	clients.Wait()
	t.Logf("%d answers during 50 reloads", answers.Load())
}
