package doctor

import (
	"regexp"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// behind are the restrictions of the classes that a table's results name
// (access(5): a result may be a list of restrictions). smtpd(8) goes through
// them where the table stands.
func (h *Host) behind(s seat, r postconf.Restriction) (all []postconf.Restriction) {
	classes := s.view.List("smtpd_restriction_classes")
	if r.Table == nil || len(classes) == 0 {
		return nil
	}
	words := h.resultWords(*r.Table)
	for _, class := range classes {
		if slices.Contains(words, class.Text) {
			postconf.Walk(s.view.Restrictions(class.Text), func(named postconf.Restriction) { all = append(all, named) })
		}
	}
	return all
}

// resultWords are the words of all results of a table that can be read, and of
// the texts in a query. What a query takes from a column is not known: such a
// table may answer OK (mayOK), and any class.
func (h *Host) resultWords(t postconf.Table) (words []string) {
	switch {
	case t.Is("inline"):
		for _, e := range t.Inline() {
			words = append(words, postconf.SplitList(e.Raw)...)
		}
	case t.Is("static"):
		return postconf.SplitList(strings.Trim(t.Name, "{}"))
	case t.Is("hash", "btree", "lmdb", "cdb", "dbm", "texthash", "regexp", "pcre", "cidr"):
		return h.fileWords(sourceOf(t))
	case t.Is("mysql", "pgsql", "sqlite"):
		return h.queryWords(t.Name)
	case t.Is("socketmap"):
		_, name := t.Socketmap()
		return h.mapWords(name)
	}
	return words
}

// mapWords are those of a map of postern.yaml.
func (h *Host) mapWords(name string) (words []string) {
	if h.Config == nil {
		return nil
	}
	m := h.Config.Maps[name]
	switch {
	case m.CF != "":
		return h.queryWords(m.CF)
	case m.File != "":
		return h.fileWords(m.File)
	}
	for _, member := range m.Of {
		words = append(words, h.mapWords(member)...)
	}
	return words
}

// fileWords are those of the source text of a table.
func (h *Host) fileWords(path string) (words []string) {
	text, err := h.Files.Read(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		fields := postconf.SplitList(line)
		if len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			words = append(words, fields...)
		}
	}
	return words
}

// queryWords are those that stand in quotes in a .cf file, or in its
// result_format.
func (h *Host) queryWords(path string) (words []string) {
	text, err := h.Files.Read(path)
	if err != nil {
		return nil
	}
	quoted := regexp.MustCompile(`'[^']*'|"[^"]*"`)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if name, value, set := strings.Cut(line, "="); set && strings.TrimSpace(name) == "result_format" {
			words = append(words, postconf.SplitList(value)...)
		}
		for _, text := range quoted.FindAllString(line, -1) {
			words = append(words, postconf.SplitList(strings.Trim(text, `'"`))...)
		}
	}
	return words
}
