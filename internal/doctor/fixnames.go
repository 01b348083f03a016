package doctor

import (
	"cmp"
	"regexp"
)

// literal puts values in the place of the names of the shipped main.cf that
// this main.cf does not have: a line with an empty name stops Postfix.
func literal(h *Host) func(fix string) string {
	siteName := regexp.MustCompile(`\$postern(_policy|_operator|_srs_domain)?\b`)
	return func(fix string) string {
		return siteName.ReplaceAllStringFunc(fix, func(name string) string {
			if h.Postfix != nil {
				if _, set := h.Postfix.Entry(name[1:]); set {
					return name
				}
			}
			return siteValue(h, name[1:])
		})
	}
}

// siteValue is what a name of the shipped main.cf stands for here; what only
// the reader knows is in capital letters.
func siteValue(h *Host, name string) string {
	operator, domain := "", ""
	if c := h.Config; c != nil {
		operator = c.Operator
		if c.SRSD != nil {
			domain = c.SRSD.Domain
		}
	}
	switch name {
	case "postern":
		return "socketmap:unix:postern/socketmap"
	case "postern_policy":
		return "unix:postern/policy"
	case "postern_operator":
		return cmp.Or(operator, "ADDRESS")
	}
	return cmp.Or(domain, "SRS-DOMAIN")
}
