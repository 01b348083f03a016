package doctor

import (
	"context"
	"slices"
	"strings"

	"postern/internal/postconf"
)

// serviceKinds are the findings of checkServices.
func serviceKinds() []Kind {
	return []Kind{
		{"service-missing", Error, "master.cf lacks a service without which mail stands still"},
		{"service-absent", Note, "master.cf lacks a service that is needed at times"},
		{"service-changed", Warning, "a service differs from how Postfix ships it in a way that can stop or repeat mail"},
		{"service-chroot", Note, "a service runs outside the chroot, or in it, other than Debian ships it"},
		{"service-twice", Error, "the same service stands twice"},
		{"service-none", Warning, "nobody listens on port 25"},
		{"service-submission", Note, "there is no submission service"},
		{"cleanup-missing", Error, "a service names a cleanup service that does not exist: its mail is not taken"},
	}
}

// stock is a service as Debian ships it; "-" in maxproc is not compared.
type stock struct {
	name, kind, fields string // fields: private unpriv chroot wakeup maxproc command
	needed             bool
	effect             string
}

func stockServices() []stock {
	return []stock{
		{"pickup", "unix", "n - y 60 1 pickup", true, "mail of programs on this host stays in maildrop"},
		{"cleanup", "unix", "n - y - 0 cleanup", true, "no mail can be queued"},
		{"qmgr", "unix", "n - n 300 1 qmgr", true, "nothing is delivered"},
		{"rewrite", "unix", "- - y - - trivial-rewrite", true, "no address can be resolved, and nothing is accepted or delivered"},
		{"bounce", "unix", "- - y - 0 bounce", true, "what cannot be delivered stays in the queue"},
		{"defer", "unix", "- - y - 0 bounce", true, "what is deferred cannot be noted, and is tried too often"},
		{"trace", "unix", "- - y - 0 bounce", true, "delivery notices cannot be made, and the mail that asks for them stays in the queue"},
		{"smtp", "unix", "- - y - - smtp", true, "nothing leaves"},
		{"error", "unix", "- - y - - error", true, "what is to be bounced stays in the queue"},
		{"retry", "unix", "- - y - - error", true, "what is to be deferred cannot be noted"},
		{"tlsmgr", "unix", "- - y 1000? 1 tlsmgr", true, "there is no TLS, and submission refuses everybody"},
		{"relay", "unix", "- - y - - smtp", false, "mail for relay_domains stays in the queue"},
		{"verify", "unix", "- - y - 1 verify", false, "address verification (reject_unverified_…) answers 450"},
		{"flush", "unix", "n - y 1000? 0 flush", false, "postqueue -s and ETRN do nothing"},
		{"proxymap", "unix", "- - n - - proxymap", false, "proxy: tables do not answer: what asks them waits"},
		{"proxywrite", "unix", "- - n - 1 proxymap", false, "postscreen with a proxy: cache waits"},
		{"showq", "unix", "n - y - - showq", false, "mailq and postqueue -p fail"},
		{"discard", "unix", "- - y - - discard", false, "DISCARD actions keep the mail in the queue"},
		{"anvil", "unix", "- - y - 1 anvil", false, "limits on connections of a client are not counted"},
		{"scache", "unix", "- - y - 1 scache", false, "connections to other servers are not used again"},
		{"postlog", "unix-dgram", "n - n - 1 postlogd", false, "maillog_file is not written"},
	}
}

// checkServices compares master.cf with what Postfix needs.
func checkServices(_ context.Context, h *Host, f *findings) {
	if h.Postfix == nil {
		return
	}
	for _, want := range stockServices() {
		got := h.Postfix.Service(want.name, want.kind)
		if got == nil {
			kind := "service-absent"
			if want.needed {
				kind = "service-missing"
			}
			f.add(kind, h.Postfix.MasterFile, "postconf -M '"+want.name+"/"+want.kind+" = "+want.name+" "+want.kind+" "+want.fields+"'",
				"the service %s %s is missing: %s", want.name, want.kind, want.effect)
			continue
		}
		want.compare(got, f)
	}
	checkTwice(h, f)
	checkDoors(h, f)
	checkCleanups(h, f)
}

