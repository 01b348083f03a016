//go:build integration

package stack

import "postern/internal/site"

// standIn leaves out what is not built yet.
func standIn(files []site.File) []site.File {
	for i, f := range files {
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
