package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/config"
	"postern/internal/demo"
)

// guide is a document with examples of commands, and the host on which they print
// what stands there.
type guide struct {
	host  func(*testing.T) (file string) // its configuration
	least int                            // commands
}

// guides are the documents with console blocks. Their commands of postern are
// run in the order in which they stand there. Those that another program
// prints are run by docs_integration_test.go.
func guides() map[string]guide {
	return map[string]guide{
		"README.md":              {documentedHost, 4},
		"docs/policy.md":         {documentedHost, 2},
		"docs/operations.md":     {documentedHost, 6},
		"docs/administration.md": {documentedHost, 14},
		"docs/srs.md":            {srsHost, 2},
	}
}

// elsewhere are documents whose console blocks have a test of their own.
func elsewhere() map[string]string {
	return map[string]string{}
}

// consoleLines are the commands of a console block, each with what it prints.
func consoleLines(text string) (commands, outputs []string) {
	for i, example := range regexp.MustCompile(`(?m)^\$ `).Split(text, -1) {
		line, output, _ := strings.Cut(example, "\n")
		if i == 0 && strings.TrimSpace(example) == "" {
			continue
		}
		commands, outputs = append(commands, line), append(outputs, output)
	}
	return commands, outputs
}

// checkConsole: somebody runs the block, and its commands exist.
func checkConsole(b block, dir string) error {
	if _, runs := guides()[b.file]; !runs && elsewhere()[b.file] == "" {
		return errors.New("nobody runs this: add the document to guides in readme_test.go")
	}
	if !strings.HasPrefix(b.text, "$ ") {
		return errors.New("a console block begins with $ and a command")
	}
	lines, _ := consoleLines(b.text)
	for _, line := range lines {
		if err := checkShell(block{text: line + "\n"}, dir); err != nil {
			return err
		}
	}
	return nil
}

// TestGuides runs the examples and compares what they print.
func TestGuides(t *testing.T) {
	for name, m := range guides() {
		t.Run(name, func(t *testing.T) {
			if name == "docs/srs.md" {
				t.Setenv("POSTERN_FAKETIME", "1577836860") // the day when its addresses were made
			}
			if n := runExamples(t, name, m.host(t)); n < m.least {
				t.Errorf("only %d commands found", n)
			}
		})
	}
}

// TestConfigurationDefaults: docs/configuration.md shows the defaults.
func TestConfigurationDefaults(t *testing.T) {
	text := readDocument(t, filepath.Join(repository, "docs/configuration.md")).blocks[0].text
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

// srsHost has the secret of the manual, and no database.
func srsHost(t *testing.T) (file string) {
	dir := t.TempDir()
	file = filepath.Join(dir, "postern.yaml")
	for name, text := range map[string]string{
		"srs.secret":   "tops3cr3t\n",
		"postern.yaml": "srsd: {domain: srs.example.org, secrets_file: srs.secret, local_domains: [example.org]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// runExamples runs the commands of postern in the console blocks of a document
// with a configuration, and compares what they print. It counts them.
func runExamples(t *testing.T, path, file string) (n int) {
	for _, b := range readDocument(t, filepath.Join(repository, path)).blocks {
		if b.kind != "console" {
			continue
		}
		lines, outputs := consoleLines(b.text)
		for i, line := range lines {
			for _, words := range shellCommands(line) {
				if words[0] == "postern" {
					n++
					runExample(t, words[1:], file, outputs[i])
				}
			}
		}
	}
	return n
}

func runExample(t *testing.T, args []string, file, want string) {
	t.Helper()
	cmd, rest, err := findCommand(args)
	if err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	whole := slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--config", file}, rest)
	var out, errs bytes.Buffer
	run(context.Background(), whole, nil, &out, &errs)
	complaints := slices.DeleteFunc(strings.Split(errs.String(), "\n"), func(s string) bool {
		return s == "" || strings.Contains(s, "clock of SRS") || strings.HasPrefix(s, "postern: note:")
	})
	if !matches(want, out.String()) || len(complaints) > 0 {
		t.Errorf("postern %q\nprinted: %s%s\nwant: %s", args, &out, &errs, want)
	}
}

// matches compares a text with one in which ... stands for anything.
func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(want)), regexp.QuoteMeta("..."), "(?s:.*)")
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(strings.TrimSpace(got))
}
