//go:build integration

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// srsMidnight is a midnight of UTC that no clock of a machine meets.
var srsMidnight = time.Date(2031, 5, 17, 0, 0, 0, 0, time.UTC)

// at fixes the daemon's clock for its next start.
func (d *srsDaemon) at(now time.Time) *srsDaemon {
	d.env = []string{fmt.Sprintf("POSTERN_FAKETIME=%d", now.Unix()), fmt.Sprintf("POSTSRSD_FAKETIME=%d", now.Unix())}
	return d
}

// TestSRSClocks has hosts with the same secret and different clocks take each
// other's bounces.
func TestSRSClocks(t *testing.T) {
	const sender = "friend@far.test"
	makers := map[string]string{}
	before, after := srsMidnight.Add(-time.Second), srsMidnight.Add(time.Second)
	clocks := map[string]time.Time{"before": before, "after": after, "a day behind": before.Add(-day), "a day ahead": after.Add(day)}
	native := map[string]*asker{}
	modern := map[string]*asker{}
	for name, now := range clocks {
		n := newNativeSRS(t, "").at(now).begin(t)
		m := newModernSRS(t).at(now).begin(t)
		native[name], modern[name] = n.map2Asker(), m.map2Asker()
		makers[name] = native[name].rewritten(t, "forward", sender)
		if other := modern[name].rewritten(t, "forward", sender); other != makers[name] {
			t.Errorf("%s: -C makes %s of what is %s natively", name, other, makers[name])
		}
	}
	if makers["before"] == makers["after"] || makers["after"] == makers["a day ahead"] {
		t.Fatalf("the clocks do not differ: %v", makers)
	}
	for _, test := range []struct {
		made, asked    string
		native, modern bool // taken
	}{
		{"before", "before", true, true},
		{"before", "after", true, true},
		{"after", "before", true, false}, // two seconds apart, and PostSRSd refuses the bounce
		{"a day ahead", "after", true, false},
		{"a day ahead", "before", false, false},
		{"before", "a day behind", true, false},
		{"after", "a day behind", false, false},
		{"a day behind", "a day ahead", true, true},
	} {
		for _, face := range []struct {
			name  string
			asker *asker
			taken bool
		}{{"native", native[test.asked], test.native}, {"-C", modern[test.asked], test.modern}} {
			want := "NOTFOUND Time stamp out of date."
			if face.taken {
				want = "OK " + sender
			}
			if got := face.asker.must(t, "reverse", makers[test.made]); got != want {
				t.Errorf("made %s, asked %s, %s: %q, want %q", test.made, test.asked, face.name, got, want)
			}
		}
	}
}

// TestSRSRotation changes the secret of two hosts in two steps. At no time does
// one refuse what the other has made.
func TestSRSRotation(t *testing.T) {
	const sender = "friend@far.test"
	first, second := newNativeSRS(t, "").at(srsMidnight), newNativeSRS(t, "").at(srsMidnight)
	hosts := []*srsDaemon{first, second}
	var made []string // by all hosts, on all days
	verify := func(what string) {
		t.Helper()
		for i, d := range hosts {
			a := d.map2Asker()
			defer a.close()
			made = append(made, a.rewritten(t, "forward", sender))
			for _, address := range made {
				if got := a.must(t, "reverse", address); got != "OK "+sender {
					t.Errorf("%s: host %d, %s: %q", what, i+1, address, got)
				}
			}
		}
	}
	for _, d := range hosts {
		d.begin(t)
	}
	verify("before")
	first.rotate(t)
	first.reload(t, "msg=reloaded")
	verify("rotated on one host")
	text, err := os.ReadFile(first.secrets())
	if err != nil {
		t.Fatal(err)
	}
	writeSecrets(t, second.secrets(), string(text))
	second.reload(t, "msg=reloaded")
	verify("copied to the other")
	newSigns := func(d *srsDaemon) bool {
		return d.metric(t, "postern_srs_secret_info", `slot="1"`, `state="signs"`) == 1
	}
	for i, d := range hosts {
		if newSigns(d) {
			t.Errorf("the new secret signs on host %d although the other may not know it", i+1)
		}
	}
	for _, d := range hosts { // one after the other, since their midnights differ
		d.restartAt(t, srsMidnight.Add(day))
		verify("the next day")
		if !newSigns(d) {
			t.Error("the new secret does not sign on its day")
		}
	}
	for _, d := range hosts {
		d.restartAt(t, srsMidnight.Add(21*day))
	}
	verify("on the last day of the first addresses")
}

func (d *srsDaemon) restartAt(t *testing.T, now time.Time) {
	t.Helper()
	d.stop(t)
	d.at(now).begin(t)
}

// rotate runs `postern srs rotate` with the daemon's clock.
func (d *srsDaemon) rotate(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.binary, "srs", "rotate", "--config", d.config())
	cmd.Env = append(os.Environ(), d.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("postern srs rotate: %v, %s", err, out)
	}
}
