//go:build integration

package e2e

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// readerHost is one of the hosts of docs/readers.md twice, before and after
// the switch to postern, and the world around it.
type readerHost struct {
	doc           readerDoc
	dir           string // of everything; below a Debian root folder if there is one
	root          string
	d             *daemon
	out           *scratch.Sink // all other mail servers
	boxes         *scratch.Sink // what mailboxes are delivered to
	before, after *readerSide
	replace       []string             // what the manual says, and what it is here
	known         map[[2]string]string // answers of stock tables
}

// newReaderHost prepares the folders. Of Postfix, root says where it is taken
// from.
func newReaderHost(t *testing.T, root, title string) *readerHost {
	t.Helper()
	h := &readerHost{doc: readReader(t, title), root: root, dir: openFolderIn(t, filepath.Join("/", root, "tmp"))}
	h.out = scratchtest.Sink(t, scratch.SinkOptions{})
	h.boxes = scratchtest.Sink(t, scratch.SinkOptions{Args: []string{"-L"}})
	h.d = newFolderDaemon(t)
	queue := filepath.Join(h.dir, "after", "queue")
	h.d.unix = filepath.Join(queue, "postern", "socketmap")
	for _, dir := range []string{filepath.Dir(h.d.unix), filepath.Join(h.dir, "etc"), filepath.Join(h.dir, "mail")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.replace = []string{
		"unix:/var/spool/postfix/postern/policy", fmt.Sprintf("{at: \"unix:%s/postern/policy\", mode: 0666}", queue),
		"lmtp:unix:private/dovecot-lmtp", "lmtp:inet:" + h.boxes.Addr(),
	}
	return h
}

// seen is a path as Postfix and its programs see it.
func (h *readerHost) seen(path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(h.root, "/"))
}

// configure writes postern.yaml from the manual. More are blocks that it does
// not show.
func (h *readerHost) configure(t *testing.T, more string, replace ...string) {
	t.Helper()
	replace = append(replace, h.replace...)
	replace = append(replace, "config_directory: /etc/postfix", "config_directory: "+filepath.Join(h.dir, "after", "config"),
		"/etc/postfix/", h.dir+"/etc/", "/mail/", h.dir+"/mail/")
	h.d.configure(t, h.doc.block(t, "postern.yaml", replace...)+more)
}

// file writes a file that the manual has in /etc/postfix or /mail.
func (h *readerHost) file(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(h.dir, name)
	writeFile(t, path, text)
	settle(t, path)
	return path
}

// testdata is a file of testdata/readers.
func readersData(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "readers", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readerSide is one of the two Postfixes.
type readerSide struct {
	*policyHost // what calls it
	name        string
	host        *readerHost
}

// options makes the configuration of a side: that of the manual, with here and
// there an address of the test, over what the test needs of any Postfix.
// Replace goes by pairs, as in block.
func (h *readerHost) options(t *testing.T, side string, replace ...string) scratch.PostfixOptions {
	t.Helper()
	replace = append(replace, h.replace...)
	replace = append(replace, "/etc/postfix/", h.seen(h.dir)+"/etc/", "/mail/", h.seen(h.dir)+"/mail/")
	settings := map[string]string{
		"myhostname": "mx.host.test", "relayhost": h.out.Nexthop(), "inet_protocols": "all",
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8", "notify_classes": "",
		"smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
		"smtpd_error_sleep_time":   "0", "smtpd_soft_error_limit": "100000", "smtpd_hard_error_limit": "100000",
		"smtpd_client_connection_count_limit": "0", "smtpd_junk_command_limit": "100000",
		"smtp_connection_cache_on_demand": "no", "in_flow_delay": "0",
	}
	maps.Copy(settings, parseMain(t, h.doc.block(t, "main.cf, before", replace...)))
	if side == "after" {
		maps.Copy(settings, parseMain(t, h.doc.block(t, "main.cf", replace...)))
	}
	name := "master.cf"
	if h.doc.blocks["master.cf, before"] != "" && side == "before" {
		name = "master.cf, before"
	}
	master := ""
	if h.doc.blocks[name] != "" {
		master = h.doc.block(t, name, replace...)
	}
	return scratch.PostfixOptions{Root: h.root, Dir: h.seen(filepath.Join(h.dir, side)), Main: settings, Master: master}
}

// start starts a side.
func (h *readerHost) start(t *testing.T, side string, o scratch.PostfixOptions) *readerSide {
	t.Helper()
	mta, err := scratch.StartPostfix(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Postfix %s:\n%s", side, tail(mta.Log(), 4000))
		}
		if err := mta.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &readerSide{&policyHost{srsHost: &srsHost{&forwardingHost{mta: mta, sink: h.out}}}, side, h}
	if side == "before" {
		h.before = s
	} else {
		h.after = s
	}
	return s
}

// portOf is the port of HOST:PORT.
func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
