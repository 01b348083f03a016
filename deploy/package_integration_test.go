//go:build integration

package deploy_test

import (
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/packagetest"
)

// made is a time of commit.
const made = "SOURCE_DATE_EPOCH=1767225600"

func build(t *testing.T, dir, arch string, env ...string) packagetest.Package {
	t.Helper()
	p, err := packagetest.Build(context.Background(), dir, "1.2.3", arch, append(env, made)...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTheSameSourceMakesTheSamePackage in another folder, by somebody with
// another umask, another time zone and another locale.
func TestTheSameSourceMakesTheSamePackage(t *testing.T) {
	one := build(t, source(t, 0o022), "", "TZ=UTC", "LC_ALL=C")
	other := build(t, source(t, 0o077), "", "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8")
	if a, b := run(t, "", "sha256sum", one.Path)[:64], run(t, "", "sha256sum", other.Path)[:64]; a != b {
		dir := t.TempDir()
		run(t, dir, "dpkg-deb", "-R", one.Path, "one")
		run(t, dir, "dpkg-deb", "-R", other.Path, "other")
		differ, _ := exec.Command("diff", "-r", "-q", filepath.Join(dir, "one"), filepath.Join(dir, "other")).CombinedOutput()
		t.Errorf("%s and %s differ:\n%s", one.Path, other.Path, differ)
	}
	t.Run("and lintian has nothing to say", func(t *testing.T) {
		run(t, "", "lintian", "--allow-root", "--fail-on", "error,warning", one.Path)
	})
	t.Run("and a missing source makes none", func(t *testing.T) {
		dir := filepath.Dir(filepath.Dir(one.Path))
		if err := os.Remove(filepath.Join(dir, "deploy", "grafana", "postern.json")); err != nil {
			t.Fatal(err)
		}
		_, err := packagetest.Build(context.Background(), dir, "1.2.4", "", made)
		if err == nil || !strings.Contains(err.Error(), "deploy/grafana/postern.json is missing") {
			t.Errorf("error %v", err)
		}
	})
}

// TestThePackageOfAnotherMachine is built on this one.
func TestThePackageOfAnotherMachine(t *testing.T) {
	p := build(t, source(t, 0o022), "arm64")
	if arch := run(t, "", "dpkg-deb", "-f", p.Path, "Architecture"); arch != "arm64" {
		t.Errorf("architecture %s", arch)
	}
	dir := t.TempDir()
	run(t, dir, "dpkg-deb", "-x", p.Path, ".")
	program, err := elf.Open(filepath.Join(dir, "usr/bin/postern"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); program.Machine != elf.EM_AARCH64 || len(libraries) > 0 {
		t.Errorf("the program is for %v with %q, %v", program.Machine, libraries, err)
	}
}

// TestVersionsSort: what is committed later is an upgrade.
func TestVersionsSort(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "", "cp", "version", filepath.Join(dir, "deploy"))
	run(t, dir, "git", "init", "-q")
	run(t, dir, "git", "add", ".")
	day := 0
	commit := func(tags ...string) string {
		t.Helper()
		day++
		date := "2026-01-0" + string(rune('0'+day)) + "T23:30:00-0800"
		run(t, dir, "env", "GIT_COMMITTER_DATE="+date, "git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "x", "--date", date)
		for _, tag := range tags {
			run(t, dir, "git", "tag", tag)
		}
		return run(t, dir, "deploy/version")
	}
	versions := []string{commit(), commit(), commit("v1.0.0-rc1"), commit(), commit("v1.0.0"), commit(), commit("v1.0.1")}
	if err := os.WriteFile(filepath.Join(dir, "deploy", "version.orig"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "deploy/version"); got != "1.0.1" {
		t.Errorf("with a file that is not tracked: %s", got)
	}
	for n, want := range map[int]string{0: "0~git20260102073000.", 2: "1.0.0~rc1", 3: "1.0.0~rc1+1.g", 4: "1.0.0", 5: "1.0.0+1.g", 6: "1.0.1"} {
		if !strings.HasPrefix(versions[n], want) {
			t.Errorf("version %d is %s, want %s…", n, versions[n], want)
		}
	}
	for n := range len(versions) - 1 {
		run(t, "", "dpkg", "--compare-versions", versions[n], "lt", versions[n+1])
	}
	run(t, dir, "git", "rm", "-q", "--cached", "deploy/version")
	if got := run(t, dir, "deploy/version"); !strings.HasPrefix(got, "1.0.1+0.g") || !strings.HasSuffix(got, ".dirty") {
		t.Errorf("with a change: %s", got)
	}
}
