package postsrsd

import (
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"time"
)

// The variables that mean something, and the values that the launcher of the
// Debian package gives them before it reads the file.
var launcher = map[string]string{
	"SRS_DOMAIN":          "",
	"SRS_SECRET":          "/etc/postsrsd.secret",
	"SRS_SEPARATOR":       "=",
	"SRS_HASHLENGTH":      "4",
	"SRS_HASHMIN":         "4",
	"SRS_EXCLUDE_DOMAINS": "",
	"SRS_LISTEN_ADDR":     "127.0.0.1",
	"SRS_FORWARD_PORT":    "10001",
	"SRS_REVERSE_PORT":    "10002",
	"SRS_TIMEOUT":         "1800",
	"SRS_PID_FILE":        "",
	"SRS_EXTRA_OPTIONS":   "",
	"RUN_AS":              "postsrsd",
	"CHROOT":              "/var/lib/postsrsd",
}

// environment makes variables of NAME=VALUE; of two with a name the last
// counts.
func environment(environ []string) map[string]value {
	vars := make(map[string]value)
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			vars[name] = value{text, place{file: "environment"}}
		}
	}
	return vars
}

// get is a variable, or what the launcher has set. Without a file there is no
// launcher: PostSRSd then listens on loopback and stays who and where it is.
func (d *Defaults) get(name string) string {
	if v, ok := d.vars[name]; ok {
		return v.text
	}
	if d.Path == "" && slices.Contains([]string{"SRS_LISTEN_ADDR", "RUN_AS", "CHROOT"}, name) {
		return ""
	}
	return launcher[name]
}

// settle checks the variables as PostSRSd 1.10 does at its start.
func (d *Defaults) settle() (err error) {
	d.SecretFile = d.get("SRS_SECRET")
	if d.SecretFile == "" {
		return d.at("SRS_SECRET").errorf("SRS_SECRET is empty: name the file that holds the secret")
	}
	separator := d.get("SRS_SEPARATOR")
	if separator == "" || !strings.Contains("=+-", separator[:1]) {
		return d.at("SRS_SEPARATOR").errorf("SRS_SEPARATOR is %s: write =, + or -, as in SRS_SEPARATOR==", shown(separator))
	}
	d.Separator = separator[0]
	d.HashLength, d.HashMinimum = d.hash("SRS_HASHLENGTH"), d.hash("SRS_HASHMIN")
	if d.ForwardPort, err = d.port("SRS_FORWARD_PORT"); err != nil {
		return err
	}
	if d.ReversePort, err = d.port("SRS_REVERSE_PORT"); err != nil {
		return err
	}
	d.settleProcess()
	d.exclude(d.get("SRS_EXCLUDE_DOMAINS"))
	if err := d.extraOptions(); err != nil {
		return err
	}
	if err := d.checkListenAddr(); err != nil {
		return err
	}
	d.Exclude = new(Domains)
	for _, name := range d.ExcludeDomains {
		d.Exclude.Add(name)
	}
	return nil
}

func (d *Defaults) settleProcess() {
	d.setTimeout("SRS_TIMEOUT", d.get("SRS_TIMEOUT"))
	d.PIDFile = d.get("SRS_PID_FILE")
	d.RunAs, d.Chroot = d.get("RUN_AS"), d.get("CHROOT")
	if d.RunAs == "" && d.Path != "" {
		d.warn("RUN_AS", "RUN_AS is empty: the daemon keeps the user that starts it")
	}
}

// exclude adds the domains of a list; commas, semicolons and white space part
// them.
func (d *Defaults) exclude(list string) {
	d.ExcludeDomains = append(d.ExcludeDomains, strings.FieldsFunc(list, func(r rune) bool {
		return strings.ContainsRune(",; \t\r\n", r)
	})...)
}

// hash is a length of hashes. PostSRSd 1.10 takes 0 for its default.
func (d *Defaults) hash(name string) int {
	n, whole := atoi(d.get(name))
	if n == 0 {
		n = 4
	}
	if !whole {
		d.warn(name, "%s is no number: %s is %d", shown(d.get(name)), name, n)
	}
	return n
}

