package postconf

import (
	"path"
	"strings"
)

// View is how one service, or a program such as postmap(1), sees the
// parameters.
type View struct {
	config  *Config
	service *Service
}

// View is the view of a service; of main.cf alone if s is nil.
func (c *Config) View(s *Service) View {
	return View{c, s}
}

// Service is the service whose view this is, or nil.
func (v View) Service() *Service {
	return v.service
}

// Setting is the value of a parameter in a View.
type Setting struct {
	Name    string
	Raw     string // as it is written
	Value   string // with all $names expanded; Raw if Err is set
	Place   Place  // of the entry; zero for a default
	Default bool   // set neither in main.cf nor with -o
	Known   bool   // it has a value or a default at all
	Err     error  // why Value cannot be expanded: Postfix does not run with it

	value traced
}

// At is where the byte of Value at offset is written: in the entry itself
// or in that of a $name in it. Text of a default has the Place of the entry
// that refers to it, or none.
func (s Setting) At(offset int) Place {
	if place := s.value.at(offset); place != (Place{}) {
		return place
	}
	return s.Place
}

// Get is the setting of name: of -o in master.cf, else of main.cf, else the
// default.
func (v View) Get(name string) Setting {
	raw, place, found := v.raw(name)
	s := Setting{Name: name, Place: place, Known: found, Raw: raw.text}
	if !found {
		raw, s.Known = v.fallback(name)
		s.Default, s.Raw = true, raw.text
	}
	if verbatim(name) {
		s.value, s.Value = raw, raw.text
		return s
	}
	s.value, s.Err = v.expand(raw)
	if s.Err != nil {
		s.value = raw
		s.Err = &Fault{place, name + ": " + s.Err.Error()}
	}
	s.Value = s.value.text
	return s
}

// Value is the expanded value of name, "" if it is unknown.
func (v View) Value(name string) string {
	return v.Get(name).Value
}

// Expand expands the $names of a text.
func (v View) Expand(text string) (string, error) {
	expanded, err := v.expand(traced{text: text})
	return expanded.text, err
}

// List is the value of name, split at commas and white space outside braces.
func (v View) List(name string) []Word {
	return v.Get(name).Words()
}

// Entry is what -o of master.cf, else main.cf, says of name.
func (v View) Entry(name string) (Entry, bool) {
	if v.service != nil {
		if entry, exists := v.service.Override(name); exists {
			return entry, true
		}
	}
	return v.config.Entry(name)
}

// raw is what is written for name.
func (v View) raw(name string) (traced, Place, bool) {
	if v.service != nil {
		if value, fixed := v.service.fixed(name); fixed {
			return traced{text: value}, Place{}, true
		}
	}
	entry, exists := v.Entry(name)
	return entry.text, entry.Place, exists
}

// fallback is the default of name. Names such as smtp_destination_rate_delay
// of a service in master.cf have that of default_destination_rate_delay.
func (v View) fallback(name string) (traced, bool) {
	if value, known := v.config.defaults.Get(name); known {
		return traced{text: value}, true
	}
	for _, suffix := range serviceParameters() {
		if service, ok := strings.CutSuffix(name, suffix); ok && v.config.delivers(service) {
			return traced{text: "$default" + suffix}, true
		}
	}
	return traced{}, false
}

// serviceParameters are the ends of the parameters that each delivery
// transport has, with a default_ name in main.cf. (postconf(5), transport_*)
func serviceParameters() []string {
	return []string{"_destination_concurrency_limit", "_destination_concurrency_positive_feedback",
		"_destination_concurrency_negative_feedback", "_destination_concurrency_failed_cohort_limit",
		"_destination_recipient_limit", "_destination_rate_delay", "_initial_destination_concurrency",
		"_delivery_slot_cost", "_delivery_slot_loan", "_delivery_slot_discount", "_minimum_delivery_slots",
		"_recipient_limit", "_extra_recipient_limit", "_recipient_refill_limit", "_recipient_refill_delay",
		"_transport_rate_delay"}
}

func (c *Config) delivers(name string) bool {
	for _, s := range c.Master {
		if s.Name == name && s.Type == "unix" {
			return true
		}
	}
	return false
}

// fixed are the parameters that a daemon sets by itself.
func (s *Service) fixed(name string) (string, bool) {
	switch name {
	case "process_name":
		return path.Base(s.Command), true
	case "service_name":
		return s.Name, true
	}
	return "", false
}

// verbatim tells the parameters that daemons expand by themselves, each with
// names of its own, so that $names in them are left alone here.
func verbatim(name string) bool {
	switch name {
	case "default_rbl_reply", "command_execution_directory", "forward_path", "luser_relay", "mailbox_command",
		"postscreen_expansion_filter", "postscreen_reject_footer", "smtpd_expansion_filter", "smtpd_reject_footer":
		return true
	}
	return false
}
