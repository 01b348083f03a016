package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/internal/config"
	"postern/internal/postconf"
	"postern/internal/store"
)

// The files that are read if nothing else is said.
const (
	DefaultPostfixDir = "/etc/postfix"
	DefaultOpenDKIM   = "/etc/opendkim.conf"
)

// Options say where to look.
type Options struct {
	ConfigFile string
	PostfixDir string // "": postfix.config_directory of the configuration, or DefaultPostfixDir
	OpenDKIM   string // "": DefaultOpenDKIM, where a milter signs
}

// Gather reads what the checks look at. It has no error: what cannot be read is
// a finding. Close ends the connections to the database.
func Gather(ctx context.Context, o Options) (h *Host, closeAll func()) {
	h = &Host{ConfigFile: o.ConfigFile, PostfixDir: o.PostfixDir, Files: Disk{}, Resolver: net.DefaultResolver, Now: time.Now}
	h.Config, h.ConfigErr = config.Load(o.ConfigFile)
	if h.PostfixDir == "" && h.Config != nil {
		h.PostfixDir = h.Config.Postfix.ConfigDirectory
	}
	named := h.PostfixDir != ""
	if !named {
		h.PostfixDir = DefaultPostfixDir
	}
	h.readPostfix(ctx, named)
	h.readOpenDKIM(o.OpenDKIM)
	h.resolver()
	return h, h.openDatabase()
}

// readPostfix reads main.cf and master.cf. A folder that nobody named need not
// exist: Postfix may be on another host.
func (h *Host) readPostfix(ctx context.Context, named bool) {
	if dir, err := filepath.Abs(h.PostfixDir); err == nil {
		h.PostfixDir = dir
	}
	defaults, err := postconf.Program{}.Defaults(ctx, h.PostfixDir)
	if err == nil {
		h.Version, _ = defaults.Get("mail_version")
		if types, err := (postconf.Program{}).Run(ctx, h.PostfixDir, "-m"); err == nil {
			h.TableTypes = strings.Fields(types)
		}
	} else {
		defaults = postconf.Builtin()
	}
	h.Postfix, h.PostfixErr = postconf.Open(h.PostfixDir, defaults)
	if h.PostfixErr != nil {
		h.Postfix = nil
		h.PostfixAbsent = !named && isMissing(h.PostfixErr)
		return
	}
	h.Asker = Process{Queue: h.Postfix.Value("queue_directory"), User: h.Postfix.Value("mail_owner")}
}

// readOpenDKIM reads opendkim.conf if it was named, or if somebody asks
// OpenDKIM.
func (h *Host) readOpenDKIM(path string) {
	named := path != ""
	if !named {
		path = DefaultOpenDKIM
		if h.Postfix == nil || !h.signs() {
			return
		}
	}
	h.OpenDKIMFile = path
	text, err := h.Files.Read(path)
	if err != nil {
		h.OpenDKIMErr = err
		return
	}
	h.OpenDKIM = ParseOpenDKIM(text)
}

// signs reports a submission service with a milter that is not ours.
func (h *Host) signs() bool {
	for _, s := range h.in(submission) {
		if signers(h, s) > 0 {
			return true
		}
	}
	return false
}

// resolver takes the DNS server that policyd asks.
func (h *Host) resolver() {
	if h.Config == nil || h.Config.Policyd == nil || h.Config.Policyd.Resolver == "" {
		return
	}
	server := h.Config.Policyd.Resolver
	h.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}

// openDatabase opens the database as a daemon would.
func (h *Host) openDatabase() (closeAll func()) {
	none := func() {}
	if h.Config == nil || h.Config.Database.Driver != "sqlite" && h.Config.Database.Name == "" {
		return none
	}
	d := h.Config.Database
	password, _, err := d.ReadPassword()
	if err != nil {
		h.DatabaseErr = err
		return none
	}
	if d.Driver == "sqlite" { // opening makes a file that is not there
		if _, err := os.Stat(d.Path); err != nil {
			h.DatabaseErr = err
			return none
		}
	}
	s, err := store.Open(store.Options{
		Driver: d.Driver, Hosts: d.Hosts, Name: d.Name, User: d.User, Password: password, Path: d.Path, MaxConnections: 2,
		ConnectTimeout: time.Duration(d.ConnectTimeout), StatementTimeout: time.Duration(d.StatementTimeout),
		TLS: store.TLS{Enabled: d.TLS.CA != "" || d.TLS.Cert != "" || d.TLS.Verify != nil, CAFile: d.TLS.CA, Cert: d.TLS.Cert, Key: d.TLS.Key, Verify: d.TLS.Verify},
	}, nil)
	if err != nil {
		h.DatabaseErr = err
		return none
	}
	h.Database = Tables{s}
	return func() { s.Close() }
}
