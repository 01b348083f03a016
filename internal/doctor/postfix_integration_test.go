//go:build integration

package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/internal/postconf"
	"postern/internal/scratch"
	"postern/internal/serve"
	"postern/socketmap"
)

// TestSocketsOfPostfix tries sockets as the chrooted processes of a real
// Postfix would.
func TestSocketsOfPostfix(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p, err := scratch.StartPostfix(ctx, scratch.PostfixOptions{Chroot: true, Main: map[string]string{
		"virtual_alias_domains": "socketmap:unix:postern/socketmap:virtual-domains",
		"virtual_alias_maps":    "socketmap:unix:postern/socketmap:virtual",
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	path := filepath.Join(p.QueueDir(), "postern", "socketmap")
	var away atomic.Bool
	set := lookup.Set{
		"virtual-domains": lookup.Func(func(_ context.Context, key string) (string, bool, error) { return "1", key == "fwd.example", nil }),
		"virtual": lookup.Func(func(context.Context, string) (string, bool, error) {
			if away.Load() {
				return "", false, errors.New("the database is away")
			}
			return "", false, nil
		}),
	}
	stop := listen(t, path, set)

	kinds := func() string {
		t.Helper()
		return strings.Join(socketFindings(ctx, t, p), " ")
	}
	if got := kinds(); got != "" {
		t.Errorf("all is well, and there is %s", got)
	}
	if os.Geteuid() != 0 {
		t.Error("we have become somebody else")
	}
	if here, err := os.Getwd(); err != nil || !strings.HasSuffix(here, "internal/doctor") {
		t.Errorf("we stand in %s: %v", here, err)
	}
	away.Store(true)
	if got := kinds(); got != "map-trouble" {
		t.Errorf("a map in trouble is %q", got)
	}
	away.Store(false)
	mustDo(t, os.Chmod(path, 0o666))
	if got := kinds(); got != "socket-open" {
		t.Errorf("a socket for everybody is %q", got)
	}
	mustDo(t, os.Chmod(path, 0o600))
	mustDo(t, os.Chown(path, 0, 0))
	if got := kinds(); got != "socket-closed" {
		t.Errorf("a socket of root is %q", got)
	}
	mustDo(t, os.Chmod(path, 0o660))
	chown(t, path)
	mustDo(t, os.Chmod(filepath.Dir(path), 0o700))
	mustDo(t, os.Chown(filepath.Dir(path), 0, 0))
	if got := kinds(); got != "socket-closed" {
		t.Errorf("a folder of root is %q", got)
	}
	mustDo(t, os.Chmod(filepath.Dir(path), 0o755))
	stop()
	if got := kinds(); got != "socket-dead" {
		t.Errorf("nobody at the socket is %q", got)
	}

	outside := filepath.Join(t.TempDir(), "socketmap")
	mustDo(t, os.Chmod(filepath.Dir(outside), 0o755))
	defer listen(t, outside, set)()
	for _, name := range []string{"virtual_alias_domains = socketmap:unix:" + outside + ":virtual-domains", "virtual_alias_maps ="} {
		if _, err := p.Postconf(ctx, "-e", name); err != nil {
			t.Fatal(err)
		}
	}
	if got := kinds(); got != "socket-outside" {
		t.Errorf("a socket outside the chroot is %q", got)
	}
	whole := "virtual_alias_domains = socketmap:unix:" + filepath.Join(p.QueueDir(), "postern/socketmap") + ":virtual-domains"
	if _, err := p.Postconf(ctx, "-e", whole); err != nil {
		t.Fatal(err)
	}
	if got := kinds(); got != "socket-outside" {
		t.Errorf("the whole path in the chroot is %q", got)
	}
}

// socketFindings are the kinds that checkSockets finds.
func socketFindings(ctx context.Context, t *testing.T, p *scratch.Postfix) []string {
	t.Helper()
	defaults, err := postconf.Program{}.Defaults(ctx, p.ConfigDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := postconf.Open(p.ConfigDir(), defaults)
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{Postfix: c, PostfixDir: p.ConfigDir(), Files: Disk{}, Now: time.Now,
		Asker: Process{Queue: c.Value("queue_directory"), User: c.Value("mail_owner")}}
	f := &findings{kinds: map[string]Kind{}}
	for _, k := range Kinds() {
		f.kinds[k.Name] = k
	}
	checkSockets(ctx, h, f)
	var kinds []string
	for _, found := range f.list {
		t.Log(found)
		kinds = append(kinds, found.Check)
	}
	return kinds
}

// listen serves maps at a socket that user postfix may open.
func listen(t *testing.T, path string, set lookup.Set) (stop func()) {
	t.Helper()
	mustDo(t, os.MkdirAll(filepath.Dir(path), 0o755))
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	chown(t, path)
	mustDo(t, os.Chmod(path, 0o660))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := serve.Server{Daemon: "socketmap", Handler: &socketmap.Handler{Maps: func() lookup.Set { return set }}}
	go func() { done <- server.Serve(ctx, ln) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// chown gives a socket to Postfix.
func chown(t *testing.T, path string) {
	t.Helper()
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	mustDo(t, os.Chown(path, uid, gid))
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
