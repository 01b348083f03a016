//go:build integration

package packagetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// byHand sets the host up as it was done before there was a package.
const byHand = `useradd --system --user-group --home-dir /var/lib/postern --shell /usr/sbin/nologin postern
install -d -o postern -g postern -m 0750 /etc/postern
install -d -o postern -g postfix -m 0750 /var/spool/postfix/postern
install -m 0755 "$POSTERN_PACKAGES/root/usr/bin/postern" /usr/bin/postern
cat >/etc/systemd/system/postern.service <<'EOF'
[Service]
Type=notify
User=postern
Group=postfix
StateDirectory=postern
RuntimeDirectory=postern
StateDirectoryMode=0700
RuntimeDirectoryMode=0700
UMask=0077
ExecStart=/usr/bin/postern serve
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/var/spool/postfix/postern
[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload`

// TestInstallingOnAHostSetUpByHand changes nothing of it, and the daemon goes on.
func TestInstallingOnAHostSetUpByHand(t *testing.T) {
	purged(t)
	t.Cleanup(func() { sh(t, "userdel postern") })
	sh(t, byHand)
	configure(t)
	sh(t, "chown -R postern:postern /etc/postern; systemctl enable --now postern")
	pid := property(t, "postern.service", "MainPID")
	before := map[string]string{}
	kept := []string{"/etc/postern", "/etc/postern/postern.yaml", "/etc/postern/office", "/etc/systemd/system/postern.service"}
	for _, path := range kept {
		before[path] = trace(path)
	}

	install(t, "1.0.0")
	for _, path := range kept {
		if now := trace(path); now != before[path] {
			t.Errorf("%s was %s, is %s", path, before[path], now)
		}
	}
	if left, _ := filepath.Glob("/etc/postern/postern.yaml?*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if now := property(t, "postern.service", "MainPID"); now != pid {
		t.Errorf("another process: %s, was %s", now, pid)
	}
	if found, err := ask("info@example.org"); err != nil || found != "OK someone@example.net" {
		t.Errorf("%q, %v", found, err)
	}
	sh(t, "systemctl reload postern; systemctl restart postern; postern health")

	install(t, "1.1.0")
	sh(t, "systemctl is-active postern; postern health")
	if text, err := os.ReadFile("/etc/postern/postern.yaml"); err != nil || string(text) != configuration {
		t.Errorf("the configuration changed: %s, %v", text, err)
	}

	sh(t, "dpkg -P postern")
	if out, err := try("getent passwd postern; ls /etc/systemd/system/postern.service"); err != nil {
		t.Errorf("the administrator's own is gone: %s", out)
	}
}

// TestAFailedInstallationOnAHostSetUpByHand leaves its configuration in its place.
func TestAFailedInstallationOnAHostSetUpByHand(t *testing.T) {
	purged(t)
	t.Cleanup(func() { sh(t, "rm -rf /etc/postern") })
	sh(t, "mkdir -p /etc/postern")
	configure(t)
	damaged := filepath.Join(t.TempDir(), "damaged.deb")
	sh(t, "cp "+deb("1.0.0")+" "+damaged+" && dd if=/dev/zero of="+damaged+" bs=1M seek=8 count=1 conv=notrunc status=none")
	out, err := try("dpkg -i " + damaged)
	if err == nil || !strings.Contains(out, "Unpacking postern") { // so preinst has run
		t.Fatalf("it went through: %s", out)
	}
	if text, err := os.ReadFile("/etc/postern/postern.yaml"); err != nil || string(text) != configuration {
		t.Errorf("%s, %v", text, err)
	}
}
