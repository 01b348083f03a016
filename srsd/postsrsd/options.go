package postsrsd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// option knows how the values of an option get into a Conf.
type option struct {
	list   bool
	assign func(c *Conf, values []value, appended bool) error
}

// options are those of PostSRSd 2.4, by name; names are case-sensitive.
var options = map[string]option{
	"domains":                {true, assignDomains},
	"domains-file":           text(func(c *Conf) *string { return &c.DomainsFile }),
	"domains-file-watch":     boolean(func(c *Conf) *bool { return &c.DomainsFileWatch }),
	"srs-domain":             one(assignSRSDomain),
	"socketmap":              text(func(c *Conf) *string { return &c.socketmap }),
	"milter":                 text(func(c *Conf) *string { return &c.milter }),
	"keep-alive":             one(assignKeepAlive),
	"connection-limit":       number(0, math.MaxInt32, func(c *Conf) *int { return &c.ConnectionLimit }),
	"secrets-file":           text(func(c *Conf) *string { return &c.SecretsFile }),
	"milter-rewrite-local":   boolean(func(c *Conf) *bool { return &c.MilterRewriteLocal }),
	"milter-recipient-limit": number(0, math.MaxInt32, func(c *Conf) *int { return &c.MilterRecipientLimit }),
	"original-envelope":      one(assignOriginalEnvelope),
	"envelope-database":      text(func(c *Conf) *string { return &c.database }),
	"separator":              one(assignSeparator),
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

// one is an option with a single value.
func one(assign func(c *Conf, v value) error) option {
	return option{assign: func(c *Conf, values []value, _ bool) error { return assign(c, values[0]) }}
}

func text(field func(*Conf) *string) option {
	return one(func(c *Conf, v value) error {
		*field(c) = v.text
		return nil
	})
}

func boolean(field func(*Conf) *bool) option {
	return one(func(c *Conf, v value) error {
		switch strings.ToLower(v.text) {
		case "true", "on", "yes":
			*field(c) = true
		case "false", "off", "no":
			*field(c) = false
		default:
			return v.errorf("%s is neither on nor off: write on, yes, true, off, no or false", shown(v.text))
		}
		return nil
	})
}

func number(least, most int, field func(*Conf) *int) option {
	return one(func(c *Conf, v value) error {
		n, err := integer(v.text, least, most)
		if err != nil {
			return v.errorf("%w", err)
		}
		*field(c) = n
		return nil
	})
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
		return 0, fmt.Errorf("%s is no number: write a whole one", shown(s))
	}
	if err != nil || n < int64(least) || n > int64(most) {
		return 0, fmt.Errorf("%s is out of range: write a number from %d to %d", shown(s), least, most)
	}
	return int(n), nil
}

func assignDomains(c *Conf, values []value, appended bool) error {
	if !appended {
		c.Domains, c.local = nil, nil
	}
	for _, v := range values {
		if err := CheckDomain(v.text); err != nil {
			return v.errorf("%w", err)
		}
		c.Domains, c.local = append(c.Domains, v.text), append(c.local, entry{v.text, v.place})
	}
	return nil
}

func assignSRSDomain(c *Conf, v value) error {
	if err := CheckDomain(v.text); err != nil {
		return v.errorf("%w", err)
	}
	c.SRSDomain = v.text
	return nil
}

func assignKeepAlive(c *Conf, v value) error {
	n, err := integer(v.text, 0, math.MaxInt32)
	if err != nil {
		return v.errorf("%w", err)
	}
	c.KeepAlive = time.Duration(n) * time.Second
	return nil
}

func assignOriginalEnvelope(c *Conf, v value) error {
	word := strings.ToLower(v.text)
	if word != "embedded" && word != "database" {
		return v.errorf("%s is no original-envelope: write embedded or database", shown(v.text))
	}
	c.OriginalEnvelope = word
	return nil
}

func assignSeparator(c *Conf, v value) error {
	if len(v.text) != 1 || !strings.Contains("=+-", v.text) {
		return v.errorf("%s is no separator: write one of \"=\", \"+\" and \"-\", in quotes", shown(v.text))
	}
	c.Separator = v.text[0]
	return nil
}
