package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var errExit = errors.New("exit status 100")

// answer is what a scripted program prints; the empty one succeeds silently.
type answer struct {
	stdout, stderr string
	err            error
}

// machine answers the programs of a test in turn, by the first words of their
// command lines, and keeps what was run.
type machine struct {
	answers map[string][]answer
	ran     []string
}

func (m *machine) run(_ context.Context, stdin, name string, args ...string) (string, string, error) {
	key := name
	for _, word := range []string{"-s", "-y", "update"} {
		if slices.Contains(args, word) {
			key = name + " " + word
		}
	}
	m.ran = append(m.ran, strings.TrimSpace(key+" "+stdin))
	if len(m.answers[key]) == 0 {
		return "", "", nil
	}
	a := m.answers[key][0]
	if len(m.answers[key]) > 1 {
		m.answers[key] = m.answers[key][1:]
	}
	return a.stdout, a.stderr, a.err
}

func recorded(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestInstall(t *testing.T) {
	nothing := answer{stderr: "dpkg-query: no packages found matching postfix\n", err: errors.New("exit status 1")}
	unknown := answer{stderr: "E: Unable to locate package postfix\n", err: errExit}
	outdated := answer{stderr: "E: Failed to fetch http://…  404  Not Found\nE: Unable to fetch some archives\n", err: errExit}
	good := answer{stdout: recorded(t, "simulate-postfix")}
	preseed := "debconf-set-selections postfix postfix/main_mailer_type select No configuration"
	tests := []struct {
		name    string
		user    bool
		answers map[string][]answer
		ran     []string
		err     string // part of the error; empty: none
	}{
		{"all is there", false, map[string][]answer{"dpkg-query": {{stdout: "postfix\tii \n"}}},
			[]string{"dpkg-query"}, ""},
		{"missing", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {good}},
			[]string{"dpkg-query", "apt-get -s", preseed, "apt-get -y"}, ""},
		{"no lists yet", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {unknown, good}},
			[]string{"dpkg-query", "apt-get -s", "apt-get update", "apt-get -s", preseed, "apt-get -y"}, ""},
		{"old lists", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {good}, "apt-get -y": {outdated, {}}},
			[]string{"dpkg-query", "apt-get -s", preseed, "apt-get -y", "apt-get update", "apt-get -y"}, ""},
		{"no such package", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {unknown}},
			[]string{"dpkg-query", "apt-get -s", "apt-get update", "apt-get -s"}, "exit status 100: E: Unable to locate package postfix"},
		{"no network", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {unknown}, "apt-get update": {{stderr: "E: no route\n", err: errExit}}},
			[]string{"dpkg-query", "apt-get -s", "apt-get update", "apt-get -s"}, "apt-get update: exit status 100: E: no route"},
		{"broken package", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {good}, "apt-get -y": {{stderr: "E: Sub-process dpkg returned an error\n", err: errExit}}},
			[]string{"dpkg-query", "apt-get -s", preseed, "apt-get -y"}, "Sub-process dpkg"},
		{"would remove", false, map[string][]answer{"dpkg-query": {nothing}, "apt-get -s": {{stdout: recorded(t, "simulate-exim4")}}},
			[]string{"dpkg-query", "apt-get -s"}, "would remove postfix, postfix-mysql: decide by hand"},
		{"not root", true, map[string][]answer{"dpkg-query": {nothing}},
			[]string{"dpkg-query"}, "needs root: sudo apt-get install --no-install-recommends postfix"},
		{"not Debian", false, map[string][]answer{"dpkg-query": {{err: errors.New("executable file not found")}}},
			[]string{"dpkg-query"}, "this needs Debian or a relative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &machine{answers: tt.answers}
			i := &Installer{Out: new(bytes.Buffer), Run: m.run, Root: !tt.user, Sbin: t.TempDir(), Lock: t.TempDir()}
			err := i.Install(t.Context(), "postfix")
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("err = %v; want %q", err, tt.err)
			}
			if !slices.Equal(m.ran, tt.ran) {
				t.Errorf("ran\n  %q\nwant\n  %q", m.ran, tt.ran)
			}
			if left, _ := os.ReadDir(i.Sbin); len(left) != 0 {
				t.Errorf("left in sbin: %v", left)
			}
		})
	}
}

func TestNotInstalled(t *testing.T) {
	listing := "gcc\tii \nheld\thi \nremoved\trc \nhalf\tiF \nunknown\tun \n"
	got := notInstalled(listing, []string{"gcc", "held", "removed", "half", "unknown", "never-heard-of", "removed"})
	if want := "[removed half unknown never-heard-of]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
