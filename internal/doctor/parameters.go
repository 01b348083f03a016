package doctor

import (
	"context"
	"strings"
)

// rule is a parameter that has to have a certain value in every service of a
// role. The rules are in rulesmain.go and rulesmaster.go.
type rule struct {
	name     string
	role     role
	wanted   string              // for the fix, and for the manual
	good     func(s string) bool // nil: exactly wanted
	explicit bool                // the default differs between releases, so it has to be written
	when     func(s seat) bool   // nil: always
	severity Severity
	effect   string // what happens otherwise
}

// kind is the name of the finding.
func (r rule) kind() string {
	if r.role == inMain || r.role == inbound || r.role == screening || r.role == delivering {
		return r.name
	}
	return strings.ReplaceAll(string(r.role), " ", "-") + "/" + r.name
}

// rules are all of them.
func rules() []rule {
	return append(mainRules(), masterRules()...)
}

// parameterKinds are the findings of checkParameters.
func parameterKinds() []Kind {
	kinds := []Kind{
		{"parameter-unknown", Warning, "Postfix does not know the parameter and passes over it"},
		{"parameter-unset", Note, "the default is right here, and another one in another release of Postfix"},
		{"parameter-unread", Warning, "Postfix passes over the text, or the last of two entries counts"},
		{"parameter-twice", Warning, "the parameter is set twice, and the last entry counts"},
		{"parameter-broken", Error, "the value cannot be expanded, or its braces do not match: Postfix stops with it"},
		{"name-undefined", Error, "a $name has no value: what needs it is empty"},
	}
	for _, r := range rules() {
		kinds = append(kinds, Kind{r.kind(), r.severity, r.effect})
	}
	return kinds
}

// checkParameters holds the settings to the rules.
func checkParameters(_ context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	seats := h.seats()
	for _, r := range rules() {
		for _, s := range seats {
			if s.role == r.role && (r.when == nil || r.when(s)) {
				r.check(h, s, f)
			}
		}
	}
	checkNames(h, f)
	checkReferences(h, f)
}

// check holds one setting to the rule.
func (r rule) check(h *Host, s seat, f *findings) {
	set := s.view.Get(r.name)
	if set.Err != nil {
		return // said elsewhere
	}
	value := strings.Join(strings.Fields(set.Value), " ")
	good := value == r.wanted
	if r.good != nil {
		good = r.good(value)
	}
	fix := s.set(r.name, r.wanted)
	if r.name == "cleanup_service_name" && h.Postfix.Service(r.wanted, "unix") == nil {
		fix = "take over the service " + r.wanted + " of the shipped master.cf, then " + fix
	}
	switch {
	case !good && set.Default:
		f.add(r.kind(), s.at(h, r.name), fix, "%s is not set in %s: %s", r.name, s.owner(r.name), r.effect)
	case !good:
		f.add(r.kind(), s.at(h, r.name), fix, "%s = %.100s: %s", r.name, value, r.effect)
	case r.explicit && set.Default:
		f.add("parameter-unset", s.at(h, r.name), fix, "%s is not set in %s, and its default differs between releases or hosts; where it is another, %s", r.name, s.owner(r.name), r.effect)
	}
}
