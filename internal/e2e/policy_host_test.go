//go:build integration

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/internal/scratch"
	"postern/internal/scratch/scratchtest"
)

// policyRows are the aliases of the tests of policy. Owner has three of them.
const policyRows = "INSERT INTO domain (name, active) VALUES ('fwd.test',1),('kept.test',1);" +
	"INSERT INTO alias (address, `goto`, active) VALUES ('info@fwd.test','owner@dest.test',1),('shop@fwd.test','owner@dest.test',1)," +
	"('chain@fwd.test','info@fwd.test',1),('other@fwd.test','other@dest.test',1),('info@kept.test','else@dest.test',1)," +
	"('hidden@fwd.test','secret@private.test',1),('both@fwd.test','owner@dest.test,secret@private.test',1);"

// policyHost is a Postfix wired by the lines of postfix/README.md, the daemon
// that it asks, and the outside world.
type policyHost struct {
	*srsHost
	d         *srsDaemon
	submit    string // HOST:PORT of the submission service
	inet      string // HOST:PORT of the policy daemon
	unix      string // its socket, where the README has it
	queue     string // folder of Postfix
	untouched string // the blocks of postern.yaml beside policyd
}

// policyOptions say how a host differs from the README.
type policyOptions struct {
	root   string            // a Debian root folder; "": this machine
	blocks string            // of postern.yaml, policyd included; {dir} is the daemon's folder
	main   map[string]string // parameters of main.cf, over those of the README

	submission string // further options of that service in master.cf
}

// startPolicyHost starts all of it. Of policyd the blocks have everything but
// the line listen.
func startPolicyHost(t *testing.T, o policyOptions) *policyHost {
	t.Helper()
	h := newPolicyHost(t, o)
	h.d.begin(t)
	h.share(t)
	h.startMTA(t, o)
	return h
}

// newPolicyHost prepares the daemon.
func newPolicyHost(t *testing.T, o policyOptions) *policyHost {
	t.Helper()
	h := &policyHost{inet: freeAddr(t), queue: filepath.Join(openFolderIn(t, filepath.Join("/", o.root, "tmp")), "queue")}
	h.unix = filepath.Join(h.queue, "postern", "policy")
	if err := os.MkdirAll(filepath.Dir(h.unix), 0o755); err != nil {
		t.Fatal(err)
	}
	h.d = newNativeSRS(t, "")
	h.untouched = h.d.blocks
	makeSQLite(t, h.d.file("postern.db"), policyRows)
	h.configure(t, o.blocks)
	return h
}

// configure writes postern.yaml with these blocks. Without a database block it
// has an embedded one.
func (h *policyHost) configure(t *testing.T, blocks string) {
	t.Helper()
	if !strings.Contains(blocks, "database:") {
		blocks = "database: {driver: sqlite, path: {dir}/postern.db}\n" + blocks
	}
	listen := "policyd:\n  listen: [\"inet:" + h.inet + "\", \"unix:" + h.unix + "\"]\n"
	h.d.configure(t, h.untouched+strings.Replace(blocks, "policyd:\n", listen, 1))
}

// reconfigure has the running daemon take other blocks.
func (h *policyHost) reconfigure(t *testing.T, blocks string) {
	t.Helper()
	h.configure(t, blocks)
	h.d.reload(t, "msg=reloaded")
}

// share lets the user of another Debian's Postfix, who has another number than
// ours, reach the socket.
func (h *policyHost) share(t *testing.T) {
	t.Helper()
	if err := os.Chmod(h.unix, 0o666); err != nil {
		t.Fatal(err)
	}
}

