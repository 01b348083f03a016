package doctor

import (
	"slices"
	"strings"

	"postern/internal/postconf"
)

// behind are the restrictions of the classes that a table's results name
// (access(5): a result may be a list of restrictions). smtpd(8) goes through
// them where the table stands.
func (h *Host) behind(s seat, r postconf.Restriction) (all []postconf.Restriction) {
	classes := s.view.List("smtpd_restriction_classes")
	if r.Table == nil || r.Warn || len(classes) == 0 {
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

// resultWords are the words of all results of a table that can be read.
func (h *Host) resultWords(t postconf.Table) (words []string) {
	switch {
	case t.Is("inline"):
		for _, e := range t.Inline() {
			words = append(words, postconf.SplitList(e.Raw)...)
		}
	case t.Is("static"):
		return postconf.SplitList(strings.Trim(t.Name, "{}"))
	case t.Is("hash", "btree", "lmdb", "cdb", "dbm", "texthash", "regexp", "pcre", "cidr"):
		text, err := h.Files.Read(sourceOf(t))
		if err != nil {
			return nil
		}
		for line := range strings.Lines(string(text)) {
			fields := postconf.SplitList(line)
			if len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
				words = append(words, fields...)
			}
		}
	}
	return words
}
