package doctor

import (
	"context"
	"net"
	"path"
	"slices"
	"strings"
)

// installKinds are the findings of checkInstall.
func installKinds() []Kind {
	return []Kind{
		{"state-unwritable", Error, "the daemon's user cannot write state_dir or control: a restart without the database answers nothing, or commands do not reach the daemon"},
		{"state-readable", Warning, "every program on this host can read the copies of the tables, or put its own socket in the place of the daemon's"},
		{"unit-twice", Error, "postern.service and the unit of one of its daemons are both enabled: each start of one stops the other"},
		{"unit-shadowed", Warning, "a unit in /etc/systemd/system stands before the packaged one: what an upgrade changes does not count"},
		{"metrics-open", Warning, "everybody in the network can read the metrics: how much mail there is, which checks refuse, which servers are used"},
		{"metrics-ask", Error, "everybody in the network can ask the status page: which addresses exist, and who may send as whom"},
	}
}

const (
	localUnits    = "/etc/systemd/system/"
	packagedUnits = "/usr/lib/systemd/system/"
	allInOne      = "postern.service"
)

// checkInstall looks at folders, units and the metrics listener of postern.
func checkInstall(_ context.Context, h *Host, f *findings) {
	h.checkUnits(f)
	if h.Config == nil {
		return
	}
	h.checkFolder(h.Config.StateDir, "state_dir", 0o007, f)
	if dir := h.Config.StateDir; dir != "" { // root's, where somebody has started the daemon as root once
		h.checkFolder(path.Join(dir, "tables"), "state_dir", 0, f)
		h.checkFolder(path.Join(dir, "policy"), "state_dir", 0, f)
	}
	h.checkFolder(h.Config.Control, "control", 0o002, f)
	h.checkMetrics(f)
}

// checkFolder wants a folder for the daemon and for nobody else. One that is not
// there is made by the unit. Where there is no unit the user is not known.
func (h *Host) checkFolder(folder, name string, closed uint32, f *findings) {
	info, err := h.Files.Stat(folder)
	if folder == "" || err != nil {
		return
	}
	mode := uint32(info.Mode.Perm())
	if user := h.daemonUser(); user != "" && user != "root" && !mayWrite(info, user) {
		f.add("state-unwritable", h.setting(name), "chown -R "+user+": "+folder+" && chmod 700 "+folder, "%s %s has mode %04o, owner %s:%s: user %s of %s cannot write it", name, folder, mode, info.Owner, info.Group, user, allInOne)
	}
	if mode&closed != 0 {
		f.add("state-readable", h.setting(name), "chmod o-rwx "+folder, "%s %s has mode %04o: every program on this host can %s it", name, folder, mode, map[bool]string{true: "write", false: "read"}[mode&0o002 != 0])
	}
}

// mayWrite takes a group of the user's name for the only one.
func mayWrite(i FileInfo, user string) bool {
	mode := i.Mode.Perm()
	switch {
	case i.Owner == user:
		return mode&0o300 == 0o300
	case i.Group == user:
		return mode&0o030 == 0o030
	}
	return mode&0o003 == 0o003
}

// daemonUser is User= of the unit that counts; "" where there is none.
func (h *Host) daemonUser() string {
	for _, folder := range []string{localUnits, packagedUnits} {
		if text, err := h.Files.Read(folder + allInOne); err == nil {
			return settings(string(text))["User"]
		}
	}
	return ""
}

// checkUnits looks what systemd would start. Links and files look the same here.
func (h *Host) checkUnits(f *findings) {
	exists := func(path string) bool {
		info, err := h.Files.Stat(path)
		return err == nil && info.Mode.IsRegular() // a masked unit is a device
	}
	enabled := func(unit string) bool { return exists(localUnits + "multi-user.target.wants/" + unit) }
	var alone []string
	for _, daemon := range []string{"socketmap", "tcptable", "policyd", "srsd"} {
		alone = append(alone, "postern-"+daemon+".service")
	}
	for _, unit := range slices.Concat([]string{allInOne}, alone) {
		if exists(localUnits+unit) && exists(packagedUnits+unit) {
			f.add("unit-shadowed", localUnits+unit, "move what differs to "+localUnits+unit+".d/local.conf (systemctl edit "+unit+"), remove the file, systemctl daemon-reload", "%s stands before %s: what the package changes there does not count", localUnits+unit, packagedUnits+unit)
		}
		if unit != allInOne && enabled(allInOne) && enabled(unit) {
			f.add("unit-twice", localUnits+"multi-user.target.wants/"+unit, "systemctl disable --now "+unit+" (all in one), or systemctl disable --now "+allInOne+" (each alone)", "%s and %s are both enabled, and each stops the other: after a restart of the host some listeners are missing", allInOne, unit)
		}
	}
}

// checkMetrics looks who can open the metrics listener. Sockets of the file
// system and of units have doors of their own.
func (h *Host) checkMetrics(f *findings) {
	m := h.Config.Metrics
	hostPort, inet := strings.CutPrefix(m.Listen.At, "inet:")
	host, _, err := net.SplitHostPort(hostPort)
	if !inet || err != nil || isLoopback(host) || h.asksPassword(m.WebConfig) {
		return
	}
	at, fix := h.setting("metrics.listen"), "listen: inet:127.0.0.1:9725, or web_config with basic_auth_users and tls_server_config"
	if m.Ask {
		f.add("metrics-ask", h.setting("metrics.ask"), fix, "%s takes questions from the network without a password: whoever reaches it learns which addresses exist", m.Listen.At)
	}
	f.add("metrics-open", at, fix, "%s is open to the network without a password", m.Listen.At)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// asksPassword reports a web configuration file with passwords or certificates
// of clients. One that cannot be read is taken for one.
func (h *Host) asksPassword(file string) bool {
	if file == "" {
		return false
	}
	text, err := h.Files.Read(path.Clean(file))
	return err != nil || strings.Contains(string(text), "basic_auth_users:") || strings.Contains(string(text), "client_auth_type:")
}
