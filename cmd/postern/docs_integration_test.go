//go:build integration

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/scratch"
)

// TestDocumentedPostfix has postconf(1) read every part of main.cf and
// master.cf in the documents: it warns of parameters that nobody reads.
func TestDocumentedPostfix(t *testing.T) {
	n := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			main, master := "", ""
			switch b.kind {
			case "main.cf":
				main, master = b.text, masterOf(d, b)
			case "master.cf":
				master = wholeMaster(b.text)
			case "sh":
				for _, words := range shellCommands(b.text) {
					if words[0] == "postconf" {
						main += strings.Join(settings(words), "\n") + "\n"
					}
				}
			}
			if main+master == "" {
				continue
			}
			n++
			if said := postconfSays(t, main, master); said != "" {
				t.Errorf("%s:%d: %s\n%s", b.file, b.line, said, b.text)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d blocks found", n)
	}
}

// masterOf is the services that stand in the same section as a part of
// main.cf, those of before with those of before, and one that refers to each
// parameter of the user's own (mua_…), if the document says who does.
func masterOf(d document, main block) string {
	var text strings.Builder
	text.WriteString("smtp inet n - y - - smtpd\n")
	for _, m := range regexp.MustCompile(`(?m)^(mua_\w+) =`).FindAllStringSubmatch(main.text, -1) {
		if option := regexp.MustCompile(`-o \w+=\$` + m[1] + `\b`).FindString(d.prose); option != "" {
			text.WriteString("  " + option + "\n")
		}
	}
	before := func(b block) bool {
		first, _, _ := strings.Cut(b.text, "\n")
		return strings.HasSuffix(first, ", before")
	}
	both := 0
	for _, b := range d.blocks {
		if b.kind == "master.cf" && b.section == main.section {
			both++
		}
	}
	for _, b := range d.blocks {
		if b.kind == "master.cf" && b.section == main.section && (both == 1 || before(b) == before(main)) {
			text.WriteString(b.text)
		}
	}
	return text.String()
}

// postconfSays is what postconf(1) has against files, but for .cf files that
// are not on this machine.
func postconfSays(t *testing.T, main, master string) string {
	t.Helper()
	dir := t.TempDir()
	if err := writePostfix(dir, main, master); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("postconf", "-c", dir, "-n")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("postconf: %v: %s", err, &said)
	}
	absent := regexp.MustCompile(`(?m)^postconf: warning: open "mysql" configuration .*: No such file or directory\n`)
	return absent.ReplaceAllString(said.String(), "")
}

// TestPostconfSays: postconf knows what nobody reads.
func TestPostconfSays(t *testing.T) {
	if said := postconfSays(t, "virtual_alais_maps = x\n", ""); !strings.Contains(said, "unused parameter") {
		t.Errorf("postconf says %q", said)
	}
}

// TestDocumentedSQL runs the statements of the documents, in their order, on a
// MariaDB with the schema.
func TestDocumentedSQL(t *testing.T) {
	ctx := context.Background()
	db, err := scratch.StartMariaDB(ctx, scratch.MariaDBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	var schema, errs bytes.Buffer
	if status := run(ctx, []string{"schema"}, nil, &schema, &errs); status != 0 {
		t.Fatalf("postern schema: %d: %s", status, &errs)
	}
	mariadb := func(statements string) {
		t.Helper()
		cmd := exec.Command("mariadb", "--no-defaults", "-S", db.Socket(), db.Database())
		cmd.Stdin = strings.NewReader(statements)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, statements)
		}
	}
	mariadb(schema.String())
	n := 0
	for _, b := range blocksOf(t, "sql") {
		n++
		mariadb(strings.ReplaceAll(b.text, "maildb.", db.Database()+"."))
	}
	if n < 2 {
		t.Errorf("only %d blocks found", n)
	}
}

