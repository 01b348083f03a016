package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// complete asks what the shell would: the proposals, and the directive.
func complete(t *testing.T, words ...string) (proposals []string, directive string) {
	t.Helper()
	var out, stderr bytes.Buffer
	if status := run(context.Background(), append([]string{cobra.ShellCompNoDescRequestCmd}, words...), nil, &out, &stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1], lines[len(lines)-1]
}

const (
	noFiles     = ":4"
	anyFile     = ":0"
	filesByName = ":8"
	onlyFolders = ":16"
)

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "postern.yaml"), filepath.Join(dir, "bad.yaml")
	for file, text := range map[string]string{
		good: "maps: {office: {file: office}}\nsrsd: {domain: srs.example.org, secrets_file: none}\n",
		bad:  "mapz: {}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name      string
		words     []string
		has, not  string // proposals; "" is none
		directive string
	}{
		{"maps of the configuration", []string{"query", "--config", good, ""}, "office virtual srs-forward", "", noFiles},
		{"a key is not a map", []string{"query", "--config", good, "virtual", ""}, "", "office virtual", noFiles},
		{"after --explain", []string{"query", "--explain", "--config", good, ""}, "office", "", noFiles},
		{"flush", []string{"flush", "--config", good, ""}, "office virtual", "", noFiles},
		{"a bad configuration is silent", []string{"query", "--config", bad, ""}, "virtual", "office srs-forward", noFiles},
		{"a missing one, too", []string{"query", "--config", dir + "/none", ""}, "virtual allowlist", "office", noFiles},
		{"tables", []string{"accept-snapshot", ""}, "alias domain api_bans", "", noFiles},
		{"commands", []string{"po"}, "policy policyd", "manual", noFiles},
		{"hidden ones", []string{"ma"}, "", "manual", noFiles},
		{"daemons take no arguments", []string{"serve", ""}, "", "", noFiles},
		{"configuration", []string{"serve", "--config", ""}, "yaml yml", "", filesByName},
		{"folder", []string{"check", "--postfix", ""}, "", "", onlyFolders},
		{"log", []string{"incident", "--log", ""}, "", "", anyFile},
		{"records", []string{"policy", "replay", ""}, "", "", anyFile},
		{"type of a ban", []string{"ban", "add", "--type", ""}, "domain email ip name", "", noFiles},
		{"what an incident is about", []string{"incident", "--as", ""}, "login alias handle destination", "", noFiles},
		{"dialect", []string{"schema", "--driver", ""}, "mysql sqlite", "", noFiles},
		{"scheme", []string{"user", "add", "--scheme", ""}, "ARGON2ID", "", noFiles},
		{"a text", []string{"ban", "add", "--reason", ""}, "", "", noFiles},
	} {
		t.Run(c.name, func(t *testing.T) {
			proposals, directive := complete(t, c.words...)
			if directive != c.directive {
				t.Errorf("directive %s, want %s", directive, c.directive)
			}
			for _, want := range strings.Fields(c.has) {
				if !slices.Contains(proposals, want) {
					t.Errorf("no %q among %q", want, proposals)
				}
			}
			for _, not := range strings.Fields(c.not) {
				if slices.Contains(proposals, not) {
					t.Errorf("%q is among %q", not, proposals)
				}
			}
			if c.has == "" && len(proposals) > 0 {
				t.Errorf("proposals %q where there are none", proposals)
			}
		})
	}
}
