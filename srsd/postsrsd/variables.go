package postsrsd

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// launcher are the values that the Debian package sets before it reads the
// file. RUN_AS and CHROOT apply with a file only: PostSRSd 1.x with nothing
// but its environment (-e) stays who and where it is.
var launcher = map[string]string{
	"SRS_SECRET":       "/etc/postsrsd.secret",
	"SRS_SEPARATOR":    "=",
	"SRS_HASHLENGTH":   "4",
	"SRS_HASHMIN":      "4",
	"SRS_FORWARD_PORT": "10001",
	"SRS_REVERSE_PORT": "10002",
	"SRS_LISTEN_ADDR":  "127.0.0.1",
	"SRS_TIMEOUT":      "1800",
}

// ParseDefaults reads the text of /etc/default/postsrsd without touching any
// file; name is the path that errors give. See [ReadDefaults].
func ParseDefaults(name string, text []byte, environ []string, mydomain func() (string, error)) (*Defaults, error) {
	d := &Defaults{Path: name, Network: "tcp", vars: environment(environ)}
	if len(text) > maxDefaults {
		return nil, &Error{File: name, Err: errors.New("is too large: that is no configuration file")}
	}
	s := &shell{file: name, text: strings.ReplaceAll(string(text), "\r\n", "\n"), line: 1, vars: d.vars, warn: d.warn}
	if err := s.run(); err != nil {
		return nil, err
	}
	if err := d.settle(); err != nil {
		return nil, err
	}
	return d, d.settleDomain(mydomain)
}

func (d *Defaults) warn(at place, format string, args ...any) {
	d.Warnings = append(d.Warnings, at.String()+": "+fmt.Sprintf(format, args...))
}

// value is a variable, or what the launcher sets in its place.
func (d *Defaults) value(name string) string {
	if v, ok := d.vars[name]; ok {
		return v.text
	}
	if d.Path != "" {
		switch name {
		case "RUN_AS":
			return "postsrsd"
		case "CHROOT":
			return "/var/lib/postsrsd"
		}
	}
	return launcher[name]
}

func (d *Defaults) settle() error {
	d.SecretFile = d.value("SRS_SECRET")
	d.HashLength = d.number("SRS_HASHLENGTH", 4)
	d.HashMinimum = d.number("SRS_HASHMIN", 4)
	d.ListenAddr = d.value("SRS_LISTEN_ADDR")
	d.ForwardPort, d.ReversePort = d.value("SRS_FORWARD_PORT"), d.value("SRS_REVERSE_PORT")
	d.setTimeout(d.at("SRS_TIMEOUT"), d.value("SRS_TIMEOUT"))
	d.PIDFile = d.value("SRS_PID_FILE")
	d.RunAs, d.Chroot = d.value("RUN_AS"), d.value("CHROOT")
	d.exclude(d.value("SRS_EXCLUDE_DOMAINS"))
	if err := d.extraOptions(); err != nil {
		return err
	}
	d.Exclude = NewDomains(d.ExcludeDomains...)
	return d.check()
}

// exclude adds domains; commas, semicolons and white space part them.
func (d *Defaults) exclude(list string) {
	d.ExcludeDomains = append(d.ExcludeDomains, strings.FieldsFunc(list, func(r rune) bool {
		return strings.ContainsRune(",; \t\r\n", r)
	})...)
}

// number reads as atoi(3) does; PostSRSd 1.10 takes 0 for "not set".
func (d *Defaults) number(name string, unset int) int {
	text := d.value(name)
	n, whole := atoi(text)
	if !whole {
		d.warn(d.at(name), "%s is no number: %s is read as %d", shown(text), name, n)
	}
	if n == 0 {
		return unset
	}
	return n
}

func (d *Defaults) setTimeout(at place, text string) {
	n, whole := atoi(text)
	if !whole {
		d.warn(at, "%s is no number of seconds: it is read as %d", shown(text), n)
	}
	d.Timeout = time.Duration(n) * time.Second
}

// atoi reads a number at the beginning of a text, 0 if there is none, bounded
// by the int of C; whole is false if something follows or nothing is there.
func atoi(s string) (n int, whole bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	digits, negative := strings.CutPrefix(s, "-")
	if !negative {
		digits = strings.TrimPrefix(s, "+")
	}
	end := 0
	for end < len(digits) && '0' <= digits[end] && digits[end] <= '9' {
		n = min(n*10+int(digits[end]-'0'), math.MaxInt32)
		end++
	}
	if negative {
		n = -n
	}
	return n, end > 0 && end == len(digits)
}

// check refuses what PostSRSd 1.10 refuses at its start.
func (d *Defaults) check() error {
	separator := d.value("SRS_SEPARATOR")
	if separator == "" || !strings.Contains("=+-", separator[:1]) {
		return d.at("SRS_SEPARATOR").errorf("%s is no separator: write SRS_SEPARATOR==, or + or - behind the first =", shown(separator))
	}
	d.Separator = separator[0]
	if d.SecretFile == "" {
		return d.at("SRS_SECRET").errorf("SRS_SECRET is empty: name the file that holds the secret")
	}
	for _, name := range []string{"SRS_FORWARD_PORT", "SRS_REVERSE_PORT"} {
		if err := checkPort(d.value(name)); err != nil {
			return d.at(name).errorf("%s: %w", name, err)
		}
	}
	return nil
}

// settleDomain finds the SRS domain, by asking Postfix if the file is silent.
func (d *Defaults) settleDomain(mydomain func() (string, error)) error {
	d.Domain = d.value("SRS_DOMAIN")
	if d.Domain == "" {
		return d.askDomain(mydomain)
	}
	at := d.at("SRS_DOMAIN")
	if strings.Contains(d.Domain, "$") {
		return at.errorf("SRS_DOMAIN is %s, which nothing expands: write the name itself, or leave SRS_DOMAIN out to take mydomain of Postfix", shown(d.Domain))
	}
	if strings.ContainsFunc(d.Domain, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("@<>\"", r) }) {
		return at.errorf("SRS_DOMAIN is %s, which is no domain: write a name such as example.org", shown(d.Domain))
	}
	if !strings.Contains(d.Domain, ".") {
		d.warn(at, "SRS_DOMAIN %s has no dot: other hosts cannot send their bounces there", shown(d.Domain))
	}
	return nil
}

func (d *Defaults) askDomain(mydomain func() (string, error)) error {
	answer, err := mydomain()
	answer = strings.TrimSpace(answer)
	switch {
	case err != nil:
		return d.at("SRS_DOMAIN").errorf("SRS_DOMAIN is not set, and `postconf -h mydomain` fails: %w: set SRS_DOMAIN", err)
	case answer == "":
		return d.at("SRS_DOMAIN").errorf("SRS_DOMAIN is not set, and `postconf -h mydomain` is empty: set SRS_DOMAIN to the domain that rewritten senders carry")
	case !strings.Contains(answer, "."):
		return d.at("SRS_DOMAIN").errorf("SRS_DOMAIN is not set, and `postconf -h mydomain` says %s, which has no dot: set SRS_DOMAIN to the domain that rewritten senders carry", shown(answer))
	}
	d.Domain = answer
	return nil
}
