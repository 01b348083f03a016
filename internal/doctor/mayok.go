package doctor

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// knownOK reports a table of which it is known that it answers OK, and how
// that is known.
func (h *Host) knownOK(t postconf.Table) (bool, string) {
	switch {
	case t.Is("inline"):
		for _, e := range t.Inline() {
			if permits(e.Raw) {
				return true, fmt.Sprintf("answers %.20s", e.Raw)
			}
		}
	case t.Is("static"):
		return permits(t.Name), "answers OK to all"
	case t.Is("socketmap"):
		_, name := t.Socketmap()
		return h.mapPermits(name), "answers OK"
	case t.Is("mysql", "pgsql", "sqlite"):
		text, err := h.Files.Read(t.Name)
		return err == nil && selectsOK(string(text)), "selects 'OK'"
	case t.Is("hash", "btree", "lmdb", "cdb", "dbm", "texthash", "regexp", "pcre", "cidr"):
		return h.sourcePermits(t)
	}
	return false, ""
}

// mayOK reports a table that may answer OK: one of which it is not known that
// it never does.
func (h *Host) mayOK(t postconf.Table) (bool, string) {
	if known, how := h.knownOK(t); known {
		return true, how
	}
	switch {
	case t.Is("inline", "static"):
		return false, ""
	case t.Is("socketmap"):
		_, name := t.Socketmap()
		if slices.Contains([]string{"block-local-senders", "virtual-domains", "banned-domains"}, name) {
			return false, ""
		}
		return true, "may answer OK"
	case t.Is("hash", "btree", "lmdb", "cdb", "dbm", "texthash", "regexp", "pcre", "cidr"):
		if _, err := h.Files.Read(sourceOf(t)); err == nil {
			return false, "" // every value was read
		}
	}
	return true, "may answer OK"
}

// permits reports an access(5) result that ends the list in favour.
func permits(value string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(value), " ")
	word = strings.ToLower(word)
	if word == "ok" || strings.HasPrefix(word, "permit") {
		return true
	}
	return word != "" && strings.Trim(word, "0123456789") == "" && word[0] != '4' && word[0] != '5'
}

// mapPermits reports a map of postern that answers OK.
func (h *Host) mapPermits(name string) bool {
	switch name {
	case "allowlist", "allowlist-handles", "allowlist-aliases", "allowed-senders", "srs-recipients":
		return true
	}
	if h.Config == nil {
		return false
	}
	m, own := h.Config.Maps[name]
	switch {
	case !own:
		return false
	case m.CF != "":
		text, err := h.Files.Read(m.CF)
		return err == nil && selectsOK(string(text))
	case m.File != "":
		text, err := h.Files.Read(m.File)
		return err == nil && valuesPermit(string(text))
	}
	return slices.ContainsFunc(m.Of, h.mapPermits)
}

// selectsOK reports a query whose answer is the word OK.
func selectsOK(cf string) bool {
	folded := strings.ToLower(cf)
	return strings.Contains(folded, "'ok'") || strings.Contains(folded, `"ok"`) || strings.Contains(folded, "result_format = ok")
}

// sourceOf is the text file that a table is made of.
func sourceOf(t postconf.Table) string { return t.Name }

func (h *Host) sourcePermits(t postconf.Table) (bool, string) {
	text, err := h.Files.Read(sourceOf(t))
	return err == nil && valuesPermit(string(text)), "answers OK (" + sourceOf(t) + ")"
}

// valuesPermit looks for OK among the values of a table's source text.
func valuesPermit(text string) bool {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && !strings.HasPrefix(words[0], "#") && permits(words[1]) {
			return true
		}
		if len(words) == 1 && line[0] == ' ' && permits(words[0]) { // a value on a line of its own
			return true
		}
	}
	return false
}
