package config

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// maxFile bounds the configuration file: a wrong path must not eat memory.
const maxFile = 4 << 20

// Load reads and validates the file. The error joins every complaint; each
// is an *Error with file and line.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: name one with --config; docs/install.md makes one", err)
	}
	if err != nil {
		return nil, &Error{path, 0, err}
	}
	return Parse(path, text)
}

// ControlOf is the control directory that a configuration names, whatever else
// is wrong with it, or the default one: a daemon that runs goes on when its file
// is broken, and can be looked at.
func ControlOf(path string) string {
	var named struct{ Control string }
	if text, err := readFile(path); err == nil {
		_ = yaml.Unmarshal(bytes.TrimPrefix(text, byteOrderMark), &named) // what cannot be read names nothing
	}
	return absolute(filepath.Dir(path), cmp.Or(named.Control, Defaults().Control))
}

// Parse is Load for a text that was read already. Relative file names in it
// are relative to the folder of name.
func Parse(name string, text []byte) (*Config, error) {
	d, err := parseDocument(name, text)
	if err != nil {
		return nil, err
	}
	c := Defaults()
	if err := d.decode(c); err != nil {
		return nil, err
	}
	v := &validator{document: d}
	v.config(c)
	if err := v.complaints(); err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(name))
	c.source = d
	return c, nil
}

// readFile reads a bounded regular file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a directory: name the file in it")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(text) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes: that is no postern.yaml", maxFile)
	}
	return text, err
}

// resolve makes file names absolute: they are relative to the folder of the file.
func (c *Config) resolve(dir string) {
	for name, m := range c.Maps {
		m.CF, m.File = absolute(dir, m.CF), absolute(dir, m.File)
		c.Maps[name] = m
	}
	db := &c.Database
	db.PasswordFile = secret(dir, db.PasswordFile)
	db.Path = absolute(dir, db.Path)
	db.TLS.CA, db.TLS.Cert, db.TLS.Key = absolute(dir, db.TLS.CA), absolute(dir, db.TLS.Cert), absolute(dir, db.TLS.Key)
	c.StateDir, c.Control = absolute(dir, c.StateDir), absolute(dir, c.Control)
	c.Metrics.WebConfig = absolute(dir, c.Metrics.WebConfig)
	c.Log.KeyFile = secret(dir, c.Log.KeyFile)
	if c.Twin != nil {
		c.Twin.resolve(dir)
	}
	if p := c.Policyd; p != nil {
		p.StatePasswordFile, p.StateKeyFile = secret(dir, p.StatePasswordFile), secret(dir, p.StateKeyFile)
	}
	if c.SRSD != nil {
		c.SRSD.SecretsFile = secret(dir, c.SRSD.SecretsFile)
		if path, ok := strings.CutPrefix(c.SRSD.Store, "sqlite:"); ok {
			c.SRSD.Store = "sqlite:" + absolute(dir, path)
		}
	}
}

// secret is a file that may be a credential, then with the file of that name in
// dir behind the prefix.
func secret(dir, path string) string {
	if name, ok := strings.CutPrefix(path, credentialPrefix); ok {
		return credentialPrefix + absolute(dir, name)
	}
	return absolute(dir, path)
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Join(dir, path)
}

// credentialPrefix names a credential that systemd hands to the unit
// (LoadCredential=, systemd.exec(5)).
const credentialPrefix = "credential:"

// ReadPassword is the database password: written in the file, or in the first
// line of password_file. Only a daemon that uses the database calls it.
// openToAll tells that others on the machine can read the file.
func (d *Database) ReadPassword() (password string, openToAll bool, err error) {
	if d.PasswordFile == "" {
		return string(d.Password), false, nil
	}
	password, openToAll, err = firstLine(d.PasswordFile)
	if err != nil {
		err = fmt.Errorf("database: password_file %w", err)
	}
	return password, openToAll, err
}

// ReadKey is the secret by which addresses in the log are hashed. Without a
// file it is made up: hashes are then the same until the process ends.
func (l Log) ReadKey() ([]byte, error) {
	if l.KeyFile == "" {
		return []byte(rand.Text()), nil
	}
	line, _, err := firstLine(l.KeyFile)
	if err == nil && line == "" {
		err = fmt.Errorf("%s: its first line is empty", l.KeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("log: key_file %w", err)
	}
	return []byte(line), nil
}

// ReadStateSecrets are the password of the Redis server and the secret by which
// keys there are hashed, empty where no file is named. Only policyd calls it.
func (p *Policyd) ReadStateSecrets() (password, key string, openToAll bool, err error) {
	for _, f := range []struct {
		name, path string
		into       *string
	}{
		{"state_password_file", p.StatePasswordFile, &password},
		{"state_key_file", p.StateKeyFile, &key},
	} {
		if f.path == "" {
			continue
		}
		line, open, err := firstLine(f.path)
		if err == nil && line == "" {
			err = fmt.Errorf("%s: its first line is empty", f.path)
		}
		if err != nil {
			return "", "", false, fmt.Errorf("policyd: %s %w", f.name, err)
		}
		*f.into, openToAll = line, openToAll || open
	}
	return password, key, openToAll, nil
}

// firstLine reads a secret from a file or a credential.
func firstLine(path string) (line string, openToAll bool, err error) {
	path, err = credential(path)
	if err != nil {
		return "", false, err
	}
	text, err := readFile(path)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", path, err)
	}
	line, _, _ = strings.Cut(string(text), "\n")
	info, err := os.Stat(path)
	return strings.TrimSuffix(line, "\r"), err == nil && info.Mode().Perm()&0o004 != 0, nil
}

// SecretsPath is the file of the SRS secrets. Only a daemon that rewrites calls
// it.
func (s *SRSD) SecretsPath() (string, error) {
	path, err := credential(s.SecretsFile)
	if err != nil {
		return "", fmt.Errorf("srsd: secrets_file %w", err)
	}
	return path, nil
}

// credential is the path of a file that may be handed over by systemd. Where
// systemd has none, for a command or as the placeholder of a unit (an empty
// line), it is the file of that name beside the configuration.
func credential(path string) (string, error) {
	file, ok := strings.CutPrefix(path, credentialPrefix)
	if !ok {
		return path, nil
	}
	name := filepath.Base(file)
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if passed := filepath.Join(dir, name); dir != "" && !isPlaceholder(passed) {
		return passed, nil
	}
	if !filepath.IsAbs(file) { // no configuration file was read
		return "", fmt.Errorf("%s: systemd passed no credentials: add LoadCredential=%s:FILE to the unit", path, name)
	}
	return file, nil
}

// isPlaceholder reports whether a credential is missing, or the SetCredential=
// that a unit has for a file that is missing.
func isPlaceholder(path string) bool {
	text, err := os.ReadFile(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) == ""
}