// startMTA starts Postfix with the README's lines.
func (h *policyHost) startMTA(t *testing.T, o policyOptions) {
	t.Helper()
	readme := readWiring(t)
	sink := scratchtest.Sink(t, scratch.SinkOptions{})
	main := map[string]string{
		"myhostname": "mx.fwd-host.test", "myorigin": "$myhostname", "mynetworks": "", "relayhost": sink.Nexthop(), "inet_protocols": "all",
		"local_transport": "error:5.1.1 no mailboxes on this host", "show_user_unknown_table_name": "no",
		"strict_rfc821_envelopes": "yes", "notify_classes": "", "smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		"smtpd_error_sleep_time": "0", "smtpd_soft_error_limit": "100000", "smtpd_hard_error_limit": "100000",
		"smtpd_client_connection_count_limit": "0", "smtpd_junk_command_limit": "100000",
	}
	for _, lines := range []map[string]string{h.srsLines(t, readme.srs), parseMain(t, readme.policy), o.main} {
		for name, value := range lines {
			main[name] = value
		}
	}
	h.submit = freeAddr(t)
	_, port, _ := net.SplitHostPort(h.submit)
	mta, err := scratch.StartPostfix(t.Context(), scratch.PostfixOptions{
		Root: o.root, Dir: strings.TrimPrefix(filepath.Dir(h.queue), strings.TrimSuffix(o.root, "/")), Main: main,
		Master: "127.0.0.1:" + port + " inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n  -o smtpd_sasl_exceptions_networks=static:all\n" +
			"  -o recipient_canonical_maps=\n  -o cleanup_service_name=subcleanup\n" + readme.submission + o.submission +
			"\nsubcleanup unix n - n - 0 cleanup\n  -o sender_canonical_maps=\n  -o recipient_canonical_maps=\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.srsHost = &srsHost{&forwardingHost{mta: mta, sink: sink}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of Postfix:\n%s", tail(mta.Log(), 4000))
		}
		if err := mta.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// srsLines are those of the section SRS, without what the check srs does.
func (h *policyHost) srsLines(t *testing.T, block string) map[string]string {
	t.Helper()
	lines := parseMain(t, strings.NewReplacer("srs.example.org", srsDomain, `srs\.example\.org`, strings.ReplaceAll(srsDomain, ".", `\.`),
		"ops@example.net", "ops@dest.test", "socketmap:unix:postern/socketmap:", h.d.socketmap("")).Replace(block))
	for _, name := range []string{"smtpd_restriction_classes", "srs_bounces", "smtpd_recipient_restrictions"} {
		delete(lines, name)
	}
	return lines
}

// postern runs a command, "policy greylist list" for instance, with the
// daemon's configuration.
func (h *policyHost) postern(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	args = slices.Concat(strings.Fields(command), []string{"--config", h.d.config()}, args)
	out, err := exec.CommandContext(t.Context(), shared.binary, args...).CombinedOutput()
	return string(out), err
}

// ban runs `postern ban`. The daemon must have been told.
func (h *policyHost) ban(t *testing.T, args ...string) {
	t.Helper()
	out, err := h.postern(t, "ban "+args[0], args[1:]...)
	if err != nil || strings.Contains(out, "note:") {
		t.Fatalf("postern ban %q: %v: %s", args, err, out)
	}
}

// wiring is what postfix/README.md shows.
type wiring struct {
	srs, policy string // blocks of main.cf
	submission  string // options of master.cf
}

// fence is a line that begins or ends a block.
var fence = regexp.MustCompile("\n```[a-z.]*\n")

// readWiring reads it; the order of the sections does not matter.
func readWiring(t *testing.T) wiring {
	t.Helper()
	text, err := os.ReadFile("../../postfix/README.md")
	if err != nil {
		t.Fatal(err)
	}
	section := func(title string) []string {
		_, text, found := strings.Cut(string(text), "\n## "+title+"\n")
		text, _, _ = strings.Cut(text, "\n## ")
		blocks := fence.Split(text, -1)
		if !found || len(blocks) < 3 {
			t.Fatalf("postfix/README.md: no section %s with a block of main.cf", title)
		}
		return blocks
	}
	policy := section("Policy")
	options := regexp.MustCompile("`(-o [^`]+)`").FindAllStringSubmatch(strings.Join(slices.Delete(policy, 1, 2), "\n"), -1)
	w := wiring{srs: section("SRS")[1], policy: section("Policy")[1]}
	for _, option := range options {
		w.submission += "  " + option[1] + "\n"
	}
	return w
}

func parseMain(t *testing.T, text string) map[string]string {
	t.Helper()
	lines, err := scratch.ParseMain(text)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// policyExample is the configuration at the top of docs/policy.md, without its
// line listen.
func policyExample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "\n```yaml\n")
	block, _, _ = strings.Cut(block, "\n```\n")
	first, rest, _ := strings.Cut(block, "\n")
	listen, rest, found := strings.Cut(rest, "\n")
	if !found || first != "policyd:" || listen != "  listen: [inet:127.0.0.1:10040, unix:/var/spool/postfix/postern/policy]" {
		t.Fatalf("docs/policy.md: the first block begins with %q, %q", first, listen)
	}
	return "policyd:\n" + rest + "\n"
}
