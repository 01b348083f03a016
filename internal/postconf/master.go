package postconf

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Service is one logical line of master.cf.
type Service struct {
	Name string // "smtp", "127.0.0.1:587"
	Type string // inet, unix, unix-dgram, fifo, pass
	// Fields are the eight fields as written: name, type, private, unpriv,
	// chroot, wakeup, maxproc, command.
	Fields    [8]string
	Chroot    bool // the field with "-" resolved
	Command   string
	Args      []string // what follows the command, -o included, braces taken off
	Overrides []Entry  // the -o name=value, in order
	Place     Place
}

// Daemon is the base name of the command: smtpd, cleanup, …
func (s *Service) Daemon() string {
	return path.Base(s.Command)
}

// ID is NAME/TYPE, as postconf -M and -P name a service.
func (s *Service) ID() string {
	return s.Name + "/" + s.Type
}

// Override is the last -o for name.
func (s *Service) Override(name string) (Entry, bool) {
	for _, entry := range slices.Backward(s.Overrides) {
		if entry.Name == name {
			return entry, true
		}
	}
	return Entry{}, false
}

// Service is the service NAME/TYPE of master.cf, or nil.
func (c *Config) Service(name, kind string) *Service {
	for _, s := range c.Master {
		if s.Name == name && s.Type == kind {
			return s
		}
	}
	return nil
}

func (c *Config) parseMaster(lines []traced) error {
	for _, line := range lines {
		s, err := parseService(line)
		if err != nil {
			return err
		}
		if old := c.Service(s.Name, s.Type); old != nil {
			c.Warnings = append(c.Warnings, &Fault{s.Place, fmt.Sprintf("%s: the service stands in line %d already", s.ID(), old.Place.Line)})
		}
		c.Master = append(c.Master, s)
	}
	level, err := compatLevel(c.Value("compatibility_level"))
	chrooted := err == nil && level < compatLevel1 // what "-" means
	for _, s := range c.Master {
		s.Chroot = s.Fields[4] == "y" || s.Fields[4] == "-" && chrooted
	}
	return nil
}

// parseService reads one logical line.
func parseService(line traced) (*Service, error) {
	words := splitWords(line, blanks)
	if len(words) < 8 {
		return nil, &Fault{line.at(0), fmt.Sprintf("%d fields, right would be eight: service type private unpriv chroot wakeup maxproc command", len(words))}
	}
	s := &Service{Name: words[0].Text, Type: words[1].Text, Command: words[7].Text, Place: line.at(0)}
	for i := range s.Fields {
		s.Fields[i] = words[i].Text
	}
	if err := s.checkFields(); err != nil {
		return nil, err
	}
	return s, s.parseArgs(words[8:])
}

// checkFields refuses what master(8) refuses.
func (s *Service) checkFields() error {
	if !slices.Contains([]string{"inet", "unix", "unix-dgram", "fifo", "pass"}, s.Type) {
		return &Fault{s.Place, fmt.Sprintf("type %.40q, right would be inet, unix, unix-dgram, fifo or pass", s.Type)}
	}
	for i, name := range []string{"private", "unpriv", "chroot"} {
		if value := s.Fields[2+i]; value != "y" && value != "n" && value != "-" {
			return &Fault{s.Place, fmt.Sprintf("%s %.40q, right would be y, n or -", name, value)}
		}
	}
	wakeup := strings.TrimSuffix(s.Fields[5], "?")
	if !digits(wakeup) && wakeup != "-" {
		return &Fault{s.Place, fmt.Sprintf("wakeup %.40q, right would be seconds or -", s.Fields[5])}
	}
	if !digits(s.Fields[6]) && s.Fields[6] != "-" {
		return &Fault{s.Place, fmt.Sprintf("maxproc %.40q, right would be a number or -", s.Fields[6])}
	}
	return nil
}

// parseArgs reads what follows the command: options up to the first word
// that is none, then arguments, each perhaps in braces.
func (s *Service) parseArgs(words []Word) error {
	i := 0
	for ; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word.Text, "-") || word.Text == "--" {
			break
		}
		n := strings.IndexByte(word.Text[1:], 'o') + 1
		if n == 0 {
			s.Args = append(s.Args, word.Text)
			continue
		}
		if n > 1 {
			s.Args = append(s.Args, word.Text[:n])
		}
		s.Args = append(s.Args, "-o")
		value := word.slice(n+1, len(word.Text))
		if value.text == "" {
			if i++; i == len(words) {
				return nil
			}
			value = words[i].traced()
		}
		if err := s.addOverride(value); err != nil {
			return err
		}
	}
	for ; i < len(words); i++ {
		text, err := unbrace(words[i].traced())
		if err != nil {
			return &Fault{words[i].Place, err.Error()}
		}
		s.Args = append(s.Args, text.text)
	}
	return nil
}

// addOverride takes the argument of -o.
func (s *Service) addOverride(value traced) error {
	place := value.at(0)
	value, err := unbrace(value)
	if err != nil {
		return &Fault{place, "-o: " + err.Error()}
	}
	name, text, err := splitNameValue(value)
	if err != nil {
		return &Fault{place, "-o: " + err.Error()}
	}
	s.Args = append(s.Args, name+"="+text.text)
	s.Overrides = append(s.Overrides, Entry{Name: name, Raw: text.text, Place: place, text: text})
	return nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
