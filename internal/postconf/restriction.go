package postconf

import "strings"

// Restriction is one element of a restriction list with its argument.
type Restriction struct {
	Name     string // in lower case: "check_recipient_access", "reject"
	Argument string // as written; "" if it takes none
	Warn     bool   // warn_if_reject stands before it, or before its class: it refuses nothing, and may permit
	// Table is the table of a check_*_access. Shorthand tables ("hash:x"
	// alone) have the check_*_access of their list as Name.
	Table *Table
	// Policy is the service of a check_policy_service.
	Policy *Policy
	// Class is the list of a restriction class.
	Class []Restriction
	Place Place
}

// Policy is the argument of check_policy_service.
type Policy struct {
	Endpoint Endpoint
	Options  []Entry // policy_context, timeout, default_action, …
}

// Option is the last option of a name, and whether there is one.
func (p Policy) Option(name string) (string, bool) {
	value, found := "", false
	for _, entry := range p.Options {
		if entry.Name == name {
			value, found = entry.Raw, true
		}
	}
	return value, found
}

// Restrictions reads a restriction list, its restriction classes included.
func (v View) Restrictions(parameter string) []Restriction {
	return v.restrictions(v.Get(parameter), shorthand(parameter), false, map[string]bool{})
}

// Walk visits the restrictions of a list and of the classes in it, in the
// order in which Postfix meets them.
func Walk(list []Restriction, visit func(Restriction)) {
	for _, r := range list {
		visit(r)
		Walk(r.Class, visit)
	}
}

func (v View) restrictions(s Setting, short string, warned bool, open map[string]bool) []Restriction {
	classes := map[string]bool{}
	for _, word := range v.List("smtpd_restriction_classes") {
		classes[word.Text] = true
	}
	var list []Restriction
	words, warn := s.Words(), warned
	for i := 0; i < len(words); i++ {
		word := words[i]
		name := strings.ToLower(word.Text)
		r := Restriction{Name: name, Place: word.Place, Warn: warn}
		switch {
		case name == "warn_if_reject":
			warn = true
			continue
		case strings.HasPrefix(name, "{") || strings.Contains(name, ":"):
			r.Name, r.Argument = short, word.Text
			r.setArgument(word)
		case takesArgument(name) && i+1 < len(words):
			i++
			r.Argument = words[i].Text
			r.setArgument(words[i])
		case classes[word.Text] && !open[word.Text]:
			r.Name = word.Text
			open[word.Text] = true
			r.Class = v.restrictions(v.Get(word.Text), short, warn, open)
			delete(open, word.Text)
		}
		list = append(list, r)
		warn = warned // it is for one restriction
	}
	return list
}

func (r *Restriction) setArgument(word Word) {
	switch {
	case r.Name == "check_policy_service":
		r.Policy = parsePolicy(word)
	case strings.HasPrefix(r.Name, "check_"):
		table := word.Table()
		r.Table = &table
	}
}

// parsePolicy reads "endpoint" or "{ endpoint, name=value, { name = value } }".
func parsePolicy(word Word) *Policy {
	inner, err := unbrace(word.traced())
	if err != nil || inner.text == word.Text {
		return &Policy{Endpoint: ParseEndpoint(word.Text)}
	}
	words := splitWords(inner, commasAndBlanks)
	if len(words) == 0 {
		return &Policy{}
	}
	return &Policy{Endpoint: ParseEndpoint(words[0].Text), Options: options(words[1:])}
}

// takesArgument tells the restrictions that are followed by a table, a
// service, a domain or a number. (postconf(5), smtpd_recipient_restrictions)
func takesArgument(name string) bool {
	switch name {
	case "check_policy_service", "sleep", "reject_rbl", "reject_rbl_client", "permit_dnswl_client",
		"reject_rhsbl_client", "permit_rhswl_client", "reject_rhsbl_reverse_client", "reject_rhsbl_helo",
		"reject_rhsbl_sender", "reject_rhsbl_recipient", "check_relay_domains":
		return name != "check_relay_domains"
	}
	return strings.HasPrefix(name, "check_") && strings.HasSuffix(name, "_access")
}

// shorthand is the access check that a table alone stands for in a list.
func shorthand(parameter string) string {
	switch parameter {
	case "smtpd_client_restrictions":
		return "check_client_access"
	case "smtpd_helo_restrictions":
		return "check_helo_access"
	case "smtpd_sender_restrictions":
		return "check_sender_access"
	case "smtpd_etrn_restrictions":
		return "check_etrn_access"
	}
	return "check_recipient_access"
}

// RestrictionLists are the parameters of smtpd(8) that hold restrictions.
func RestrictionLists() []string {
	return []string{"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions",
		"smtpd_relay_restrictions", "smtpd_recipient_restrictions", "smtpd_data_restrictions",
		"smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions"}
}