// TestDocumentedQuestions asks a running postern what `postmap -q` asks in the
// console blocks, and compares the answers.
func TestDocumentedQuestions(t *testing.T) {
	n := 0
	for name, g := range guides() {
		for _, b := range readDocument(t, filepath.Join(repository, name)).blocks {
			lines, outputs := consoleLines(b.text)
			for i, line := range lines {
				words := shellCommands(line)
				if b.kind != "console" || len(words) == 0 || words[0][0] != "postmap" {
					continue
				}
				n++
				if got := postmapSays(t, g.host(t), words[0]); !matches(outputs[i], got) {
					t.Errorf("%s: %s\nprinted %s\nwant %s", name, line, got, outputs[i])
				}
			}
		}
	}
	if n < 1 {
		t.Error("no question found")
	}
}

// postmapSays runs a postmap command against a postern with a configuration.
func postmapSays(t *testing.T, file string, words []string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "socketmap")
	more := "metrics: {listen: \"off\"}\nsocketmap: {listen: [unix:" + socket + "]}\n"
	if err := os.WriteFile(file, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"socketmap", "--config", file}, nil, log, log) }()
	defer func() {
		stop()
		<-done
	}()
	awaitSocket(t, socket, log.Name())
	postfix := t.TempDir()
	if err := writePostfix(postfix, "", ""); err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", postfix}
	for _, word := range words[1:] {
		args = append(args, regexp.MustCompile(`socketmap:(inet:[^:]*:\d+|unix:[^:]*):`).ReplaceAllString(word, "socketmap:unix:"+socket+":"))
	}
	cmd := exec.Command(words[0], args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if errs.Len() > 0 {
		t.Errorf("%q: %v: %s", args, err, &errs)
	}
	return string(out)
}

// awaitSocket waits until somebody listens at a socket.
func awaitSocket(t *testing.T, socket, log string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("nobody listens at %s:\n%s", socket, text)
}

// TestDocumentedConfigure runs each `make configure` of the documents into a
// scratch folder.
func TestDocumentedConfigure(t *testing.T) {
	n := 0
	for _, b := range blocksOf(t, "sh") {
		for _, words := range shellCommands(b.text) {
			if len(words) < 3 || words[0] != "make" || words[1] != "configure" {
				continue
			}
			n++
			args, found := strings.CutPrefix(words[2], "CONFIGURE_ARGS=")
			if !found {
				t.Errorf("%s:%d: %q", b.file, b.line, words)
				continue
			}
			configureOnce(t, strings.ReplaceAll(args, "$(cut -d. -f1 /etc/debian_version)", "12"))
		}
	}
	if n < 1 {
		t.Error("no command found")
	}
}

func configureOnce(t *testing.T, args string) {
	t.Helper()
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := append([]string{"run", "./internal/site/configure"}, strings.Fields(args)...)
	for i, word := range line {
		switch word {
		case "--database-password-file":
			line[i+1] = password
		case "--out":
			line[i+1] = filepath.Join(dir, "out")
		}
	}
	cmd := exec.Command("go", line...)
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%q: %v: %s", line, err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "out/etc/postfix/main.cf")); err != nil {
		t.Error(err)
	}
}

// TestDocumentedPrometheus has promtool(1) read what the documents show of
// Prometheus's configuration and rules.
func TestDocumentedPrometheus(t *testing.T) {
	for _, b := range blocksOf(t, "yaml") {
		check := ""
		switch {
		case regexp.MustCompile(`(?m)^(scrape_configs|rule_files):`).MatchString(b.text):
			check = "config"
		case regexp.MustCompile(`(?m)^groups:`).MatchString(b.text):
			check = "rules"
		default:
			continue
		}
		file := filepath.Join(t.TempDir(), "prometheus.yml")
		if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"check", check, file}
		if check == "config" {
			args = []string{"check", check, "--syntax-only", file}
		}
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %v: %s\n%s", b.file, b.line, err, out, b.text)
		}
	}
}
