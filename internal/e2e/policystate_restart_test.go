//go:build integration

package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/scratch/scratchtest"
	"postern/internal/statefile"
)

// keptSettings have counters and a greylist.
var keptSettings = []string{"chains: {count: [rate_limits], gate: [greylist]}", "greylist: {delay: 1s, auto_pass: -1}",
	"rate_limits: [{name: login, key: sasl_username, limit: 10/52w}]"}

// greyMail is of a sender who waits once.
var greyMail = []string{"policy_context=gate"}

// stateFile is where a daemon keeps that part of its state.
func (d *policyDaemon) stateFile(name string) string {
	return filepath.Join(d.dir, "state", "policy", name)
}

// spendState spends 7 of 10 and has a sender pass the greylist.
func (d *policyDaemon) spendState(t *testing.T) {
	t.Helper()
	d.spend(t, 7, "policy_context=count", "sasl_username=alice")
	d.want(t, "DEFER_IF_PERMIT", greyMail...)
	eventually(t, "the sender has waited long enough", func() bool { return d.answer(t, greyMail...) == "DUNNO" })
}

// wantState checks what is left of it.
func (d *policyDaemon) wantState(t *testing.T, left int, grey string) {
	t.Helper()
	d.want(t, grey, greyMail...)
	if n := spendAll(t, []*policyDaemon{d}, 11, "policy_context=count", "sasl_username=alice"); n != left {
		t.Errorf("%d mails pass, want %d", n, left)
	}
}

// TestPolicyStateStopped: counters and greylist live on through SIGTERM.
func TestPolicyStateStopped(t *testing.T) {
	d := startPolicyDaemon(t, "", keptSettings...)
	d.spendState(t)
	d.stop(t)
	for _, name := range []string{"limits", "greylist"} {
		if info, err := os.Stat(d.stateFile(name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("state file: %v, %v", info, err)
		}
	}
	d.begin(t).wantState(t, 3, "DUNNO")
	d.stop(t)
	d.begin(t).wantState(t, 0, "DUNNO")
}

// TestPolicyStateKilled: SIGKILL loses what was not saved in the last half
// minute, and no more.
func TestPolicyStateKilled(t *testing.T) {
	t.Parallel() // it waits
	d := startPolicyDaemon(t, "", keptSettings...)
	d.spendState(t)
	d.await(t, "the state is saved", func() bool {
		_, limits := os.Stat(d.stateFile("limits"))
		_, grey := os.Stat(d.stateFile("greylist"))
		return limits == nil && grey == nil
	})
	d.spend(t, 1, "policy_context=count", "sasl_username=alice")
	d.kill()
	d.begin(t).wantState(t, 3, "DUNNO")
}

// TestPolicyStateSpoiled: a file that cannot be used is set aside with a
// warning, and mail goes on with counters at zero.
func TestPolicyStateSpoiled(t *testing.T) {
	newer := func(format string) func(path string) error {
		return func(path string) error {
			return statefile.Format{Name: format, Version: 99}.Write(path, func(w io.Writer) error {
				_, err := io.WriteString(w, "of tomorrow")
				return err
			})
		}
	}
	for _, c := range []struct {
		name, aside string
		spoil       map[string]func(path string) error
	}{
		{"torn", ".damaged", both(func(path string) error { return os.Truncate(path, 60) })},
		{"empty", ".damaged", both(func(path string) error { return os.Truncate(path, 0) })},
		{"a bit is wrong", ".damaged", both(flipBit)},
		{"of another program", ".damaged", both(func(path string) error { return os.WriteFile(path, []byte("SQLite format 3\x00"), 0o600) })},
		{"of a newer version", ".newer", map[string]func(string) error{"limits": newer("policy-counters"), "greylist": newer("greylist")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := startPolicyDaemon(t, "", keptSettings...)
			d.spendState(t)
			d.stop(t)
			spoiled := map[string][]byte{}
			for name, spoil := range c.spoil {
				mustDo(t, spoil(d.stateFile(name)))
				spoiled[name], _ = os.ReadFile(d.stateFile(name))
			}
			d.begin(t)
			for name, was := range spoiled {
				if aside, err := os.ReadFile(d.stateFile(name) + c.aside); err != nil || string(aside) != string(was) {
					t.Errorf("set aside: %q, %v; it was %q", aside, err, was)
				}
			}
			if n := strings.Count(d.log(), "level=WARN"); n != 2 {
				t.Errorf("%d warnings", n)
			}
			d.wantState(t, 10, "DEFER_IF_PERMIT")
			d.stop(t)
			d.begin(t).wantState(t, 0, "D") // the new one is good
		})
	}
}

// both does the same to the two files.
func both(spoil func(path string) error) map[string]func(path string) error {
	return map[string]func(string) error{"limits": spoil, "greylist": spoil}
}

// flipBit is what a bad disk does.
func flipBit(path string) error {
	text, err := os.ReadFile(path)
	if err == nil {
		text[len(text)/2] ^= 4
		err = os.WriteFile(path, text, 0o600)
	}
	return err
}

// TestPolicyStateFullDisk: on a full disk decisions go on, the log says that
// they are not kept, the old file stays, and with room all is kept again.
func TestPolicyStateFullDisk(t *testing.T) {
	t.Parallel() // it waits
	disk := smallDisk(t, "1m")
	d := startPolicyDaemon(t, "state_dir: "+disk+"/state\n", keptSettings...)
	d.spendState(t)
	d.stop(t)
	filler := scratchtest.FillDisk(t, disk)
	d.begin(t)
	d.spend(t, 1, "policy_context=count", "sasl_username=alice")
	for i := range 100 { // more than fits into what is left of a block
		d.spend(t, 1, "policy_context=count", fmt.Sprintf("sasl_username=%s%d", strings.Repeat("long", 40), i))
	}
	d.await(t, "the log complains", func() bool {
		return strings.Contains(d.log(), "the counters of the rate limits are not saved") && strings.Contains(d.log(), "no space left on device")
	})
	if saved := d.metric(t, "postern_policy_state_saves_total", `result="error"`); saved == 0 {
		t.Error("no failure was counted")
	}
	d.spend(t, 1, "policy_context=count", "sasl_username=alice")
	d.kill()
	d.begin(t)
	d.spend(t, 1, "policy_context=count", "sasl_username=alice") // the 8th again
	mustDo(t, os.Remove(filler))
	d.stop(t)
	d.begin(t).wantState(t, 2, "DUNNO")
}

// TestPolicyStateForbidden: a state_dir that the daemon's user cannot write is
// a warning.
func TestPolicyStateForbidden(t *testing.T) {
	d := newPolicyDaemon(t, "", keptSettings...)
	d.user = nobody
	mustDo(t, os.Mkdir(filepath.Join(d.dir, "state"), 0o755))
	d.begin(t)
	d.await(t, "a warning", func() bool {
		return strings.Contains(lastLine(d.log(), "set state_dir to a folder that this user can write"), "level=WARN")
	})
	d.spendState(t)
	d.wantState(t, 3, "DUNNO")
	d.stop(t)
	if !strings.Contains(d.log(), "the counters of the rate limits are not saved") {
		t.Error("nothing is said at the end")
	}
	d.begin(t)
	d.want(t, "DUNNO", "policy_context=count", "sasl_username=alice")
}
