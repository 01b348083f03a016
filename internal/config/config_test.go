package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGood loads every configuration of testdata/good.
func TestGood(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := Load(file); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestBad loads every configuration of testdata/bad and compares the
// complaint with the text beside it.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no configurations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".err")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(file)
			if err == nil {
				t.Fatal("accepted")
			}
			got := err.Error()
			t.Log(got)
			if !strings.HasPrefix(got, file+":") {
				t.Errorf("no file name in %q", got)
			}
			if text := strings.TrimSpace(string(want)); !strings.Contains(got, text) {
				t.Errorf("got  %s\nwant %s", got, text)
			}
			if strings.Contains(got, "\n") && !strings.Contains(got, "\n"+file+":") {
				t.Errorf("a complaint without its file: %q", got)
			}
		})
	}
}

func TestContractValues(t *testing.T) {
	c, err := Load("testdata/good/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Tables.ShrinkGuard.Fraction(); got != 0.2 {
		t.Errorf("shrink_guard %v", got)
	}
	if got := time.Duration(c.Cache.Stale); got != time.Hour {
		t.Errorf("stale %v", got)
	}
	if got := c.Tables.MaxMemory; got != 512<<20 {
		t.Errorf("max_memory %v", got)
	}
	if got := len(c.Maps["everyone"].Of); got != 3 {
		t.Errorf("everyone has %d members", got)
	}
	if got := c.Policyd.RateLimits[1].Limit; len(got) != 1 || got[0].N != 500 || got[0].Per != 24*time.Hour {
		t.Errorf("limit %v", got)
	}
	if got := c.SRSD.LocalDomains; len(got) != 1 || got[0] != "example.org" {
		t.Errorf("local_domains %v", got)
	}
}

func TestListenerMapping(t *testing.T) {
	c, err := Load("testdata/good/also-accepted.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Listener{At: "unix:/run/postern/socketmap", Owner: "postfix", Group: "postfix", Mode: 0o660}
	if got := c.Socketmap.Listen[0]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if dir, _ := filepath.Abs("testdata/good"); c.Database.Path != filepath.Join(dir, "postern.db") {
		t.Errorf("path %q is not relative to the file", c.Database.Path)
	}
	if got := c.Policyd.SRS.Listeners[0].At; got != "inet:127.0.0.1:10040" {
		t.Errorf("listener inside braces: %q", got)
	}
	if c.Metrics.Listen.At != Off {
		t.Errorf("metrics listen %q", c.Metrics.Listen.At)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	c, err := Parse("f", []byte("database: {name: x, password: hunter2}"))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Database.Password.String(); strings.Contains(s, "hunter2") {
		t.Error(s)
	}
	if p, _, err := c.Database.ReadPassword(); err != nil || p != "hunter2" {
		t.Errorf("%q, %v", p, err)
	}
}

func TestReadPassword(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pw")
	if err := os.WriteFile(file, []byte("s3cret \r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := Database{PasswordFile: file}
	if p, open, err := d.ReadPassword(); p != "s3cret " || open || err != nil {
		t.Errorf("%q %v %v", p, open, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, open, _ := d.ReadPassword(); !open {
		t.Error("a file that others can read was not told")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	d.PasswordFile = "credential:pw"
	if p, _, err := d.ReadPassword(); p != "s3cret " || err != nil {
		t.Errorf("%q %v", p, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, _, err := d.ReadPassword(); err == nil || !strings.Contains(err.Error(), "LoadCredential=pw") {
		t.Errorf("%v", err)
	}
}

func TestSecretsPath(t *testing.T) {
	s := &SRSD{SecretsFile: "credential:srs"}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := s.SecretsPath(); err == nil || !strings.Contains(err.Error(), "srsd: secrets_file credential:srs: systemd passed no credentials: add LoadCredential=srs:FILE") {
		t.Errorf("got %v", err)
	}
	passed, etc := t.TempDir(), t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", passed)
	beside := &Config{SRSD: &SRSD{SecretsFile: "credential:srs"}}
	beside.resolve(etc)
	for _, step := range []struct {
		name, content, want string
	}{
		{"nothing was passed", "", filepath.Join(etc, "srs")},
		{"a placeholder was passed", "\n", filepath.Join(etc, "srs")},
		{"it was passed", "secret\n", filepath.Join(passed, "srs")},
	} {
		if step.content != "" {
			if err := os.WriteFile(filepath.Join(passed, "srs"), []byte(step.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if path, err := beside.SRSD.SecretsPath(); path != step.want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", step.name, path, err, step.want)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if path, err := beside.SRSD.SecretsPath(); path != filepath.Join(etc, "srs") || err != nil {
		t.Errorf("a command: got %q, %v", path, err)
	}
	c := &Config{SRSD: &SRSD{SecretsFile: "srs.secret", Store: "sqlite:srs.db"}}
	c.resolve("/etc/postern")
	if c.SRSD.SecretsFile != "/etc/postern/srs.secret" || c.SRSD.Store != "sqlite:/etc/postern/srs.db" {
		t.Errorf("got %+v", c.SRSD)
	}
}

func TestByteOrderMark(t *testing.T) {
	if c, err := Parse("f", []byte("\ufeffoperator: root@x.test\n")); err != nil || c.Operator != "root@x.test" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Parse("f", []byte("\ufeffoperater: root@x.test\n")); err == nil || err.Error() != `f:1: unknown key "operater" at the top level: did you mean "operator"?` {
		t.Errorf("%v", err)
	}
	if _, err := Parse("f", []byte("\ufeff")); err != nil {
		t.Errorf("nothing else: %v", err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load("testdata/none.yaml")
	if err == nil || err.Error() != "testdata/none.yaml: no such file or directory: name one with --config; docs/install.md makes one" {
		t.Errorf("%v", err)
	}
}

// A daemon goes on when its file is broken: its control sockets are found.
func TestControlOf(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"unknown_key: 1\ncontrol: here\n": filepath.Join(dir, "here"),
		"control: /run/other\ncache: {}}": Defaults().Control, // no YAML
		"\ufeffcontrol: here\n":           filepath.Join(dir, "here"),
		"control: [a, b]\n":               Defaults().Control,
		"":                                Defaults().Control,
	} {
		path := filepath.Join(dir, "postern.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ControlOf(path); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := ControlOf(filepath.Join(dir, "none")); got != Defaults().Control {
		t.Errorf("without a file: %s", got)
	}
}
