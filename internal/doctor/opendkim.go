package doctor

import (
	"bufio"
	"bytes"
	"slices"
	"strconv"
	"strings"

	"postern/internal/lookup"
	"postern/internal/postconf"
)

// OpenDKIM is opendkim.conf(5): names are folded, the last of several lines
// counts.
type OpenDKIM struct {
	values map[string]string
	lines  map[string]int
}

// ParseOpenDKIM reads the text of opendkim.conf.
func ParseOpenDKIM(text []byte) *OpenDKIM {
	o := &OpenDKIM{values: map[string]string{}, lines: map[string]int{}}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; scanner.Scan(); n++ {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name := lookup.Fold(words[0])
		o.values[name], o.lines[name] = strings.Join(words[1:], " "), n
	}
	return o
}

// opendkimRule is a setting of opendkim.conf.
type opendkimRule struct {
	name, wanted string
	good         func(string) bool // nil: exactly wanted, in any case
	severity     Severity
	effect       string
}

// opendkimRules are in the order of the shipped file.
func opendkimRules() []opendkimRule {
	return []opendkimRule{
		{"Socket", "inet:8891@127.0.0.1", notEmpty, Error, "OpenDKIM does not start, and submission is deferred"},
		{"UserID", "opendkim", notEmpty, Warning, "OpenDKIM runs as root, or as whoever starts it, and may not read the keys"},
		{"PidFile", "/run/opendkim/opendkim.pid", notEmpty, Note, "systemd's unit waits for the process and ends it after its time limit"},
		{"Syslog", "yes", yes, Note, "why a message was not signed is told nowhere"},
		{"SyslogSuccess", "yes", yes, Note, "the log does not tell which key signed a message"},
		{"Mode", "s", signsOnly, Note, "mail without a signature is verified and gets a header that says so"},
		{"SenderMacro", "{mail_addr}", nil, Error, "OpenDKIM signs by header From: any login gets mail signed for every domain of this host"},
		{"Canonicalization", "relaxed/simple", begins("relaxed/"), Warning, "a relay that folds a header line breaks the signature"},
		{"OversignHeaders", "From", lists("From"), Note, "a second From can be added to signed mail"},
		{"KeyTable", "file:/etc/opendkim/KeyTable", notEmpty, Error, "nothing is signed"},
		{"SigningTable", "refile:/etc/opendkim/SigningTable", begins("refile:"), Error, "nothing is signed: patterns such as *@example.org need refile:"},
		{"InternalHosts", "refile:/etc/opendkim/TrustedHosts", notEmpty, Note, "mail from ::1 is not signed without a login"},
	}
}

func yes(v string) bool {
	return slices.Contains([]string{"yes", "true", "1"}, lookup.Fold(v))
}

// signsOnly is a mode that signs and does not verify.
func signsOnly(v string) bool { return lookup.Fold(v) == "s" }

// checkOpenDKIM holds opendkim.conf to the rules, where a milter signs.
func (h *Host) checkOpenDKIM(f *findings) {
	if h.OpenDKIM == nil {
		if h.OpenDKIMErr != nil {
			f.add("opendkim-unread", h.OpenDKIMFile, "name the file with --opendkim, and run postern check as root", "it was not looked at: %v", reason(h.OpenDKIMErr))
		}
		return
	}
	for _, r := range opendkimRules() {
		if strings.HasSuffix(r.name, "Table") && h.OpenDKIM.values["keyfile"] != "" {
			continue // one domain, with Domain, KeyFile and Selector
		}
		value, set := h.OpenDKIM.values[lookup.Fold(r.name)]
		good := strings.EqualFold(value, r.wanted)
		if r.good != nil {
			good = r.good(value)
		}
		switch at := place(h.OpenDKIMFile, h.OpenDKIM.lines[lookup.Fold(r.name)]); {
		case good && set:
		case !set:
			f.add("opendkim/"+r.name, at, r.name+" "+r.wanted, "%s is not set: %s", r.name, r.effect)
		default:
			f.add("opendkim/"+r.name, at, r.name+" "+r.wanted, "%s is %.100s: %s", r.name, value, r.effect)
		}
	}
	h.checkOpenDKIMSocket(f)
}

// checkOpenDKIMSocket compares where OpenDKIM listens and who asks there.
func (h *Host) checkOpenDKIMSocket(f *findings) {
	listens := h.OpenDKIM.values["socket"]
	port, host, inet := strings.Cut(strings.TrimPrefix(listens, "inet:"), "@")
	if !strings.HasPrefix(listens, "inet:") || !inet && port == "" {
		return // a unix socket is tried like any other
	}
	if _, err := strconv.Atoi(port); err != nil {
		return
	}
	for _, s := range h.in(submission) {
		words := s.view.List("smtpd_milters")
		asked := slices.ContainsFunc(words, func(w postconf.Word) bool {
			e := postconf.ParseEndpoint(w.Text)
			return !e.Unix && e.Port == port && sameHost(host, e.Host)
		})
		if len(words) > 0 && signers(h, s) > 0 && !asked {
			f.add("opendkim-socket", place(h.OpenDKIMFile, h.OpenDKIM.lines["socket"]), "Socket and smtpd_milters have to name the same port", "Socket is %s, and smtpd_milters of %s asks elsewhere (%s)", listens, s.where(), s.value("smtpd_milters"))
		}
	}
}
