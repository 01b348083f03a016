//go:build integration

package postsrsd

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The files of the Debian package of PostSRSd 1.10. A test fails if they are
// missing.
const (
	debianDefaults = "/etc/default/postsrsd"
	debianLauncher = "/usr/share/postsrsd/postsrsd-systemd-launcher"
)

func TestDebianDefaults(t *testing.T) {
	d, err := ReadDefaults(debianDefaults, os.Environ(), postfixSays("asked.example", nil))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Warnings) > 0 {
		t.Errorf("%q", d.Warnings)
	}
	if err := d.CheckUser(); err != nil {
		t.Error(err)
	}
	if d.SecretFile != "/etc/postsrsd.secret" || d.RunAs != "postsrsd" || d.Chroot != "/var/lib/postsrsd" || d.ForwardPort != 10001 || d.ReversePort != 10002 {
		t.Errorf("%+v", d)
	}
	if _, set := d.vars["SRS_DOMAIN"]; !set && d.Domain != "asked.example" {
		t.Errorf("domain %q", d.Domain)
	}
}

// TestDebianLauncher compares with the command line that the launcher of the
// package makes of the same file.
func TestDebianLauncher(t *testing.T) {
	launcher, err := os.ReadFile(debianLauncher)
	if err != nil {
		t.Fatal(err)
	}
	fixtures := append(files(t, "defaults/good", ".defaults"), debianDefaults)
	fixtures = slices.DeleteFunc(fixtures, func(file string) bool {
		return filepath.Base(file) == "crlf.defaults" // sh keeps the CR, and a warning says so
	})
	for _, file := range fixtures {
		t.Run(filepath.Base(file), func(t *testing.T) {
			words := launcherSays(t, string(launcher), file)
			d, err := ReadDefaults(file, []string{"HOST=mx1"}, postfixSays("asked.example", nil))
			if err != nil {
				t.Fatal(err)
			}
			compareWithLauncher(t, d, words)
		})
	}
}

// launcherSays is the command line of the daemon, read from the end: what
// SRS_EXTRA_OPTIONS has stands in front.
func launcherSays(t *testing.T, launcher, file string) map[string]string {
	t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	const run = "exec /usr/sbin/postsrsd "
	if !strings.Contains(launcher, run) || !strings.Contains(launcher, `"`+debianDefaults+`"`) {
		t.Fatalf("an unknown launcher:\n%s", launcher)
	}
	script := strings.ReplaceAll(launcher, `"`+debianDefaults+`"`, `"`+file+`"`)
	script = strings.Replace(script, "`postconf -h mydomain || true`", "asked.example", 1)
	script = strings.Replace(script, run, `printf '%s\0' `, 1)
	sh := exec.Command("/bin/sh", "-c", script)
	sh.Env = []string{"HOST=mx1", "PATH=/usr/bin:/bin"}
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	said := map[string]string{"-X": strings.TrimPrefix(words[len(words)-1], "-X")}
	words = words[:len(words)-1]
	for range 10 {
		said[words[len(words)-2]] = words[len(words)-1]
		words = words[:len(words)-2]
	}
	return said
}

func compareWithLauncher(t *testing.T, d *Defaults, said map[string]string) {
	t.Helper()
	same := func(option, got string) {
		t.Helper()
		if said[option] != got {
			t.Errorf("%s: got %q, the launcher says %q", option, got, said[option])
		}
	}
	same("-d", d.Domain)
	same("-s", d.SecretFile)
	same("-u", d.RunAs)
	same("-c", d.Chroot)
	same("-l", d.ListenAddr)
	if said["-a"][0] != d.Separator {
		t.Errorf("-a: got %c, the launcher says %q", d.Separator, said["-a"])
	}
	for option, got := range map[string]int{"-f": d.ForwardPort, "-r": d.ReversePort, "-n": d.HashLength, "-N": d.HashMinimum} {
		n, err := strconv.Atoi(strings.TrimSpace(said[option]))
		if err == nil && n != 0 && n != got {
			t.Errorf("%s: got %d, the launcher says %q", option, got, said[option])
		}
	}
	excluded := strings.Join(strings.FieldsFunc(said["-X"], func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) }), " ")
	if got := strings.Join(d.ExcludeDomains, " "); !strings.HasPrefix(got, excluded) {
		t.Errorf("-X: got %q, the launcher says %q", got, excluded)
	}
}
