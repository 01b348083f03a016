package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/config"
	"postern/internal/postconf"
	"postern/internal/store"
)

// The shipped configuration, which the tests read where it stands.
const (
	shippedPostfix  = "../../postfix"
	shippedOpenDKIM = "../../opendkim/opendkim.conf"
)

// texts are the configuration files of a host of paper.
type texts struct {
	main, master, yaml, opendkim string
}

func shipped(t *testing.T) texts {
	t.Helper()
	return texts{
		main:   read(t, shippedPostfix+"/main.cf"),
		master: read(t, shippedPostfix+"/master.cf"),
		yaml:   read(t, shippedPostfix+"/postern.yaml"), opendkim: read(t, shippedOpenDKIM),
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// paper is what a host of paper answers besides its configuration. Everything
// is in order unless an entry says otherwise.
type paper struct {
	files   map[string]string // path → "missing", "denied", or mode owner:group
	content map[string]string // path → text
	answers map[string]string // socket or socket:map → answer, or "refused", "denied", "missing", "silent"
	dns     map[string]string // "MX name", "TXT name" → value, "none", "trouble"
}

// Stat sees secrets of mode 0640 and sockets of mode 0660.
func (p paper) Stat(path string) (FileInfo, error) {
	switch said := p.files[path]; {
	case said == "missing":
		return FileInfo{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	case said == "denied":
		return FileInfo{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrPermission}
	case said != "":
		var mode uint32
		var who string
		if _, err := fmt.Sscanf(said, "%o %s", &mode, &who); err != nil {
			return FileInfo{}, err
		}
		owner, group, _ := strings.Cut(who, ":")
		return FileInfo{Mode: fs.FileMode(mode), Owner: owner, Group: group}, nil
	case strings.HasPrefix(path, "/etc/systemd/") || strings.HasPrefix(path, "/usr/lib/systemd/"): // no units, unless a test says so
		if _, known := p.content[path]; known {
			return FileInfo{Mode: 0o644, Owner: "root", Group: "root"}, nil
		}
		return FileInfo{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	case path == "/var/lib/postern" || path == "/run/postern":
		return FileInfo{Mode: 0o700 | fs.ModeDir, Owner: "postern", Group: "postern"}, nil
	case strings.HasPrefix(path, "/var/spool/postfix/postern/"):
		return FileInfo{Mode: 0o660 | fs.ModeSocket, Owner: "postfix", Group: "postfix"}, nil
	}
	return FileInfo{Mode: 0o640, Owner: "root", Group: "root"}, nil
}

func (p paper) Read(path string) ([]byte, error) {
	if text, known := p.content[path]; known {
		return []byte(text), nil
	}
	if _, err := p.Stat(path); err != nil {
		return nil, err
	}
	switch path { // one key for all
	case "/etc/opendkim/KeyTable":
		return []byte("all example.org:mail:/etc/opendkim/mail.private\n"), nil
	case "/etc/opendkim/SigningTable":
		return []byte("*@* all\n"), nil
	}
	if name, ok := strings.CutPrefix(path, "/etc/postfix/"); ok {
		return os.ReadFile(filepath.Join(shippedPostfix, name))
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// Ask answers as postern, Dovecot and OpenDKIM do.
func (p paper) Ask(_ context.Context, q Question) (string, error) {
	said := p.answers[q.Socket+":"+q.Map]
	if said == "" {
		said = p.answers[q.Socket]
	}
	switch said {
	case "refused":
		return "", fmt.Errorf("connect: connection refused")
	case "denied":
		return "", fmt.Errorf("connect: %w", fs.ErrPermission)
	case "missing":
		return "", fmt.Errorf("connect: %w", fs.ErrNotExist)
	case "silent":
		return "", fmt.Errorf("%w: EOF", errSilent)
	case "noright":
		return "", ErrNoRight
	case "":
		return p.good(q), nil
	}
	return said, nil
}

func (p paper) good(q Question) string {
	switch q.Protocol {
	case "socketmap":
		if strings.HasSuffix(q.Key, probeDomain) {
			return "NOTFOUND "
		}
		return "OK 1"
	case "policy":
		return "action=DUNNO"
	case "tcp":
		return "500 not found"
	}
	return ""
}

func (p paper) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	switch said := p.dns["MX "+name]; said {
	case "none":
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case "trouble":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case "":
		return []*net.MX{{Host: "mx.example.org.", Pref: 10}}, nil
	default:
		return []*net.MX{{Host: said + ".", Pref: 10}}, nil
	}
}

func (p paper) LookupTXT(_ context.Context, name string) ([]string, error) {
	switch said := p.dns["TXT "+name]; said {
	case "none":
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case "trouble":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case "":
		return []string{"google-site-verification=x", "v=spf1 mx -all"}, nil
	default:
		return []string{said}, nil
	}
}

// host makes a host of texts, with the defaults of a release of Postfix. The
// files stand in a folder of their own, which findings name as /etc/postfix.
func host(t *testing.T, x texts, release string, p paper) *Host {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "main.cf", x.main)
	write(t, dir, "master.cf", x.master)
	defaults := postconf.NewDefaults(read(t, "testdata/defaults/"+release+".txt"), true)
	h := &Host{
		ConfigFile: "/etc/postern/postern.yaml", PostfixDir: dir, Version: release, OpenDKIMFile: "/etc/opendkim.conf",
		OpenDKIM: ParseOpenDKIM([]byte(x.opendkim)), Files: p, Asker: p, Resolver: p,
		Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
	}
	h.Database = noRows{}
	h.Config, h.ConfigErr = config.Parse(h.ConfigFile, []byte(x.yaml))
	h.Postfix, h.PostfixErr = postconf.Open(dir, defaults)
	if h.PostfixErr != nil {
		h.Postfix = nil
	}
	return h
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// examine is Examine with the folder of the test taken out of places.
func examine(t *testing.T, h *Host) []Finding {
	t.Helper()
	found := Examine(context.Background(), h)
	scratch := regexp.MustCompile(`/[^ ]*/Test[^ /]*/[0-9]+`)
	for i := range found {
		for _, text := range []*string{&found[i].At, &found[i].Effect, &found[i].Fix} {
			*text = scratch.ReplaceAllString(strings.ReplaceAll(*text, h.PostfixDir, "/etc/postfix"), "/scratch")
		}
	}
	return found
}

// noRows is a database with all tables and nothing in them.
type noRows struct{}

func (noRows) Select(context.Context, string, ...any) ([][]string, error) { return nil, nil }

func (noRows) Each(context.Context, string, func(key, value string)) error { return nil }

// database is an SQLite database of the schema with rows of a script.
func database(t *testing.T, script string) Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postern.db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, statement := range strings.Split(script, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := s.DB().Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return Tables{s}
}
