package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"postern/internal/postconf"
)

// ErrNoRight says that we may not look as a process of Postfix would.
var ErrNoRight = errors.New("postern check has to run as root to become a process of Postfix")

// socketKinds are the findings of checkSockets.
func socketKinds() []Kind {
	return []Kind{
		{"socket-dead", Error, "nobody answers at a socket that Postfix asks"},
		{"socket-closed", Error, "Postfix may not connect to a socket: wrong owner or mode, on it or on a folder above it"},
		{"socket-outside", Error, "a socket is outside the chroot of the service that asks it"},
		{"socket-open", Warning, "every program on this host may connect to a socket, and read and spend what is behind it"},
		{"socket-name", Warning, "a host is named and not numbered: the name has to be known inside the chroot"},
		{"socket-silent", Error, "who answers at a socket does not speak the protocol that Postfix expects there"},
		{"socket-unseen", Note, "a socket could not be tried as Postfix would"},
		{"map-trouble", Error, "a map answers with trouble: mail that asks it is deferred"},
		{"map-misses-domain", Error, "postern does not know a domain that is in table domain: its mail is refused"},
		{"policy-answers-ok", Error, "a policy service answers OK, which skips the rest of the list"},
	}
}

// socketDoor is a socket that a service of Postfix asks.
type socketDoor struct {
	seat     seat
	endpoint postconf.Endpoint
	at       string
	use      string // the parameter
	protocol string
	name     string // of the map
}

// checkSockets tries every socket of postern's trade as the service would.
func checkSockets(ctx context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	tried, shut := map[string]bool{}, map[string]bool{}
	for _, d := range h.socketDoors() {
		door := fmt.Sprint(d.endpoint.Text, " ", d.chrooted(), " ", d.protocol)
		if tried[door+" "+d.name] || shut[door] {
			continue
		}
		tried[door+" "+d.name] = true
		shut[door] = !d.look(h, f) || !d.try(ctx, h, f)
	}
}

func (d socketDoor) chrooted() bool { return d.seat.service != nil && d.seat.service.Chroot }

// socketDoors are the sockets of all services.
func (h *Host) socketDoors() []socketDoor {
	var doors []socketDoor
	for _, l := range h.Postfix.Lookups() {
		opener := l.Opener
		if opener == nil || l.Refused {
			continue
		}
		d := socketDoor{seat: seat{service: opener, view: h.Postfix.View(opener)}, at: h.placeOf(l), use: strings.TrimSpace(l.Parameter + " " + l.Restriction)}
		switch {
		case l.Table.Is("socketmap"):
			endpoint, name := l.Table.Socketmap()
			d.protocol, d.name, d.endpoint = "socketmap", name, postconf.ParseEndpoint(endpoint)
		case l.Table.Is("tcp"):
			d.protocol, d.endpoint = "tcp", postconf.ParseEndpoint("inet:"+l.Table.Name)
		default:
			continue
		}
		doors = append(doors, d)
	}
	for _, s := range h.seats() {
		if s.role == inbound || s.role == submission {
			doors = append(doors, smtpdDoors(s)...)
		}
	}
	return doors
}

// smtpdDoors are those of policy, milters and SASL.
func smtpdDoors(s seat) []socketDoor {
	var doors []socketDoor
	for _, list := range postconf.RestrictionLists() {
		for _, r := range flat(s, list) {
			if r.Policy != nil {
				doors = append(doors, socketDoor{s, r.Policy.Endpoint, orFile(r.Place, s.service.Place), list + " check_policy_service", "policy", ""})
			}
		}
	}
	for _, w := range s.view.List("smtpd_milters") {
		doors = append(doors, socketDoor{s, postconf.ParseEndpoint(milterAddress(w.Text)), orFile(w.Place, s.service.Place), "smtpd_milters", "milter", ""})
	}
	if set := s.view.Get("smtpd_sasl_path"); logsIn(s) && s.value("smtpd_sasl_type") == "dovecot" {
		doors = append(doors, socketDoor{s, postconf.ParseEndpoint(set.Value), orFile(set.Place, s.service.Place), "smtpd_sasl_path", "sasl", ""})
	}
	return doors
}

// milterAddress is the address of "{ address, name=value }".
func milterAddress(text string) string {
	words := postconf.SplitList(strings.Trim(text, "{} "))
	if !strings.HasPrefix(text, "{") || len(words) == 0 {
		return text
	}
	return words[0]
}

// look judges what can be seen without connecting. It reports whether there is
// a point in connecting.
func (d socketDoor) look(h *Host, f *findings) bool {
	if !d.endpoint.Unix {
		if d.chrooted() && d.endpoint.Host != "" && net.ParseIP(d.endpoint.Host) == nil {
			d.lookName(h, f)
		}
		return true
	}
	queue := strings.TrimSuffix(d.seat.view.Value("queue_directory"), "/")
	if rest, inside := strings.CutPrefix(d.endpoint.Path, queue+"/"); d.chrooted() && inside {
		f.add("socket-outside", d.at, "write unix:"+rest, "%s of %s: %s is looked for below %s, where the service is confined: it is not there", d.use, d.seat.where(), d.endpoint.Text, queue)
		return false
	}
	info, err := h.Files.Stat(d.seat.view.SocketPath(d.endpoint))
	if err == nil && info.Mode.Perm()&0o002 != 0 {
		path := d.seat.view.SocketPath(d.endpoint)
		f.add("socket-open", path, "listen: [{at: unix:"+path+", owner: postfix, group: postfix, mode: 0660}]", "%s has mode %04o: every program on this host may ask, and spend limits", path, info.Mode.Perm())
	}
	return true
}

