package postsrsd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// option knows how a value gets into a Conf. A list takes several, one by one;
// reset forgets those of before.
type option struct {
	assign func(c *Conf, v value) error
	list   bool
	reset  func(c *Conf)
}

// options are those of PostSRSd 2.4, by name; names are case-sensitive.
var options = map[string]option{
	"domains":                {assign: addDomain, list: true, reset: forgetDomains},
	"domains-file":           text(func(c *Conf) *string { return &c.DomainsFile }),
	"domains-file-watch":     boolean(func(c *Conf) *bool { return &c.DomainsFileWatch }),
	"srs-domain":             {assign: assignSRSDomain},
	"socketmap":              text(func(c *Conf) *string { return &c.socketmap }),
	"milter":                 text(func(c *Conf) *string { return &c.milter }),
	"keep-alive":             {assign: assignKeepAlive},
	"connection-limit":       number(0, math.MaxInt32, func(c *Conf) *int { return &c.ConnectionLimit }),
	"secrets-file":           text(func(c *Conf) *string { return &c.SecretsFile }),
	"milter-rewrite-local":   boolean(func(c *Conf) *bool { return &c.MilterRewriteLocal }),
	"milter-recipient-limit": number(0, math.MaxInt32, func(c *Conf) *int { return &c.MilterRecipientLimit }),
	"original-envelope":      {assign: assignOriginalEnvelope},
	"envelope-database":      text(func(c *Conf) *string { return &c.database }),
	"separator":              {assign: assignSeparator},
	"hash-length":            number(1, 20, func(c *Conf) *int { return &c.HashLength }),
	"hash-minimum":           number(1, 20, func(c *Conf) *int { return &c.HashMinimum }),
	"always-rewrite":         boolean(func(c *Conf) *bool { return &c.AlwaysRewrite }),
	"unprivileged-user":      text(func(c *Conf) *string { return &c.UnprivilegedUser }),
	"chroot-dir":             text(func(c *Conf) *string { return &c.ChrootDir }),
	"pid-file":               text(func(c *Conf) *string { return &c.PIDFile }),
	"daemonize":              boolean(func(c *Conf) *bool { return &c.Daemonize }),
	"syslog":                 boolean(func(c *Conf) *bool { return &c.Syslog }),
	"debug":                  boolean(func(c *Conf) *bool { return &c.Debug }),
	"seccomp":                boolean(func(c *Conf) *bool { return &c.Seccomp }),
}

func text(field func(*Conf) *string) option {
	return option{assign: func(c *Conf, v value) error {
		*field(c) = v.text
		return nil
	}}
}

func boolean(field func(*Conf) *bool) option {
	return option{assign: func(c *Conf, v value) error {
		switch strings.ToLower(v.text) {
		case "true", "on", "yes":
			*field(c) = true
		case "false", "off", "no":
			*field(c) = false
		default:
			return fmt.Errorf("%s is neither on nor off: write on, yes, true, off, no or false", shown(v.text))
		}
		return nil
	}}
}

func number(least, most int, field func(*Conf) *int) option {
	return option{assign: func(c *Conf, v value) error {
		n, err := integer(v.text, least, most)
		if err == nil {
			*field(c) = n
		}
		return err
	}}
}

// integer reads a number as strtol(3) does in base 0: octal with a leading 0,
// hexadecimal with 0x; binary with 0b, as libconfuse does since 3.4.
func integer(s string, least, most int) (int, error) {
	if s == "" {
		s = "0"
	}
	trimmed := strings.TrimLeft(s, " \t\n\v\f\r")
	n, err := strconv.ParseInt(trimmed, 0, 64)
	if strings.Contains(trimmed, "_") || strings.HasPrefix(strings.TrimLeft(strings.ToLower(trimmed), "+-"), "0o") {
		err = strconv.ErrSyntax // spellings of Go alone
	}
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%s is no whole number: write digits alone", shown(s))
	}
	if err != nil || n < int64(least) || n > int64(most) {
		return 0, fmt.Errorf("%s is out of range: write a number from %d to %d", shown(s), least, most)
	}
	return int(n), nil
}

func forgetDomains(c *Conf) { c.Domains, c.local = nil, nil }

func addDomain(c *Conf, v value) error {
	if err := CheckDomain(v.text); err != nil {
		return err
	}
	c.Domains, c.local = append(c.Domains, v.text), append(c.local, entry{v.text, v.place})
	return nil
}

func assignSRSDomain(c *Conf, v value) error {
	if err := CheckDomain(v.text); err != nil {
		return err
	}
	c.SRSDomain = v.text
	return nil
}

func assignKeepAlive(c *Conf, v value) error {
	n, err := integer(v.text, 0, math.MaxInt32)
	if err == nil {
		c.KeepAlive = time.Duration(n) * time.Second
	}
	return err
}

func assignOriginalEnvelope(c *Conf, v value) error {
	word := strings.ToLower(v.text)
	if word != "embedded" && word != "database" {
		return fmt.Errorf("%s is no way to keep it: write embedded or database", shown(v.text))
	}
	c.OriginalEnvelope = word
	return nil
}

func assignSeparator(c *Conf, v value) error {
	if len(v.text) != 1 || !strings.Contains("=+-", v.text) {
		return fmt.Errorf("%s is none: write \"=\", \"+\" or \"-\", in quotes", shown(v.text))
	}
	c.Separator = v.text[0]
	return nil
}
