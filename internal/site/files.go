package site

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// places are the shipped files and where Debian looks for them. A folder's
// files keep their names.
var places = []struct {
	shipped, path string
	debian        int // of this release only, or of all
}{
	{"postfix/main.cf", "etc/postfix/main.cf", 0},
	{"postfix/master.cf", "etc/postfix/master.cf", 0},
	{"postfix/bounce_privacy.regexp", "etc/postfix/bounce_privacy.regexp", 0},
	{"postfix/mysql/*.cf", "etc/postfix", 0},
	{"postfix/postern.yaml", "etc/postern/postern.yaml", 0},
	{"dovecot/dovecot.conf", "etc/dovecot/dovecot.conf", 13},
	{"dovecot/database.cnf", "etc/dovecot/database.cnf", 0},
	{"dovecot/dovecot-2.3.conf", "etc/dovecot/dovecot.conf", 12},
	{"dovecot/dovecot-sql.conf.ext", "etc/dovecot/dovecot-sql.conf.ext", 12},
	{"opendkim/opendkim.conf", "etc/opendkim.conf", 0},
	{"opendkim/KeyTable", "etc/opendkim/KeyTable", 0},
	{"opendkim/SigningTable", "etc/opendkim/SigningTable", 0},
	{"opendkim/TrustedHosts", "etc/opendkim/TrustedHosts", 0},
}

// Files are all files of a host with Debian 12 or 13, from the shipped ones.
func Files(shipped fs.FS, v Values, debian int) ([]File, error) {
	if debian != 12 && debian != 13 {
		return nil, fmt.Errorf("site: Debian %d: must be 12 or 13", debian)
	}
	if err := v.Validate(); err != nil {
		return nil, err
	}
	files := []File{{Path: "etc/postern/database.password", Text: v.DatabasePassword + "\n", Secret: true}}
	for _, place := range places {
		if place.debian != 0 && place.debian != debian {
			continue
		}
		filled, err := fill(shipped, place.shipped, place.path, v)
		if err != nil {
			return nil, err
		}
		files = append(files, filled...)
	}
	return files, nil
}

// fill reads the shipped files that a pattern names.
func fill(shipped fs.FS, pattern, to string, v Values) ([]File, error) {
	names, err := fs.Glob(shipped, pattern)
	if err == nil && len(names) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("site: shipped %s: %w", pattern, err)
	}
	var files []File
	for _, name := range names {
		text, err := fs.ReadFile(shipped, name)
		if err != nil {
			return nil, fmt.Errorf("site: shipped %w", err)
		}
		target := to
		if name != pattern {
			target = path.Join(to, path.Base(name))
		}
		files = append(files, File{
			Path:   target,
			Text:   v.Fill(string(text)),
			Secret: strings.Contains(string(text), Example().DatabasePassword),
		})
	}
	return files, nil
}

// ReadPassword is the first line of a password file.
func ReadPassword(text []byte) (string, error) {
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", errors.New("site: database password: its file is empty: the password is its first line")
	}
	return line, nil
}
