package doctor

import (
	"context"
	"path"
	"strings"
)

// signingKinds are the findings of checkSigning.
func signingKinds() []Kind {
	return []Kind{
		{"dkim-table", Error, "a table of OpenDKIM does not exist: it does not start, and submission is deferred"},
		{"dkim-key", Error, "a key that KeyTable names does not exist: OpenDKIM defers the mail of its domain"},
		{"dkim-domain", Warning, "an active domain has no line in SigningTable: what its users submit leaves unsigned"},
		{"dkim-unread", Note, "a table or a key of OpenDKIM could not be looked at"},
	}
}

// checkSigning looks whether each hosted domain has a key.
func checkSigning(ctx context.Context, h *Host, f *findings) {
	if h.OpenDKIM == nil {
		return
	}
	for _, line := range h.table("KeyTable", f) {
		h.checkKey(line, f)
	}
	patterns := h.table("SigningTable", f)
	if patterns == nil || h.Database == nil || h.Config == nil {
		return
	}
	unsigned := &sample{}
	err := h.Database.Each(ctx, "domain", func(name, active string) {
		if active == "1" && !signed(patterns, name) {
			unsigned.note(name)
		}
	})
	if err == nil { // else said of the table
		f.report("dkim-domain", h.tableFile("SigningTable"), unsigned, "postern dkim sync, and publish the records that it prints", "these domains have no line, and what their users submit leaves unsigned")
	}
}

// tableFile is the path of a table in opendkim.conf, without its type.
func (h *Host) tableFile(name string) string {
	value := h.OpenDKIM.values[strings.ToLower(name)]
	for _, kind := range []string{"file:", "refile:"} {
		if file, ok := strings.CutPrefix(value, kind); ok {
			return file
		}
	}
	if strings.HasPrefix(value, "/") {
		return value
	}
	return "" // in another kind of table
}

// table reads the lines of a table of files, in words; nil if there is none.
func (h *Host) table(name string, f *findings) [][]string {
	file := h.tableFile(name)
	if file == "" {
		return nil
	}
	text, err := h.Files.Read(file)
	switch {
	case isMissing(err):
		f.add("dkim-table", file, "postern dkim sync", "%s does not exist: OpenDKIM does not start, and submission is deferred", name)
		return nil
	case err != nil:
		f.add("dkim-unread", file, "run postern check as root", "%s was not looked at: %v", name, reason(err))
		return nil
	}
	lines := [][]string{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 1 {
			lines = append(lines, words)
		}
	}
	return lines
}

// checkKey looks at the file of NAME DOMAIN:SELECTOR:FILE.
func (h *Host) checkKey(line []string, f *findings) {
	parts := strings.SplitN(line[1], ":", 3)
	if len(parts) < 3 || !strings.HasPrefix(parts[2], "/") {
		return // the key itself, in base64
	}
	info, err := h.Files.Stat(parts[2])
	switch {
	case isMissing(err):
		f.add("dkim-key", h.tableFile("KeyTable"), "postern dkim sync, and publish the record that it prints", "%s does not exist: OpenDKIM defers the mail of %s", parts[2], parts[0])
	case err != nil:
		f.add("dkim-unread", parts[2], "run postern check as root", "the key of %s was not looked at: %v", parts[0], reason(err))
	case info.Mode.Perm()&0o007 != 0:
		f.add("secret-readable", parts[2], "chmod o-rwx "+parts[2], "%s (the DKIM key of %s) has mode %04o, owner %s:%s: every program on this host can sign with it", parts[2], parts[0], info.Mode.Perm(), info.Owner, info.Group)
	}
}

// signed reports a pattern that a sender of the domain matches.
func signed(patterns [][]string, domain string) bool {
	for _, p := range patterns {
		pattern := strings.ToLower(p[0])
		if ok, _ := path.Match(pattern, "user@"+domain); ok || pattern == domain {
			return true
		}
	}
	return false
}
