//go:build integration

package units

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// deploy is the folder of what the package has beside the program.
const deploy = "../../../deploy"

// Secrets of the host; no user but the daemons' may read them.
const (
	databasePassword = "Units-and-Database"
	passwordFile     = "/etc/postern/database.password"
	secretsFile      = "/etc/postern/srs.secret"
	configFile       = "/etc/postern/postern.yaml"
)

// install does what the package and then an administrator does.
func install() error {
	// what a postern of the machine underneath has left is not ours
	clean := sh("rm -rf /etc/postern /var/lib/postern* /var/spool/postfix/postern")
	return errors.Join(clean, installFiles(), configure(), startDatabase())
}

// installFiles puts units, users and folders in place, as the package does.
func installFiles() error {
	for pattern, dir := range map[string]string{
		"systemd/*.service": "/usr/lib/systemd/system",
		"systemd/*.socket":  "/usr/lib/systemd/system",
		"sysusers.d/*.conf": "/usr/lib/sysusers.d",
		"tmpfiles.d/*.conf": "/usr/lib/tmpfiles.d",
	} {
		files, err := filepath.Glob(filepath.Join(deploy, pattern))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("%s: no files, %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644); err != nil {
				return err
			}
		}
	}
	return sh("systemd-sysusers postern.conf && systemd-tmpfiles --create postern.conf && systemctl daemon-reload")
}

// configure writes the shipped configuration, secrets for systemd to hand over,
// and a Postfix with a chroot that asks postern.
func configure() error {
	text, err := os.ReadFile("../../../postfix/postern.yaml")
	if err != nil {
		return err
	}
	return errors.Join(
		sh("install -d -m 0750 -g postern /etc/postern"),
		write(configFile, string(text), 0o640),
		write(passwordFile, databasePassword+"\n", 0o600),
		sh("chgrp postern "+configFile+"; postern srs rotate; test $(stat -c %U%a "+secretsFile+") = root600"),
		write("/etc/postfix/main.cf", mainCf, 0o644),
		sh("touch /etc/aliases && postalias /etc/aliases && postconf -Me smtp/inet='smtp inet n - y - - smtpd'"),
	)
}

// mainCf is a Postfix that asks for its aliases and for each recipient.
const mainCf = `compatibility_level = 3.6
myhostname = mx.example.org
mydestination =
inet_interfaces = loopback-only
virtual_alias_domains = socketmap:unix:postern/socketmap:virtual-domains
virtual_alias_maps = socketmap:unix:postern/socketmap:virtual
smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:postern/policy
`

// startDatabase starts Debian's MariaDB with a domain and aliases.
func startDatabase() error {
	if err := sh("systemctl start mariadb && mariadb -e \"CREATE DATABASE maildb CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; " +
		"CREATE USER mailuser@127.0.0.1 IDENTIFIED BY '" + databasePassword + "'; GRANT ALL ON maildb.* TO mailuser@127.0.0.1\"" +
		" && postern schema | mariadb maildb"); err != nil {
		return err
	}
	return sh("postern domain add example.org && postern alias add info@example.org someone@example.net")
}

// sh runs a script; what it says is in the error.
func sh(script string) error {
	_, err := output(script)
	return err
}

// output runs a script and returns what it writes on stdout.
func output(script string) (string, error) {
	cmd := exec.Command("/bin/sh", "-c", script)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s%s", script, err, out, stderr.String())
	}
	return string(out), nil
}

func write(path, text string, mode os.FileMode) error {
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
