package doctor

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"postern/internal/lookup"
	"postern/internal/postconf"
)

// names looks at how domains and handles are called.
func (r *rowCheck) names() {
	domains, reserved := &sample{}, &sample{}
	likeDomain := r.likeDomain()
	for _, handle := range sortedKeys(r.handles) {
		if likeDomain(handle) {
			domains.note(handle)
		}
		if r.isReserved(handle) {
			reserved.note(handle)
		}
	}
	r.report("handle-named-domain", "table alias_handle", domains, "postern handle remove HANDLE", "handles are named like domains; an access table of a .cf file that is asked for the bare domain says OK to everybody there")
	r.report("handle-reserved", "table alias_handle", reserved, "list those that shall work in reserved_handles_allow of postern.yaml, remove the others", "handles have reserved names and do not match")
	r.twins()
}

// likeDomain tells the handles that an access table could be asked for as the
// domain of a recipient, or as a parent of it. (access(5)) Those of one label,
// such as "info", are everyday handles: they matter only where a table is asked
// in that way.
func (r *rowCheck) likeDomain() func(handle string) bool {
	parents := map[string]bool{}
	for name := range r.domains {
		parents[name[strings.LastIndexByte(name, '.')+1:]] = true
	}
	asked := r.host.asksBareDomains()
	return func(handle string) bool {
		if _, is := r.domains[handle]; is || strings.ContainsAny(handle, ".@") {
			return true
		}
		_, known := publicsuffix.PublicSuffix(handle)
		return asked && (known || parents[handle])
	}
}

// asksBareDomains reports an access table for recipients that is neither a
// built-in map nor a file: its query is asked for domains, too.
func (h *Host) asksBareDomains() bool {
	if h.Postfix == nil {
		return false
	}
	return slices.ContainsFunc(h.Postfix.Lookups(), func(l postconf.Lookup) bool {
		if l.Restriction != "check_recipient_access" {
			return false
		}
		_, name := l.Table.Socketmap()
		return l.Table.Is("mysql") || h.asksQuery(name)
	})
}

// asksQuery reports a map of postern.yaml that is a .cf file, or has one.
func (h *Host) asksQuery(name string) bool {
	m := h.Config.Maps[name]
	return m.CF != "" || slices.ContainsFunc(m.Of, h.asksQuery)
}

// twins lists hosted domains that other servers write in another way.
func (r *rowCheck) twins() {
	twins := &sample{}
	for _, name := range sortedKeys(r.domains) {
		if ascii, err := idna.Lookup.ToASCII(name); err == nil && ascii != name && r.domains[name] && !r.domains[ascii] {
			twins.note(name + " (" + ascii + ")")
		}
	}
	r.report("domain-not-ascii", "table domain", twins, "postern domain add for the xn-- name: most servers write that one", "other servers write the xn-- spelling of these domains, which is not hosted: their mail is refused")
}

// isReserved reports a handle that reserved_handles switches off.
func (r *rowCheck) isReserved(handle string) bool {
	c := r.host.Config
	fold := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return lookup.Fold(s) == handle })
	}
	return fold(c.ReservedHandles) && !fold(c.HandlesAllowed)
}
