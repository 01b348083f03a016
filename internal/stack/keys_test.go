//go:build integration

package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// makeKeys makes the DKIM keys of the hosted domains and publishes their records.
func (s *stack) makeKeys() error {
	var keys, signing strings.Builder
	if err := folder("/etc/opendkim/keys", "root", "opendkim", 0o750); err != nil {
		return err
	}
	for _, domain := range []string{"fwd.test", "b.test"} {
		dir := filepath.Join("/etc/opendkim/keys", domain)
		if err := folder(dir, "opendkim", "opendkim", 0o700); err != nil {
			return err
		}
		if _, err := run("", "opendkim-genkey", "-D", dir, "-d", domain, "-s", "mail"); err != nil {
			return err
		}
		if err := own(filepath.Join(dir, "mail.private"), "opendkim", "opendkim", 0o600); err != nil {
			return err
		}
		fmt.Fprintf(&keys, "mail._domainkey.%s %s:mail:%s/mail.private\n", domain, domain, dir)
		fmt.Fprintf(&signing, "*@%s mail._domainkey.%s\n", domain, domain)
		record, err := os.ReadFile(filepath.Join(dir, "mail.txt"))
		if err != nil {
			return err
		}
		if err := s.dns.publish("$ORIGIN " + domain + ".\n" + string(record)); err != nil {
			return err
		}
	}
	if err := os.WriteFile("/etc/opendkim/KeyTable", []byte(keys.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile("/etc/opendkim/SigningTable", []byte(signing.String()), 0o644)
}
