package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/config"
	"postern/internal/demo"
)

// documents are the texts whose examples are held to be true.
func documents(t *testing.T) []string {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append(files, "../../README.md", "../../postfix/README.md", "../../__db/README.md")
}

// blocks are the fenced blocks of one language in a document.
func blocks(t *testing.T, file, language string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```")
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	return found
}

// TestDocumentedConfigurations parses every configuration in the documents.
func TestDocumentedConfigurations(t *testing.T) {
	n := 0
	for _, file := range documents(t) {
		for _, block := range blocks(t, file, "yaml") {
			n++
			if _, err := config.Parse(file, []byte(block)); err != nil {
				t.Errorf("%v\n%s", err, block)
			}
		}
	}
	if n < 3 {
		t.Errorf("only %d configurations found", n)
	}
}

// TestConfigurationDefaults: docs/configuration.md shows the defaults.
func TestConfigurationDefaults(t *testing.T) {
	text := blocks(t, "../../docs/configuration.md", "yaml")[0]
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "# example") {
			lines = append(lines, line)
		}
	}
	c, err := config.Parse("f", []byte(strings.Replace(strings.Join(lines, ""), "driver: mysql ", "name: x\n  driver: mysql ", 1)))
	if err != nil {
		t.Fatal(err)
	}
	d := config.Defaults()
	d.Database.Name = "x"
	if c.Database.Hosts[0] != d.Database.Hosts[0] || c.Database.MaxConnections != d.Database.MaxConnections ||
		c.Database.StatementTimeout != d.Database.StatementTimeout || c.Database.ConnectTimeout != d.Database.ConnectTimeout {
		t.Errorf("database: %+v, default %+v", c.Database, d.Database)
	}
	if c.Cache != d.Cache || c.Tables != d.Tables || c.RecipientDelimiter != d.RecipientDelimiter {
		t.Errorf("cache %+v, tables %+v, delimiter %q", c.Cache, c.Tables, c.RecipientDelimiter)
	}
	if strings.Join(c.ReservedHandles, " ") != strings.Join(d.ReservedHandles, " ") || c.StateDir != d.StateDir || c.Control != d.Control || c.Log != d.Log {
		t.Errorf("handles %v, state_dir %s, control %s, log %v", c.ReservedHandles, c.StateDir, c.Control, c.Log)
	}
}

// TestReadmeCommands runs the `postern query` and `postern policy` lines of the
// README against the rows of the demo and compares what they print.
func TestReadmeCommands(t *testing.T) {
	if n := runExamples(t, "../../README.md", documentedHost(t), "query", "policy"); n < 4 {
		t.Errorf("only %d commands found", n)
	}
}

// TestPolicyCommands runs the `postern policy` lines of the manual.
func TestPolicyCommands(t *testing.T) {
	if n := runExamples(t, "../../docs/policy.md", documentedHost(t), "policy"); n < 2 {
		t.Errorf("only %d commands found", n)
	}
}

// TestBanCommands runs the `postern ban` lines of the manual.
func TestBanCommands(t *testing.T) {
	if n := runExamples(t, "../../docs/operations.md", documentedHost(t), "ban add", "ban list", "ban revoke"); n < 6 {
		t.Errorf("only %d commands found", n)
	}
}

// TestAdministrationCommands runs the lines of the manual that change the tables.
func TestAdministrationCommands(t *testing.T) {
	commands := []string{
		"domain add", "domain disable", "domain enable", "domain remove", "alias add", "alias disable", "alias list", "alias remove",
		"handle add", "sender add", "sender list", "sender remove",
	}
	if n := runExamples(t, "../../docs/administration.md", documentedHost(t), commands...); n < 14 {
		t.Errorf("only %d commands found", n)
	}
}

// documentedHost is a configuration with the rows of the demo.
func documentedHost(t *testing.T) (file string) {
	dir := t.TempDir()
	if err := demo.MakeStore(context.Background(), filepath.Join(dir, "postern.db")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"srs.secret": "tops3cr3t\n",
		"postern.yaml": "database: {driver: sqlite, path: postern.db}\ncontrol: control\nstate_dir: state\n" +
			"srsd: {domain: srs.example.org, secrets_file: srs.secret}\n" +
			"policyd: {chains: {gate: [srs, bans], rcpt: [bans], data: [rate_limits]}, " +
			"rate_limits: [{name: sender, key: sender, count: messages, limit: 600/1h}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "postern.yaml")
}

// TestSRSCommands runs the `postern srs` lines of the manual on the day when
// their addresses were made.
func TestSRSCommands(t *testing.T) {
	t.Setenv("POSTERN_FAKETIME", "1577836860")
	dir := t.TempDir()
	file := filepath.Join(dir, "postern.yaml")
	for name, text := range map[string]string{
		"srs.secret":   "tops3cr3t\n",
		"postern.yaml": "srsd: {domain: srs.example.org, secrets_file: srs.secret, local_domains: [example.org]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := runExamples(t, "../../docs/srs.md", file, "srs forward", "srs reverse"); n < 2 {
		t.Errorf("only %d commands found", n)
	}
}

// runExamples runs the console examples of a text that begin with one of the
// commands, with a configuration, and compares what they print. It counts them.
func runExamples(t *testing.T, path, file string, commands ...string) (n int) {
	for _, block := range blocks(t, path, "console") {
		for _, example := range regexp.MustCompile(`(?m)^\$ `).Split(block, -1) {
			line, want, _ := strings.Cut(example, "\n")
			for _, command := range commands {
				rest, ours := strings.CutPrefix(line+" ", "postern "+command+" ")
				if !ours {
					continue
				}
				n++
				args := append(strings.Fields(command), append([]string{"--config", file}, strings.Fields(rest)...)...)
				var out, errs bytes.Buffer
				run(context.Background(), args, nil, &out, &errs)
				complaints := slices.DeleteFunc(strings.Split(errs.String(), "\n"), func(s string) bool {
					return s == "" || strings.Contains(s, "clock of SRS") || strings.HasPrefix(s, "postern: note:")
				})
				if !matches(want, out.String()) || len(complaints) > 0 {
					t.Errorf("%s\nprinted: %s%s\nwant: %s", line, &out, &errs, want)
				}
			}
		}
	}
	return n
}

// matches compares a text with one in which ... stands for anything.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), regexp.QuoteMeta("..."), "(?s:.*)")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(strings.TrimSpace(got))
}
