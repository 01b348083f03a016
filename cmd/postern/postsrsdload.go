package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postern/internal/daemon"
	"postern/internal/supervise"
	"postern/internal/watch"
	"postern/srsd"
	"postern/srsd/postsrsd"
)

// postsrsdFile is a configuration file of PostSRSd, of either generation.
type postsrsdFile struct {
	conf      string // 2.x
	defaults  string // 1.x, if conf is empty; empty as well: the environment alone
	overrides postsrsd.Overrides
	metrics   string // where our own metrics are; "off": nowhere
}

// postsrsdConfig is one reading of the file.
type postsrsdConfig struct {
	settings  postsrsdSettings
	endpoints []namedEndpoint
	confine   supervise.Confinement
	pidFile   string
	daemonize bool
	watch     string // domains-file to be watched; empty: none
}

// namedEndpoint is an endpoint and what it is for: forward, reverse, socketmap
// or milter.
type namedEndpoint struct {
	use string
	at  []postsrsd.Endpoint // one of several may fail
}

// read reads the configuration, its domains and its secrets.
func (f postsrsdFile) read(ctx context.Context, log *slog.Logger) (*postsrsdConfig, error) {
	if f.conf != "" {
		return f.readConf(log)
	}
	return f.readDefaults(ctx, log)
}

// readConf reads a postsrsd.conf of 2.x.
func (f postsrsdFile) readConf(log *slog.Logger) (*postsrsdConfig, error) {
	c, err := postsrsd.ReadConf(f.conf)
	if err != nil {
		return nil, badConfig(err)
	}
	c.Override(f.overrides)
	if err := c.CheckUser(); err != nil {
		return nil, badConfig(err)
	}
	warn(log, c.Warnings)
	secrets, err := readPostSRSdSecrets(c.SecretsFile, log)
	if err != nil {
		return nil, badConfig(fmt.Errorf("%s: %w", c.Where("secrets-file"), err))
	}
	chroot, err := chrootDir(c, log)
	if err != nil {
		return nil, badConfig(err)
	}
	r := &postsrsdConfig{
		settings: postsrsdSettings{
			Generation: 2, Domain: c.SRSDomain, Secrets: secrets, Separator: c.Separator,
			HashLength: c.HashLength, HashMinimum: c.HashMinimum, Always: c.AlwaysRewrite,
			Domains: c.Local.Names(), Database: location(c.EnvelopeDatabase),
			Wait: waitOf(c.KeepAlive), Connections: c.ConnectionLimit,
			MilterRewriteLocal: c.MilterRewriteLocal, MilterRecipients: c.MilterRecipientLimit,
			Syslog: c.Syslog, Debug: c.Debug,
		},
		confine:   supervise.Confinement{User: c.UnprivilegedUser, Chroot: chroot},
		pidFile:   c.PIDFile,
		daemonize: c.Daemonize,
	}
	if c.DomainsFileWatch {
		r.watch = c.DomainsFile
	}
	for use, at := range map[string]postsrsd.Endpoint{"socketmap": c.Socketmap, "milter": c.Milter} {
		if !at.IsZero() {
			r.endpoints = append(r.endpoints, namedEndpoint{use, at.Listeners()})
		}
	}
	if len(r.endpoints) == 0 {
		return nil, badConfig(fmt.Errorf("%s: nothing to serve: socketmap and milter are both off", f.conf))
	}
	return r, nil
}

// chrootDir is the folder that becomes the root. PostSRSd's default depends on
// how it was built, so where ours is not there, the default was none.
func chrootDir(c *postsrsd.Conf, log *slog.Logger) (string, error) {
	if c.ChrootDir == "" {
		return "", nil
	}
	_, err := os.Stat(c.ChrootDir)
	switch {
	case err == nil:
		return c.ChrootDir, nil
	case c.Given("chroot-dir"):
		return "", fmt.Errorf("%s: chroot-dir: %w: make the folder, or write chroot-dir = \"\" for none", c.Where("chroot-dir"), err)
	}
	log.Warn("the worker has no chroot: chroot-dir is not set, and its default cannot be used", "error", err)
	return "", nil
}

// readDefaults reads /etc/default/postsrsd of 1.x.
func (f postsrsdFile) readDefaults(ctx context.Context, log *slog.Logger) (*postsrsdConfig, error) {
	d, err := postsrsd.ReadDefaults(f.defaults, os.Environ(), func() (string, error) { return mydomain(ctx) })
	if err != nil {
		return nil, badConfig(err)
	}
	if err := d.CheckUser(); err != nil {
		return nil, badConfig(err)
	}
	warn(log, d.Warnings)
	secrets, err := readPostSRSdSecrets(d.SecretFile, log)
	if err != nil {
		return nil, badConfig(fmt.Errorf("%s: %w", d.Where("SRS_SECRET"), err))
	}
	const longest = 27 // characters of base64 in a hash: 1.x cannot write more
	return &postsrsdConfig{
		settings: postsrsdSettings{
			Generation: 1, Domain: d.Domain, Secrets: secrets, Separator: d.Separator,
			HashLength: min(d.HashLength, longest), HashMinimum: min(d.HashMinimum, longest), Always: d.AlwaysRewrite,
			Domains: d.ExcludeDomains, Wait: waitOf(d.Timeout), Syslog: true,
		},
		endpoints: []namedEndpoint{{"forward", d.Forward()}, {"reverse", d.Reverse()}},
		confine:   supervise.Confinement{User: d.RunAs, Chroot: d.Chroot},
		pidFile:   d.PIDFile,
		daemonize: d.Daemonize,
	}, nil
}

// mydomain asks postconf(1), as the launcher of Debian's package does.
func mydomain(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "postconf", "-x", "-h", "mydomain").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return string(out), err
}

