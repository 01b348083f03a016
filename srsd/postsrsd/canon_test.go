package postsrsd

import (
	"fmt"
	"slices"
	"strings"
)

// canonical writes a Conf as a postsrsd.conf that says the same.
func canonical(c *Conf) string {
	var b strings.Builder
	quoted := func(option, text string) { fmt.Fprintf(&b, "%s = %s\n", option, quoteConf(text)) }
	optional := func(option, text string) {
		if text != "" {
			quoted(option, text)
		}
	}
	domains := make([]string, len(c.Domains))
	for i, d := range c.Domains {
		domains[i] = quoteConf(d)
	}
	fmt.Fprintf(&b, "domains = { %s }\n", strings.Join(domains, ", "))
	optional("domains-file", c.DomainsFile)
	fmt.Fprintf(&b, "domains-file-watch = %v\n", c.DomainsFileWatch)
	optional("srs-domain", c.SRSDomain)
	quoted("socketmap", writtenEndpoint(c.Socketmap))
	quoted("milter", writtenEndpoint(c.Milter))
	fmt.Fprintf(&b, "keep-alive = %d\n", int(c.KeepAlive.Seconds()))
	fmt.Fprintf(&b, "connection-limit = %d\n", c.ConnectionLimit)
	quoted("secrets-file", c.SecretsFile)
	fmt.Fprintf(&b, "milter-rewrite-local = %v\n", c.MilterRewriteLocal)
	fmt.Fprintf(&b, "milter-recipient-limit = %d\n", c.MilterRecipientLimit)
	fmt.Fprintf(&b, "original-envelope = %s\n", c.OriginalEnvelope)
	optional("envelope-database", writtenDatabase(c.EnvelopeDatabase))
	quoted("separator", string(rune(c.Separator)))
	fmt.Fprintf(&b, "hash-length = %d\n", c.HashLength)
	fmt.Fprintf(&b, "hash-minimum = %d\n", c.HashMinimum)
	fmt.Fprintf(&b, "always-rewrite = %v\n", c.AlwaysRewrite)
	quoted("unprivileged-user", c.UnprivilegedUser)
	quoted("chroot-dir", c.ChrootDir)
	quoted("pid-file", c.PIDFile)
	fmt.Fprintf(&b, "daemonize = %v\n", c.Daemonize)
	fmt.Fprintf(&b, "syslog = %v\n", c.Syslog)
	fmt.Fprintf(&b, "debug = %v\n", c.Debug)
	fmt.Fprintf(&b, "seccomp = %v\n", c.Seccomp)
	return b.String()
}

// quoteConf makes a '…' string, which has the fewest surprises.
func quoteConf(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func writtenEndpoint(e Endpoint) string {
	switch e.Network {
	case "":
		return ""
	case "unix":
		return "unix:" + e.Address
	}
	address := e.Address
	if strings.HasPrefix(address, ":") {
		address = "*" + address
	}
	return "inet" + strings.TrimPrefix(e.Network, "tcp") + ":" + address
}

func writtenDatabase(d Database) string {
	if d.Kind == "" {
		return ""
	}
	return d.Kind + ":" + d.Address
}

// notes are what a file cannot say: the set of local domains and the warnings.
func notes(local *Domains, warnings []string) string {
	names := make([]string, 0, local.Len())
	for name := range local.names {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "# set: %s\n", strings.Join(names, " "))
	for _, w := range warnings {
		fmt.Fprintf(&b, "# warning: %s\n", w)
	}
	return b.String()
}

// canonicalDefaults writes Defaults as a file that says the same.
func canonicalDefaults(d *Defaults) string {
	var b strings.Builder
	quoted := func(name, text string) {
		fmt.Fprintf(&b, "%s='%s'\n", name, strings.ReplaceAll(text, "'", `'\''`))
	}
	quoted("SRS_DOMAIN", d.Domain)
	quoted("SRS_SECRET", d.SecretFile)
	quoted("SRS_SEPARATOR", string(rune(d.Separator)))
	quoted("SRS_HASHLENGTH", fmt.Sprint(d.HashLength))
	quoted("SRS_HASHMIN", fmt.Sprint(d.HashMinimum))
	quoted("SRS_EXCLUDE_DOMAINS", strings.Join(d.ExcludeDomains, " "))
	quoted("SRS_LISTEN_ADDR", d.ListenAddr)
	quoted("SRS_FORWARD_PORT", fmt.Sprint(d.ForwardPort))
	quoted("SRS_REVERSE_PORT", fmt.Sprint(d.ReversePort))
	quoted("SRS_TIMEOUT", fmt.Sprint(int(d.Timeout.Seconds())))
	quoted("SRS_PID_FILE", d.PIDFile)
	quoted("RUN_AS", d.RunAs)
	quoted("CHROOT", d.Chroot)
	options := ""
	if d.AlwaysRewrite {
		options += " -A"
	}
	if d.Daemonize {
		options += " -D"
	}
	if d.Network != "tcp" {
		options += " -" + strings.TrimPrefix(d.Network, "tcp")
	}
	quoted("SRS_EXTRA_OPTIONS", options)
	return b.String()
}
