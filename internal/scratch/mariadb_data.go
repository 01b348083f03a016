package scratch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// args is the command line of mariadbd. --no-defaults comes first or is
// ignored; sizes are small and syncs are off, since nothing here must survive.
func (m *MariaDB) args() []string {
	dir := inside(m.opts.Root, m.dir)
	args := []string{
		"--no-defaults",
		"--datadir=" + filepath.Join(dir, "data"),
		"--socket=" + filepath.Join(dir, "sock"),
		"--pid-file=" + filepath.Join(dir, "pid"),
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(m.port),
		"--skip-name-resolve",
		"--skip-log-bin",
		"--performance-schema=off",
		"--character-set-server=utf8mb4",
		"--innodb-buffer-pool-size=64M",
		"--innodb-log-file-size=16M",
		"--innodb-flush-log-at-trx-commit=2", // 0 would lose commits to Kill
		"--innodb-flush-method=fsync",
		"--innodb-use-native-aio=0", // io_uring is refused in many containers
		"--innodb-doublewrite=0",
		"--skip-innodb-buffer-pool-dump-at-shutdown",
		"--key-buffer-size=1M",
		"--table-open-cache=400",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	if m.opts.TLS {
		for _, name := range []string{"ca", "cert", "key"} {
			args = append(args, "--ssl-"+name+"="+filepath.Join(dir, name+".pem"))
		}
	}
	return append(args, m.opts.ExtraArgs...)
}

// makeData makes the system tables, which takes mariadb-install-db(1) most of
// a second, or copies them from the user's cache, where the first run left them.
func (m *MariaDB) makeData(ctx context.Context) error {
	data := filepath.Join(m.dir, "data")
	template := m.templatePath()
	if template == "" {
		return m.installData(ctx, data)
	}
	if _, err := os.Stat(template); err != nil {
		if err := m.makeTemplate(ctx, data, template); err != nil {
			return err
		}
	}
	return os.CopyFS(data, os.DirFS(template))
}

// templatePath names the cached system tables of exactly this server; empty if
// there is no place for a cache.
func (m *MariaDB) templatePath() string {
	cache, err := os.UserCacheDir()
	info, statErr := os.Stat(filepath.Join(m.opts.Root, findProgram(m.opts.Root, "mariadbd")))
	if err != nil || statErr != nil {
		return ""
	}
	name := fmt.Sprintf("mariadb-%d-%d", info.Size(), info.ModTime().Unix())
	return filepath.Join(cache, "postern", name)
}

// makeTemplate installs beside data and moves the whole into place at once, so
// two that do it at the same time, or one that is killed, do no harm.
func (m *MariaDB) makeTemplate(ctx context.Context, data, template string) error {
	if err := m.installData(ctx, data); err != nil {
		return err
	}
	defer os.RemoveAll(data)
	if err := os.MkdirAll(filepath.Dir(template), 0o700); err != nil {
		return err
	}
	half, err := os.MkdirTemp(filepath.Dir(template), "half-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	if err := os.CopyFS(half, os.DirFS(data)); err != nil {
		return err
	}
	err = os.Rename(half, template)
	if _, statErr := os.Stat(template); statErr == nil {
		return nil
	}
	return err
}

// installData runs mariadb-install-db(1) with a root that needs no password.
func (m *MariaDB) installData(ctx context.Context, data string) error {
	args := []string{"--no-defaults", "--datadir=" + inside(m.opts.Root, data), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--innodb-log-file-size=16M", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-use-native-aio=0", "--innodb-doublewrite=0"}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	cmd, err := command(m.opts.Root, "mariadb-install-db", "mariadb-server", args...)
	if err != nil {
		return err
	}
	if out, err := runCommand(ctx, cmd); err != nil {
		return fmt.Errorf("mariadb-install-db: %w:\n%s", err, tail(out, 1500))
	}
	return nil
}