// lookName wants names resolved inside the chroot.
func (d socketDoor) lookName(h *Host, f *findings) {
	queue := d.seat.view.Value("queue_directory")
	for _, file := range []string{"/etc/hosts", "/etc/resolv.conf"} {
		if _, err := h.Files.Stat(queue + file); err == nil {
			return
		}
	}
	f.add("socket-name", d.at, "write the address: 127.0.0.1", "%s of %s: %s names a host, and there is neither etc/hosts nor etc/resolv.conf in %s: the name is not found there", d.use, d.seat.where(), d.endpoint.Text, queue)
}

// try asks a question that changes nothing, and reports whether somebody
// answered.
func (d socketDoor) try(ctx context.Context, h *Host, f *findings) bool {
	if h.Asker == nil {
		return false
	}
	q := Question{Socket: d.address(), Chroot: d.chrooted(), Protocol: d.protocol, Map: d.name, Key: probeKey(d.name)}
	answer, err := h.Asker.Ask(ctx, q)
	path := d.endpoint.Text
	switch {
	case errors.Is(err, ErrNoRight):
		f.add("socket-unseen", "sockets", "run postern check as root", "no socket was tried: %v", err)
	case errors.Is(err, errSilent):
		f.add("socket-silent", d.at, "see what listens at "+path, "%s of %s: %s: %v", d.use, d.seat.where(), path, err)
	case noRight(err):
		f.add("socket-closed", d.at, "listen: [{at: unix:PATH, owner: postfix, group: postfix, mode: 0660}], and chmod a+x on the folders above it", "%s of %s: %s: user postfix may not connect (permission denied)", d.use, d.seat.where(), path)
	case isMissing(err) && d.endpoint.Unix && d.chrooted() && strings.HasPrefix(d.endpoint.Path, "/"):
		f.add("socket-outside", d.at, "listen below queue_directory, and write the path relative to it", "%s of %s: %s is looked for inside the chroot, and is not there", d.use, d.seat.where(), path)
	case err != nil:
		f.add("socket-dead", d.at, "start what listens there: systemctl start "+d.unit(), "%s of %s: %s: %v: %s", d.use, d.seat.where(), path, reason(err), d.consequence())
	default:
		d.judge(ctx, h, answer, f)
	}
	return err == nil
}

// address is the endpoint as Question wants it.
func (d socketDoor) address() string {
	if d.endpoint.Unix {
		return "unix:" + d.endpoint.Path
	}
	host := d.endpoint.Host
	if host == "" {
		host = "localhost"
	}
	return "inet:" + net.JoinHostPort(host, d.endpoint.Port)
}

// probeDomain is in no DNS and in no table (RFC 6761).
const probeDomain = "postern-check.invalid"

// probeKey is a key that no row has.
func probeKey(name string) string {
	if strings.HasSuffix(name, "domains") {
		return probeDomain
	}
	return "probe@" + probeDomain
}

func (d socketDoor) unit() string {
	switch d.protocol {
	case "sasl":
		return "dovecot"
	case "milter":
		return "opendkim, or postern for the From guard"
	}
	return "postern"
}

func (d socketDoor) consequence() string {
	switch d.protocol {
	case "policy":
		return "default_action is taken for every question"
	case "sasl":
		return "nobody can log in"
	case "milter":
		return "milter_default_action is taken for all mail"
	}
	return "mail that asks it is deferred"
}

// judge looks at an answer.
func (d socketDoor) judge(ctx context.Context, h *Host, answer string, f *findings) {
	word, rest, _ := strings.Cut(answer, " ")
	switch {
	case d.protocol == "policy" && (strings.HasPrefix(strings.ToUpper(answer), "ACTION=OK") || strings.HasPrefix(strings.ToUpper(answer), "ACTION=PERMIT")):
		f.add("policy-answers-ok", d.at, "have it answer DUNNO", "%s of %s: %s answers %s to an empty request: the rest of the list is skipped", d.use, d.seat.where(), d.endpoint.Text, answer)
	case d.protocol == "socketmap" && (word == "TEMP" || word == "TIMEOUT" || word == "PERM"), d.protocol == "tcp" && strings.HasPrefix(word, "4"):
		f.add("map-trouble", d.at, "postern query --explain "+d.name+" "+probeKey(d.name)+" tells why", "%s of %s: %s:%s answers %s %.200s: mail that asks it is deferred", d.use, d.seat.where(), d.endpoint.Text, d.name, word, rest)
	case d.protocol == "socketmap" && d.name == "virtual-domains":
		d.askDomain(ctx, h, f)
	}
}

// askDomain asks for a domain that the table has.
func (d socketDoor) askDomain(ctx context.Context, h *Host, f *findings) {
	if h.Database == nil {
		return
	}
	rows, err := h.Database.Select(ctx, "SELECT name FROM domain WHERE active = 1 ORDER BY id LIMIT 1")
	if err != nil || len(rows) == 0 {
		return
	}
	answer, err := h.Asker.Ask(ctx, Question{Socket: d.address(), Chroot: d.chrooted(), Protocol: d.protocol, Map: d.name, Key: rows[0][0]})
	if err == nil && strings.HasPrefix(answer, "NOTFOUND") {
		f.add("map-misses-domain", d.at, "look at database: in postern.yaml, and restart postern", "%s: virtual-domains does not know %q, which is in table domain: postern holds another database, or an old copy", d.use, rows[0][0])
	}
}
