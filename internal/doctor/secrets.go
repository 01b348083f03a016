package doctor

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/postconf"
	"postern/srsd"
)

// secretKinds are the findings of checkSecrets.
func secretKinds() []Kind {
	return []Kind{
		{"secret-readable", Error, "others on this host can read a password or a key"},
		{"secret-missing", Error, "a file with a password or a key is not there: the daemon does not start, or its maps answer TEMP"},
		{"secret-unseen", Note, "a file with a password or a key could not be looked at"},
		{"secret-short", Warning, "a secret of SRS can be guessed from addresses that it signed: who has it sends mail through this host to anywhere"},
	}
}

// shortestSecret is the length in bytes from which a secret of SRS is beyond
// guessing if it was made at random, be it in hexadecimal digits or in base64.
const shortestSecret = 16

// secret is a file that others shall not read.
type secret struct {
	path, at, what string
}

// checkSecrets looks at who may read what.
func checkSecrets(_ context.Context, h *Host, f *findings) {
	checkShortSecrets(h, f)
	for _, s := range h.secrets() {
		// a unit may pass another file than the one that commands read
		file, passed := strings.CutPrefix(s.path, "credential:")
		if s.path = file; file == "" {
			continue
		}
		info, err := h.Files.Stat(s.path)
		switch {
		case isMissing(err) && passed:
		case isMissing(err):
			f.add("secret-missing", s.at, "make the file, or correct its name", "%s (%s) does not exist: what needs it does not start", s.path, s.what)
		case err != nil:
			f.add("secret-unseen", s.at, "run postern check as root", "%s (%s) was not looked at: %v", s.path, s.what, reason(err))
		case info.Mode.Perm()&0o007 != 0:
			f.add("secret-readable", s.path, "chmod o-rwx "+s.path, "%s (%s) has mode %04o, owner %s:%s: every program on this host can read it", s.path, s.what, info.Mode.Perm(), info.Owner, info.Group)
		}
	}
}

// checkShortSecrets looks at the lines of the SRS secrets. What cannot be read is
// told by others.
func checkShortSecrets(h *Host, f *findings) {
	if h.Config == nil || h.Config.SRSD == nil {
		return
	}
	path := strings.TrimPrefix(h.Config.SRSD.SecretsFile, "credential:")
	text, err := h.Files.Read(path)
	if err != nil {
		return
	}
	secrets, err := srsd.ParseDatedSecrets(path, text)
	if err != nil {
		return
	}
	for i, s := range secrets {
		if len(s.Text) < shortestSecret {
			f.add("secret-short", path, "postern srs rotate, then delete the short one: at once, or after 22 days if bounces to mail that has left shall arrive", "secret %d of SRS has %d bytes: it can be found by trying, with a few addresses that it signed, and who has it sends mail through this host to anywhere", i+1, len(s.Text))
		}
	}
}

// secrets are the files with passwords and keys that the configurations name.
func (h *Host) secrets() []secret {
	var all []secret
	if c := h.Config; c != nil {
		if c.Database.Password != "" {
			all = append(all, secret{h.ConfigFile, h.setting("database.password"), "the database password is in it"})
		}
		all = append(all, secret{c.Database.PasswordFile, h.setting("database.password_file"), "the database password"},
			secret{c.Database.TLS.Key, h.setting("database.tls.key"), "the key of the database client"},
			secret{c.Log.KeyFile, h.setting("log.key_file"), "the key of hashes in the log"})
		if c.SRSD != nil {
			all = append(all, secret{c.SRSD.SecretsFile, h.setting("srsd.secrets_file"), "the secrets of SRS"})
		}
		if c.Policyd != nil {
			all = append(all, secret{c.Policyd.StatePasswordFile, h.setting("policyd.state_password_file"), "the password of Redis"},
				secret{c.Policyd.StateKeyFile, h.setting("policyd.state_key_file"), "the key of counters"})
		}
	}
	if h.Postfix != nil {
		all = append(all, h.postfixSecrets()...)
	}
	return all
}

// postfixSecrets are TLS keys and .cf files with passwords.
func (h *Host) postfixSecrets() []secret {
	var all []secret
	seen := map[string]bool{}
	add := func(path string, p postconf.Place, what string) {
		if strings.HasPrefix(path, "/") && !seen[path] {
			seen[path] = true
			all = append(all, secret{path, orFile(p, postconf.Place{File: h.Postfix.MainFile}), what})
		}
	}
	main := h.Postfix.View(nil)
	for _, name := range []string{"smtpd_tls_chain_files", "smtpd_tls_key_file"} {
		set := main.Get(name)
		for i, w := range set.Words() {
			if i == 0 && !(name == "smtpd_tls_key_file" && set.Default) { // the key stands first
				add(w.Text, w.Place, fmt.Sprintf("the TLS key, %s", name))
			}
		}
	}
	for _, l := range h.Postfix.Lookups() {
		if l.Table.Is("mysql", "pgsql", "ldap") {
			if text, err := h.Files.Read(l.Table.Name); err == nil && settings(string(text))["password"] != "" {
				add(l.Table.Name, l.Table.Place, "a database password is in it")
			}
		}
	}
	return all
}