// compare looks at the columns that change what a service does.
func (w stock) compare(got *postconf.Service, f *findings) {
	fields := strings.Fields(w.fields)
	fix := "postconf -F '" + got.ID() + "/"
	for i, column := range []string{"private", "unprivileged", "chroot", "wakeup", "process_limit", "command"} {
		want, is := fields[i], got.Fields[2+i]
		switch {
		case want == is || column == "process_limit" && want == "-" || sameColumn(column, want, is):
		case column == "chroot":
			f.add("service-chroot", got.Place.String(), fix+column+"="+want+"'", "%s has chroot %s where Debian has %s: sockets and files are looked for in another place", got.ID(), is, want)
		default:
			f.add("service-changed", got.Place.String(), fix+column+"="+want+"'", "%s has %s %s where Postfix ships %s; otherwise: %s", got.ID(), column, is, want, w.effect)
		}
	}
}

// sameColumn knows the words for a default.
func sameColumn(column, a, b string) bool {
	switch column {
	case "private", "unprivileged":
		return a == "-" && b == "y" || a == "y" && b == "-"
	case "wakeup":
		return a == "-" && b == "0"
	}
	return false
}

func checkTwice(h *Host, f *findings) {
	for i, s := range h.Postfix.Master {
		if j := slices.IndexFunc(h.Postfix.Master[:i], func(o *postconf.Service) bool { return o.ID() == s.ID() }); j >= 0 {
			f.add("service-twice", s.Place.String(), "remove one of the two", "%s stands in line %d already: Postfix warns, and which one counts is not to be relied on", s.ID(), h.Postfix.Master[j].Place.Line)
		}
	}
}

// checkDoors looks who takes mail.
func checkDoors(h *Host, f *findings) {
	if len(h.in(inbound)) == 0 {
		f.add("service-none", h.Postfix.MasterFile, "postconf -M 'smtp/inet = smtp inet n - y - - smtpd'", "no service smtp inet (smtpd): no mail comes in")
	}
	if len(h.in(submission)) == 0 {
		f.add("service-submission", h.Postfix.MasterFile, "take the service 127.0.0.1:587 of the shipped master.cf", "no submission service (127.0.0.1:587 inet): nobody can submit mail here")
	}
	if len(h.in(screening)) > 0 && !slices.ContainsFunc(h.in(inbound), func(s seat) bool { return s.service.Type == "pass" }) {
		f.add("service-missing", h.in(screening)[0].service.Place.String(), "postconf -M 'smtpd/pass = smtpd pass - - y - - smtpd'", "postscreen has nobody to hand clients to: the service smtpd pass is missing")
	}
}

// checkCleanups looks whether the cleanup services that are named exist.
func checkCleanups(h *Host, f *findings) {
	for _, s := range h.Postfix.Master {
		if !slices.Contains([]string{"smtpd", "bounce", "pickup", "qmqpd", "local", "qmgr"}, s.Daemon()) {
			continue
		}
		set := h.Postfix.View(s).Get("cleanup_service_name")
		name := strings.TrimSpace(set.Value)
		if got := h.Postfix.Service(name, "unix"); name != "" && (got == nil || got.Daemon() != "cleanup") {
			f.add("cleanup-missing", orFile(set.Place, s.Place), "postconf -M '"+name+"/unix = "+name+" unix n - y - 0 cleanup'", "%s hands its mail to cleanup_service_name %s, and master.cf has no such service: its mail is not taken", s.Name, name)
		}
	}
}

// orFile is the first place that is one.
func orFile(places ...postconf.Place) string {
	for _, p := range places {
		if p.File != "" {
			return p.String()
		}
	}
	return "default"
}
