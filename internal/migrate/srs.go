package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"postern/internal/postconf"
	"postern/srsd"
	"postern/srsd/postsrsd"
)

// Where Debian keeps PostSRSd's settings.
const (
	defaultsFile = "/etc/default/postsrsd"
	confFile     = "/etc/postsrsd.conf"
)

// srsSettings are those of PostSRSd that postern has, too.
type srsSettings struct {
	file        string
	domain      string
	secrets     []byte // content of the secrets file
	forward     string // listener, tcp_table
	reverse     string
	socketmap   string
	separator   byte
	hashLength  int
	hashMinimum int
	local       []string
	warnings    []string
}

// readSRS reads PostSRSd's settings if main.cf asks it, or a file was named.
func (s *Source) readSRS() error {
	tcp, socketmap := s.srsGeneration()
	o := s.options
	var err error
	switch {
	case o.PostSRSd != "" && o.Defaults != "":
		return errors.New("PostSRSd 1.x or 2.x: name one of postsrsd.conf and /etc/default/postsrsd")
	case o.PostSRSd != "" || o.Defaults == "" && socketmap:
		s.srs, err = readConf(firstOf(o.PostSRSd, confFile))
	case o.Defaults != "" || tcp:
		s.srs, err = readDefaults(firstOf(o.Defaults, defaultsFile), s.postfix.Value("mydomain"))
	}
	if err != nil {
		return fmt.Errorf("PostSRSd: %w", err)
	}
	s.keepSRSReferences()
	return nil
}

// srsGeneration tells by what protocol main.cf asks PostSRSd.
func (s *Source) srsGeneration() (tcp, socketmap bool) {
	for _, ref := range s.srsRefs {
		_, name := ref.table.Socketmap()
		tcp = tcp || ref.table.Type == "tcp"
		socketmap = socketmap || name == "forward" || name == "reverse"
	}
	return tcp, socketmap
}

// keepSRSReferences drops the tables that are not PostSRSd's.
func (s *Source) keepSRSReferences() {
	var ours []*reference
	for _, ref := range s.srsRefs {
		if s.srs != nil && s.srs.mapOf(ref.table) != "" {
			ours = append(ours, ref)
		}
	}
	s.srsRefs = ours
}

// listeners are those of PostSRSd that postern takes over, so that Postfix may
// go on asking there. A unix socket is left to PostSRSd: its folder belongs to
// root, and postern runs without privileges.
func (c *srsSettings) listeners() []struct{ name, at string } {
	var all []struct{ name, at string }
	for _, l := range []struct{ name, at string }{{"forward", c.forward}, {"reverse", c.reverse}, {"socketmap", c.socketmap}} {
		if strings.HasPrefix(l.at, "inet:") {
			all = append(all, l)
		}
	}
	return all
}

// mapOf is the map of postern that does what a table of PostSRSd does.
func (c *srsSettings) mapOf(t postconf.Table) string {
	if _, name := t.Socketmap(); c.socketmap != "" {
		switch name {
		case "forward":
			return srsd.MapForward
		case "reverse":
			return srsd.MapReverse
		}
	}
	if t.Type != "tcp" {
		return ""
	}
	switch "inet:" + portOf(t.Name) {
	case "inet:" + portOf(c.forward):
		return srsd.MapForward
	case "inet:" + portOf(c.reverse):
		return srsd.MapReverse
	}
	return ""
}

func portOf(address string) string {
	return address[strings.LastIndexByte(address, ':')+1:]
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// readDefaults reads the settings of PostSRSd 1.x.
func readDefaults(path, mydomain string) (*srsSettings, error) {
	d, err := postsrsd.ReadDefaults(path, nil, func() (string, error) { return mydomain, nil })
	if err != nil {
		return nil, err
	}
	c := &srsSettings{file: path, domain: d.Domain, separator: d.Separator, hashLength: d.HashLength,
		hashMinimum: d.HashMinimum, local: d.ExcludeDomains, warnings: d.Warnings}
	host := d.ListenAddr
	if host == "" || host == "*" || host == "localhost" {
		host = "127.0.0.1"
	}
	c.forward = "inet:" + net.JoinHostPort(host, strconv.Itoa(d.ForwardPort))
	c.reverse = "inet:" + net.JoinHostPort(host, strconv.Itoa(d.ReversePort))
	return c, c.readSecrets(d.SecretFile)
}

// readConf reads the settings of PostSRSd 2.x.
func readConf(path string) (*srsSettings, error) {
	f, err := postsrsd.ReadConf(path)
	if err != nil {
		return nil, err
	}
	c := &srsSettings{file: path, domain: f.SRSDomain, separator: f.Separator, hashLength: f.HashLength,
		hashMinimum: f.HashMinimum, warnings: f.Warnings}
	for _, name := range f.Local.Names() {
		if name != f.SRSDomain {
			c.local = append(c.local, name)
		}
	}
	if !f.Socketmap.IsZero() {
		c.socketmap = f.Socketmap.String()
	}
	if f.OriginalEnvelope == "database" {
		c.warnings = append(c.warnings, f.Where("original-envelope")+": senders kept in PostSRSd's database are not taken over: bounces to them (SRS0=…=1=…) are refused from the switch on")
	}
	return c, c.readSecrets(f.SecretsFile)
}

func (c *srsSettings) readSecrets(path string) error {
	if _, err := srsd.ReadSecrets(path); err != nil && !errors.Is(err, srsd.ErrOpenToOthers) {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c.secrets = bytes.TrimRight(text, "\x00")
	return nil
}
