package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/miekg/dns"
	"github.com/prometheus/exporter-toolkit/web"

	"postern/internal/config"
	"postern/internal/doctor"
	"postern/internal/filemap"
	postfix "postern/internal/postconf"
	"postern/srsd"
)

// checkYAML gives a block to the reader that its first keys ask for.
func checkYAML(b block, _ string) error {
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(b.text), &keys); err != nil {
		return err
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, found := keys[name]; return found })
	}
	switch {
	case has("scrape_configs", "rule_files", "groups", "services"): // docs_integration_test.go asks promtool; a compose file is YAML
		return nil
	case has("tls_server_config", "basic_auth_users", "http_server_config"):
		return yaml.UnmarshalWithOptions([]byte(b.text), &web.Config{}, yaml.Strict())
	}
	_, err := config.Parse(b.file, []byte(b.text))
	return err
}

// checkMain has a part of main.cf read as Postfix reads it.
func checkMain(b block, dir string) error {
	return openPostfix(dir, b.text, "")
}

// checkMaster is checkMain for a part of master.cf: services, or options of one.
func checkMaster(b block, dir string) error {
	return openPostfix(dir, "", wholeMaster(b.text))
}

// wholeMaster puts the service of submission before options without one.
func wholeMaster(text string) string {
	if strings.HasPrefix(text, " ") {
		return "submission inet n - y - - smtpd\n" + text
	}
	return text
}

func openPostfix(dir, main, master string) error {
	if err := writePostfix(dir, main, master); err != nil {
		return err
	}
	c, err := postfix.Open(dir, postfix.Builtin())
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		err = errors.Join(err, w)
	}
	return err
}

func writePostfix(dir, main, master string) error {
	return errors.Join(os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644), os.WriteFile(filepath.Join(dir, "master.cf"), []byte(master), 0o644))
}

// checkPostmap reads the source of a table.
func checkPostmap(b block, dir string) error {
	path := filepath.Join(dir, "table")
	if err := os.WriteFile(path, []byte(b.text), 0o644); err != nil {
		return err
	}
	var log bytes.Buffer
	if _, err := filemap.Open(path, filemap.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		return err
	}
	if log.Len() > 0 {
		return errors.New(log.String())
	}
	return nil
}

// checkSecrets reads a file of SRS secrets on its first day.
func checkSecrets(b block, dir string) error {
	path := filepath.Join(dir, "srs.secret")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		return err
	}
	_, err := srsd.ReadDatedSecrets(path, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	return err
}

// checkZone reads DNS records. What those of docs/dns.md do is tested in internal/dkim.
func checkZone(b block, _ string) error {
	p := dns.NewZoneParser(strings.NewReader("$TTL 3600\n"+b.text), ".", b.file)
	for _, ok := p.Next(); ok; _, ok = p.Next() {
	}
	return p.Err()
}

// checkSQL: statements end. docs_integration_test.go runs them.
func checkSQL(b block, _ string) error {
	if !strings.HasSuffix(strings.TrimSpace(b.text), ";") {
		return errors.New("the last statement has no semicolon")
	}
	return nil
}

// checkINI reads sections and assignments: a unit file (systemd.syntax(7)), or
// a part of one for systemctl edit, or the configuration of another program.
func checkINI(b block, _ string) error {
	return everyLine(b.text, regexp.MustCompile(`^(|[#;].*|\[[A-Za-z][A-Za-z -]*\]|[A-Za-z_][\w.-]* *=.*)$`))
}

// checkJSON: an object, or one in each line.
func checkJSON(b block, _ string) error {
	if json.Valid([]byte(b.text)) {
		return nil
	}
	for line := range strings.Lines(b.text) {
		if !json.Valid([]byte(line)) {
			return fmt.Errorf("%q is no JSON", line)
		}
	}
	return nil
}

// checkLog: each line is one that slog's text handler could have written,
// perhaps behind what journalctl(1) puts before it.
func checkLog(b block, _ string) error {
	const value = `("([^"\\]|\\.)*"|[^" ]*)`
	return everyLine(b.text, regexp.MustCompile(`^(.*\]: )?(time=\S+ )?level=(DEBUG|INFO|WARN|ERROR) msg=`+value+`( [a-z_.]+=`+value+`)*$`))
}

func everyLine(text string, form *regexp.Regexp) error {
	for line := range strings.Lines(text) {
		if !form.MatchString(strings.TrimRight(line, "\n")) {
			return fmt.Errorf("%q is no line of that kind", line)
		}
	}
	return nil
}

// checkText is for what no program reads: drawings, lists, and findings of the
// doctor, which must be kinds that there are. Nothing that is run may hide here.
func checkText(b block, _ string) error {
	finding := regexp.MustCompile(`^(?:error|warning|note): .*\[([^][ ]+)\]$`)
	for line := range strings.Lines(b.text) {
		first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		ours := first == "postern" && dryMention(strings.Fields(rest)) == nil
		if first == "$" || ours || slices.Contains(others(), first) {
			return errors.New("commands are tagged sh, or console with what they print")
		}
		m := finding.FindStringSubmatch(strings.TrimSpace(line))
		if m != nil && !slices.ContainsFunc(doctor.Kinds(), func(k doctor.Kind) bool { return k.Name == m[1] }) {
			return fmt.Errorf("postern check has no finding %s", m[1])
		}
	}
	return nil
}

// TestKinds: each check refuses what is wrong.
func TestKinds(t *testing.T) {
	wrong := map[string]string{
		"yaml": "databse: {}\n", "sql": "SELECT 1\n", "zone": "x IN A y\n", "ini": "Restart always\n", "json": "{\n", "postmap": "key\n",
		"log": "level=LOUD msg=x\n", "text": "postern check\n", "sh": "if x\n", "master.cf": "smtp inet\n", "main.cf": "nonsense\n",
		"console": "$ postern qeury\n", "secrets": "2026-13-01 x\n",
	}
	for kind, check := range kinds() {
		t.Run(kind, func(t *testing.T) {
			if check(block{file: "README.md", kind: kind, text: wrong[kind]}, t.TempDir()) == nil {
				t.Errorf("%q passes", wrong[kind])
			}
		})
	}
}
