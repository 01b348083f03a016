package doctor

import (
	"slices"
	"strings"

	"postern/internal/postconf"
)

// role is what a service of master.cf is for.
type role string

const (
	inMain      role = "main.cf"    // no service: what main.cf alone says
	inbound     role = "port 25"    // mail from outside
	submission  role = "submission" // mail of those who log in
	bouncing    role = "bounces"    // bounce(8), as bounce and defer
	rewriting   role = "cleanup"    // cleanup(8) of mail from outside
	ofSubmitted role = "cleanup of submission"
	ofBounces   role = "cleanup of bounces"
	delivering  role = "smtp" // smtp(8)
	screening   role = "postscreen"
)

// seat is one service in its role; the service is nil for main.cf.
type seat struct {
	role    role
	service *postconf.Service
	view    postconf.View
}

// shared reports a service that lives by main.cf: one of its own -o is an
// exception.
func (s seat) shared() bool {
	return s.role == inbound || s.role == screening || s.role == delivering
}

// owner names who sets a parameter: the service, or main.cf.
func (s seat) owner(name string) string {
	if _, overridden := s.override(name); !overridden && s.shared() {
		return string(inMain)
	}
	return s.where()
}

// where names the seat in a text.
func (s seat) where() string {
	if s.service == nil {
		return "main.cf"
	}
	return s.service.Name
}

// at is where a setting of the seat stands, or where it would have to.
func (s seat) at(h *Host, name string) string {
	if entry, overridden := s.override(name); overridden {
		return entry.Place.String()
	}
	if s.service != nil && !s.shared() {
		return s.service.Place.String()
	}
	if place := s.view.Get(name).Place; place.File != "" {
		return place.String()
	}
	return h.Postfix.MainFile
}

// set is the command that gives the setting a value.
func (s seat) set(name, value string) string {
	if _, overridden := s.override(name); s.service != nil && (overridden || !s.shared()) {
		return setOption(s.service.ID(), name, value)
	}
	return "postconf -e '" + strings.TrimRight(name+" = "+value, " ") + "'"
}

// setOption is the line that sets an -o. postconf -P takes no blanks: a list
// gets commas in their place, and other texts go into the file by hand.
func setOption(service, name, value string) string {
	switch {
	case !strings.ContainsAny(value, " \t"):
	case strings.ContainsAny(value, "{:"):
		return "write -o { " + name + " = " + value + " } below " + service + " in master.cf"
	default:
		value = strings.Join(strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }), ",")
	}
	return "postconf -P '" + service + "/" + name + "=" + value + "'"
}

func (s seat) override(name string) (postconf.Entry, bool) {
	if s.service == nil {
		return postconf.Entry{}, false
	}
	return s.service.Override(name)
}

// value is the value of a parameter without blanks around it.
func (s seat) value(name string) string { return strings.TrimSpace(s.view.Value(name)) }

// seats are the services that have a part in the mail of this host, and main.cf.
func (h *Host) seats() []seat {
	if h.Postfix == nil {
		return nil
	}
	seats := []seat{{role: inMain, view: h.Postfix.View(nil)}}
	for _, s := range h.Postfix.Master {
		if r := roleOf(s); r != "" {
			seats = append(seats, seat{role: r, service: s, view: h.Postfix.View(s)})
		}
	}
	return markCleanups(seats)
}

// in is the seats of a role.
func (h *Host) in(r role) []seat {
	return slices.DeleteFunc(h.seats(), func(s seat) bool { return s.role != r })
}

// roleOf tells by command and port.
func roleOf(s *postconf.Service) role {
	switch s.Daemon() {
	case "smtpd":
		return doorOf(s)
	case "postscreen":
		return screening
	case "bounce":
		if s.Name != "trace" {
			return bouncing
		}
	case "cleanup":
		return rewriting
	case "smtp":
		if s.Type == "unix" {
			return delivering
		}
	}
	return ""
}

// doorOf tells port 25 from submission. Other smtpd services, such as those
// behind a content filter, have no role.
func doorOf(s *postconf.Service) role {
	port := s.Name[strings.LastIndexByte(s.Name, ':')+1:]
	switch {
	case s.Type == "pass" || port == "smtp" || port == "25":
		return inbound
	case slices.Contains([]string{"submission", "submissions", "smtps", "587", "465"}, port):
		return submission
	}
	return ""
}

// markCleanups tells the cleanup services apart by who names them.
func markCleanups(seats []seat) []seat {
	users := map[string]role{}
	for _, s := range seats {
		switch name := s.value("cleanup_service_name"); s.role {
		case submission:
			users[name] = ofSubmitted
		case bouncing:
			if users[name] == "" {
				users[name] = ofBounces
			}
		}
	}
	for _, s := range seats { // what port 25 uses is of forwarded mail, whoever else uses it
		if s.role == inbound || s.role == inMain {
			users[s.value("cleanup_service_name")] = rewriting
		}
	}
	for i, s := range seats {
		if s.role == rewriting && users[s.service.Name] != "" {
			seats[i].role = users[s.service.Name]
		}
	}
	return seats
}

// list names a restriction list, and the parameter that it is taken from where
// master.cf says -o LIST=$NAME.
func (s seat) list(name string) string {
	if from, ok := strings.CutPrefix(s.view.Get(name).Raw, "$"); ok && strings.Trim(from, "abcdefghijklmnopqrstuvwxyz_0123456789") == "" {
		return name + " ($" + from + ") of " + s.where()
	}
	return name + " of " + s.where()
}
