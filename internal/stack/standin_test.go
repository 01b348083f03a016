//go:build integration

package stack

import (
	"strings"

	"postern/internal/site"
)

// standIn leaves out what is not built yet.
func standIn(files []site.File) []site.File {
	for i, f := range files {
		f.Text = strings.ReplaceAll(f.Text, "unix:postern/from-guard,", "")
		f.Text = strings.ReplaceAll(f.Text, "  from_guard: unix:/var/spool/postfix/postern/from-guard\n", "")
		if f.Path == "etc/dovecot/dovecot.conf" {
			f.Text += "\nservice anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"
		}
		files[i] = f
	}
	for _, f := range files {
		if f.Path == "etc/dovecot/database.cnf" {
			return files
		}
	}
	return append(files, site.File{Path: "etc/dovecot/database.cnf", Text: "[client]\npassword = \"" + databasePassword + "\"\n", Secret: true})
}