// readPostSRSdSecrets reads the secrets. A file that others can read is a
// warning: PostSRSd takes it.
func readPostSRSdSecrets(path string, log *slog.Logger) ([][]byte, error) {
	secrets, err := srsd.ReadSecrets(path)
	if errors.Is(err, srsd.ErrOpenToOthers) {
		log.Warn("a secret that all can read is none: whoever knows it can send mail to anybody through this host", "error", err)
		err = nil
	}
	var texts [][]byte
	for _, s := range secrets {
		texts = append(texts, s.Text)
	}
	return texts, err
}

func warn(log *slog.Logger, warnings []string) {
	for _, text := range warnings {
		log.Warn(text)
	}
}

// waitOf is how long a request is awaited; PostSRSd's zero and less are for
// ever.
func waitOf(d time.Duration) time.Duration {
	if d <= 0 {
		return 365 * 24 * time.Hour
	}
	return d
}

// location is a database as package envelope names it.
func location(d postsrsd.Database) string {
	if d.Kind == "" {
		return ""
	}
	return d.Kind + ":" + d.Address
}

// postsrsdLoader loads for a supervise.Parent.
type postsrsdLoader struct {
	file    postsrsdFile
	sockets *daemon.Sockets
	log     *slog.Logger
	files   *watch.Files // domains-file, if it is watched
	watched string
}

// load reads everything and opens what is not open yet.
func (l *postsrsdLoader) load(ctx context.Context, held []supervise.Listener) (supervise.Load, error) {
	c, err := l.read(ctx)
	if err != nil {
		return supervise.Load{}, err
	}
	o := listenerSet{sockets: l.sockets, held: held, log: l.log}
	for _, e := range c.endpoints {
		o.add(e)
	}
	if at := l.file.metrics; at != "off" {
		o.addMetrics(at)
	}
	if err := errors.Join(o.errs...); err != nil {
		o.closeNew()
		return supervise.Load{}, err
	}
	return supervise.Load{Settings: c.settings, Listeners: o.all, Confinement: c.confine}, nil
}

// read reads everything, and has the domains-file watched. One that was not
// watched before is read again, since it may have changed in between.
func (l *postsrsdLoader) read(ctx context.Context) (*postsrsdConfig, error) {
	c, err := l.file.read(ctx, l.log)
	if err != nil || c.watch == l.watched {
		return c, err
	}
	var paths []string
	if c.watch != "" {
		paths = []string{c.watch}
	}
	l.files.Set(paths)
	l.watched = c.watch
	return l.file.read(ctx, l.log)
}

// listenerSet collects the listeners of a load.
type listenerSet struct {
	sockets *daemon.Sockets
	held    []supervise.Listener
	log     *slog.Logger
	all     []supervise.Listener
	opened  []net.Listener
	errs    []error
}

// add opens the sockets of an endpoint; one of several may fail, unless somebody
// else answers there.
func (o *listenerSet) add(e namedEndpoint) {
	var errs []error
	good := 0
	for _, at := range e.at {
		spec, err := listenSpec(at)
		if err == nil {
			err = o.listen(e.use, spec)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		good++
	}
	err := errors.Join(errs...)
	if good == 0 || errors.Is(err, daemon.ErrTaken) {
		o.errs = append(o.errs, err)
	} else if err != nil {
		o.log.Warn("listening on a part of the addresses only", "listener", e.use, "error", err)
	}
}

// listen takes over the listener of that name or opens it.
func (o *listenerSet) listen(use string, spec daemon.ListenSpec) error {
	name := use + " " + spec.At
	for _, l := range o.held {
		if l.Name == name {
			o.all = append(o.all, l)
			return nil
		}
	}
	// PostSRSd shares its ports as we do: one that still runs would go on
	// answering half of the requests. At a reload it may be ourselves.
	spec.Alone = len(o.held) == 0 && strings.HasPrefix(spec.At, "inet:")
	ln, err := o.sockets.Listen(spec)
	if path, ok := strings.CutPrefix(spec.At, "unix:"); ok && err == nil {
		ln, err = lockListener(ln, path, o.log)
	}
	if err != nil {
		return err
	}
	o.opened = append(o.opened, ln)
	o.all = append(o.all, supervise.Listener{Name: name, Listener: ln})
	return nil
}

// addMetrics opens the HTTP listener that PostSRSd has not. It is done without
// if it cannot be had.
func (o *listenerSet) addMetrics(at string) {
	if err := o.listen("metrics", daemon.ListenSpec{At: at}); err != nil {
		o.log.Warn("no metrics: --metrics names another place, or off", "error", err)
	}
}

func (o *listenerSet) closeNew() {
	for _, ln := range o.opened {
		ln.Close()
	}
}

// listenSpec spells an endpoint as package daemon does. PostSRSd makes its unix
// sockets for everybody.
func listenSpec(e postsrsd.Endpoint) (daemon.ListenSpec, error) {
	if e.Network == "unix" {
		path, err := filepath.Abs(e.Address)
		return daemon.ListenSpec{At: "unix:" + path, Owner: strconv.Itoa(os.Geteuid()), Group: strconv.Itoa(os.Getegid()), Mode: 0o666}, err
	}
	host, service, err := net.SplitHostPort(e.Address)
	if err != nil {
		return daemon.ListenSpec{}, err
	}
	port, err := net.LookupPort(e.Network, service)
	if err != nil {
		return daemon.ListenSpec{}, err
	}
	return daemon.ListenSpec{At: "inet:" + net.JoinHostPort(cmp.Or(host, everywhere(e.Network)), strconv.Itoa(port))}, nil
}

// everywhere is every address of a family.
func everywhere(network string) string {
	if network == "tcp4" {
		return "0.0.0.0"
	}
	return "::"
}
