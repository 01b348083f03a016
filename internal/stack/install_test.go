//go:build integration

package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postern/internal/site"
)

// databasePassword is the one value that is not as in the shipped files.
const databasePassword = "a-password.of_the~stack"

// values are those of the shipped files, so that these are used as they stand.
func values() site.Values {
	v := site.Example()
	v.DatabasePassword = databasePassword
	return v
}

// install puts the configuration in its places and does what an administrator
// does beside, but for the database (mariadb_test.go) and the DKIM keys, which
// need the running database.
func install(opts options) error {
	if err := writeConfiguration(opts); err != nil {
		return err
	}
	if err := writeCertificate(values().TLSChain, values().Hostname); err != nil {
		return err
	}
	if err := makeFolders(); err != nil {
		return err
	}
	if _, err := os.Stat("/etc/postern/srs.secret"); err == nil {
		return nil // of the host that ran before: a rotation a day is all that is allowed
	}
	_, err := run("", "runuser", "-u", "postern", "--", program, "srs", "rotate")
	return err
}

// writeConfiguration fills and writes the shipped files. With more,
// two lines are added.
func writeConfiguration(opts options) error {
	shipped, err := repository()
	if err != nil {
		return err
	}
	release, err := debianRelease()
	if err != nil {
		return err
	}
	files, err := site.Files(os.DirFS(shipped), values(), release)
	if err != nil {
		return err
	}
	if opts.more {
		addMore(files)
	}
	_, err = site.Write("/", files, true)
	return err
}

// addMore puts policyd's counters into Redis, and masks the log.
func addMore(files []site.File) {
	for i, f := range files {
		if f.Path == "etc/postern/postern.yaml" {
			files[i].Text = strings.Replace(f.Text, "\npolicyd:\n", "\npolicyd:\n  state: redis://127.0.0.1:6379/0\n", 1) + "log: {addresses: masked}\n"
		}
	}
}

// debianRelease is 12 or 13.
func debianRelease() (int, error) {
	text, err := os.ReadFile("/etc/debian_version")
	if err != nil {
		return 0, err
	}
	major, _, _ := strings.Cut(strings.TrimSpace(string(text)), ".")
	return strconv.Atoi(major)
}

// makeFolders makes the user of postern and the folders of all daemons, as the
// packages' units do.
func makeFolders() error {
	if _, err := user.Lookup("postern"); err != nil {
		if _, err := run("", "useradd", "--system", "--user-group", "--home-dir", "/var/lib/postern", "--shell", "/usr/sbin/nologin", "postern"); err != nil {
			return err
		}
	}
	return errors.Join(
		folder("/var/spool/postfix/postern", "postern", "postfix", 0o750),
		folder("/var/lib/postern", "postern", "postfix", 0o700),
		folder("/run/postern", "postern", "postfix", 0o700),
		folder("/etc/postern", "postern", "postern", 0o750),
		own("/etc/postern/database.password", "postern", "postern", 0o640),
		own("/etc/dovecot/database.cnf", "root", "dovecot", 0o640),
		folder("/run/mysqld", "mysql", "root", 0o755),
		folder("/run/opendkim", "opendkim", "opendkim", 0o750),
		folder("/run/dovecot", "root", "root", 0o755),
	)
}

func folder(path, owner, group string, mode os.FileMode) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return own(path, owner, group, mode)
}

func own(path, owner, group string, mode os.FileMode) error {
	ids, err := credential(owner, group)
	if err != nil {
		return err
	}
	return errors.Join(os.Chown(path, int(ids.Uid), int(ids.Gid)), os.Chmod(path, mode))
}

// credential is a user of the machine, in one group.
func credential(owner, group string) (*syscall.Credential, error) {
	u, err := user.Lookup(owner)
	if err != nil {
		return nil, err
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// writeCertificate writes a key and a self-signed certificate for a host name
// into one file, as smtpd_tls_chain_files wants them.
func writeCertificate(path, name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, chain, 0o600); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}