func (d *Defaults) setTimeout(name, text string) {
	n, whole := atoi(text)
	if !whole {
		d.warn(name, "%s is no number of seconds: the timeout is %d", shown(text), n)
	}
	if n == 0 {
		d.warn(name, "a timeout of 0 closes every connection that does not ask at once")
	}
	d.Timeout = time.Duration(n) * time.Second
}

// atoi reads the number at the beginning of a text as atoi(3) does, 0 if there
// is none, kept within the int of C. It is whole if nothing else is there.
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

func (d *Defaults) port(name string) (int, error) {
	n, err := parsePort(strings.TrimSpace(d.get(name)))
	if err != nil {
		return 0, d.at(name).errorf("%s: %w", name, err)
	}
	return n, nil
}

func (d *Defaults) checkListenAddr() error {
	d.ListenAddr = d.get("SRS_LISTEN_ADDR")
	ip := net.ParseIP(d.ListenAddr)
	if ip == nil && strings.ContainsAny(d.ListenAddr, ":[] \t\n") {
		return d.at("SRS_LISTEN_ADDR").errorf("SRS_LISTEN_ADDR is %s: write an address without port and brackets", shown(d.ListenAddr))
	}
	if v4 := ip.To4() != nil; ip != nil && (v4 && d.Network == "tcp6" || !v4 && d.Network == "tcp4") {
		return d.at(extras).errorf("%s: %s is no address for -%s: leave that option out", extras, d.ListenAddr, d.Network[3:])
	}
	return nil
}

// settleDomain finds the SRS domain, by asking Postfix if nothing names one.
func (d *Defaults) settleDomain(mydomain func() (string, error)) error {
	d.Domain = d.get("SRS_DOMAIN")
	if d.Domain == "" {
		return d.askDomain(mydomain)
	}
	if strings.Contains(d.Domain, "$") {
		return d.at("SRS_DOMAIN").errorf(
			"SRS_DOMAIN is %s, which nothing expands: write the name itself, or leave SRS_DOMAIN out to take mydomain of Postfix", shown(d.Domain))
	}
	if !isHost(d.Domain) {
		return d.at("SRS_DOMAIN").errorf("SRS_DOMAIN is %s: write one domain, such as example.org", shown(d.Domain))
	}
	if !strings.Contains(d.Domain, ".") {
		d.warn("SRS_DOMAIN", "SRS_DOMAIN %s has no dot: other hosts cannot send their bounces there", shown(d.Domain))
	}
	return nil
}

// isHost reports whether a text can stand behind the @ of an address.
func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("@<>()[]\",:;\\", r)
	})
}

func (d *Defaults) askDomain(mydomain func() (string, error)) error {
	const hint = "set SRS_DOMAIN to the domain that rewritten senders carry"
	at := d.at("SRS_DOMAIN")
	answer, err := mydomain()
	answer = strings.TrimSpace(answer)
	switch {
	case err != nil:
		return at.errorf("SRS_DOMAIN is empty, and Postfix was asked for mydomain: %w: %s", err, hint)
	case answer == "":
		return at.errorf("SRS_DOMAIN is empty, and so is mydomain of Postfix: %s", hint)
	case !isHost(answer) || !strings.Contains(answer, "."):
		return at.errorf("SRS_DOMAIN is empty, and mydomain of Postfix is %s, a name that other hosts cannot look up: %s", shown(answer), hint)
	}
	d.Domain = answer
	return nil
}

// noticeUnknown warns of variables in the file that look like ours and mean
// nothing.
func (d *Defaults) noticeUnknown() {
	for _, name := range slices.Sorted(maps.Keys(d.vars)) {
		if _, known := launcher[name]; !known && strings.HasPrefix(name, "SRS_") && d.vars[name].line != 0 {
			d.warn(name, "PostSRSd has no variable %s", shown(name))
		}
	}
}
