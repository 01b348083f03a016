package postconf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseTable(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"hash:/etc/postfix/virtual", "hash /etc/postfix/virtual"},
		{"proxy:mysql:/etc/a.cf", "proxy mysql /etc/a.cf"},
		{"socketmap:unix:postern/socketmap:virtual", "socketmap unix:postern/socketmap:virtual"},
		{"inline:{ {a b = c}, d=e }", "inline { {a b = c}, d=e }"},
		{"pipemap:{hash:/a, { mysql:/b.cf }}", "pipemap {hash:/a, { mysql:/b.cf }} [hash /a] [mysql /b.cf]"},
		{"proxy:unionmap:{hash:/a}", "proxy unionmap {hash:/a} [hash /a]"},
		{"{ mysql:/a.cf, search_order = external }", "mysql /a.cf"},
		{"static:all", "static all"},
		{"example.org", ""},
		{"192.0.2.0/24", ""},
		{"[::1]/128", ""},
		{"/etc/postfix/list", ""},
		{"{}", ""},
		{":", ""},
	} {
		t.Run(test.text, func(t *testing.T) {
			if got := describe(ParseTable(test.text)); got != test.want {
				t.Errorf("ParseTable(%q) is %q, want %q", test.text, got, test.want)
			}
		})
	}
	if endpoint, name := ParseTable("socketmap:inet:127.0.0.1:10003:virtual").Socketmap(); endpoint != "inet:127.0.0.1:10003" || name != "virtual" {
		t.Errorf("socketmap: %q, %q", endpoint, name)
	}
	inline := ParseTable("inline:{ {postmaster@example.org = a, b} x=y }").Inline()
	if len(inline) != 2 || inline[0].Name != "postmaster@example.org" || inline[0].Raw != "a, b" || inline[1].Raw != "y" {
		t.Errorf("inline: %+v", inline)
	}
}

func describe(t Table) string {
	if t.Type == "" {
		return ""
	}
	text := t.Type + " " + t.Name
	if t.Proxy {
		text = "proxy " + text
	}
	for _, member := range t.Members {
		text += " [" + describe(member) + "]"
	}
	return text
}

func TestRestrictions(t *testing.T) {
	c := open(t, `
smtpd_restriction_classes = greylist, loop
greylist = check_policy_service { unix:private/policy, timeout=10s, { default_action = 451 4.3.0 later, please } }, permit
loop = loop, warn_if_reject reject_unlisted_sender, reject
smtpd_sender_restrictions = hash:/senders
  warn_if_reject reject_unknown_sender_domain
  Check_Sender_Access { mysql:/a.cf, search_order = x }
  reject_rbl_client zen.example.org, warn_if_reject greylist, loop,
  check_policy_service inet:127.0.0.1:10023 sleep 1 reject
`, smtpd)
	var got []string
	Walk(c.View(nil).Restrictions("smtpd_sender_restrictions"), func(r Restriction) {
		text := fmt.Sprintf("%d %s", r.Place.Line, r.Name)
		if r.Warn {
			text += " (warn)"
		}
		if r.Table != nil {
			text += " " + describe(*r.Table)
		} else if r.Policy != nil {
			action, _ := r.Policy.Option("default_action")
			text += " " + r.Policy.Endpoint.Text + " " + action
		} else if r.Argument != "" {
			text += " " + r.Argument
		}
		got = append(got, strings.TrimSpace(text))
	})
	want := []string{
		"5 check_sender_access hash /senders",
		"6 reject_unknown_sender_domain (warn)",
		"7 check_sender_access mysql /a.cf",
		"8 reject_rbl_client zen.example.org",
		"8 greylist (warn)",
		"3 check_policy_service (warn) unix:private/policy 451 4.3.0 later, please",
		"3 permit (warn)",
		"8 loop",
		"4 loop",
		"4 reject_unlisted_sender (warn)",
		"4 reject",
		"9 check_policy_service inet:127.0.0.1:10023",
		"9 sleep 1",
		"9 reject",
	}
	if !slices.Equal(got, want) {
		t.Errorf("restrictions:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLookups(t *testing.T) {
	c := open(t, `
compatibility_level = 3.6
virtual_alias_maps = mysql:/v.cf, pipemap:{hash:/p, mysql:/q.cf}
virtual_mailbox_maps = proxy:mysql:/b.cf
smtpd_restriction_classes = inner, named
inner = check_helo_access mysql:/h.cf
named = check_client_access mysql:/n.cf
smtpd_recipient_restrictions = check_recipient_access mysql:/r.cf, inner
`, `
smtp     inet n - y - - smtpd
submission inet n - n - - smtpd
  -o smtpd_recipient_restrictions=reject
virtual  unix - n n - - virtual
cleanup  unix n - n - 0 cleanup
  -o virtual_alias_maps=
proxymap unix - - n - - proxymap
`)
	var got []string
	for _, l := range c.Lookups() {
		if strings.HasPrefix(l.Table.Text, "/") || l.Table.Is("unix", "btree") || l.Parameter == "local_recipient_maps" || l.Table.Name == "/etc/aliases" {
			continue
		}
		text := fmt.Sprintf("%s %s %s %s %s", l.Service.ID(), l.Parameter, l.Restriction, describe(l.Table), l.Search)
		if l.Refused {
			text += " refused"
		}
		if l.Chrooted() {
			text += " chrooted"
		}
		got = append(got, text)
	}
	want := []string{
		"smtp/inet virtual_alias_maps  mysql /v.cf virtual chrooted",
		"smtp/inet virtual_alias_maps  pipemap {hash:/p, mysql:/q.cf} [hash /p] [mysql /q.cf] virtual chrooted",
		"smtp/inet virtual_alias_maps  hash /p virtual chrooted",
		"smtp/inet virtual_alias_maps  mysql /q.cf virtual chrooted",
		"smtp/inet virtual_mailbox_maps  proxy mysql /b.cf address",
		"smtp/inet smtpd_recipient_restrictions check_recipient_access mysql /r.cf access-address chrooted",
		"smtp/inet inner check_helo_access mysql /h.cf access-domain chrooted",
		"smtp/inet named check_client_access mysql /n.cf access-domain chrooted",
		"submission/inet virtual_alias_maps  mysql /v.cf virtual",
		"submission/inet virtual_alias_maps  pipemap {hash:/p, mysql:/q.cf} [hash /p] [mysql /q.cf] virtual",
		"submission/inet virtual_alias_maps  hash /p virtual",
		"submission/inet virtual_alias_maps  mysql /q.cf virtual",
		"submission/inet virtual_mailbox_maps  proxy mysql /b.cf address",
		"virtual/unix virtual_mailbox_maps  proxy mysql /b.cf address refused",
	}
	if !slices.Equal(got, want) {
		t.Errorf("lookups:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEndpoints(t *testing.T) {
	c := open(t, "queue_directory = /q\ncompatibility_level = 3.6\n", "smtp inet n - y - - smtpd\nother inet n - n - - smtpd\n")
	for _, test := range []struct{ text, chrooted, free string }{
		{"unix:postern/policy", "/q/postern/policy", "/q/postern/policy"},
		{"unix:/run/policy", "/q/run/policy", "/run/policy"},
		{"private/auth", "/q/private/auth", "/q/private/auth"},
		{"local:milter", "/q/milter", "/q/milter"},
	} {
		e := ParseEndpoint(test.text)
		if got := c.View(c.Service("smtp", "inet")).SocketPath(e); !e.Unix || got != test.chrooted {
			t.Errorf("%s in a chroot: %s, want %s", test.text, got, test.chrooted)
		}
		if got := c.View(c.Service("other", "inet")).SocketPath(e); got != test.free {
			t.Errorf("%s: %s, want %s", test.text, got, test.free)
		}
	}
	for text, want := range map[string]string{"inet:127.0.0.1:10003": "127.0.0.1 10003", "inet:[::1]:25": "::1 25",
		"inet:10003": " 10003", "inet:localhost:smtp": "localhost smtp", "inet:8891@localhost": "localhost 8891"} {
		if e := ParseEndpoint(text); e.Unix || e.Host+" "+e.Port != want {
			t.Errorf("%s is %+v, want %s", text, e, want)
		}
	}
}

// With all defaults known, what nobody reads is named.
func TestUnknownNames(t *testing.T) {
	dir := files(t, `myhostname = mx.example.org
smtpd_restriction_class = x
smtpd_restriction_classes = mine
mine = permit
used = $other
other = 1
x_destination_recipient_limit = 1
table_hosts = localhost
alias_maps = mysql:table
local_time_limit = 1
`, smtpd+"local unix - n n - - local\n  -o nobody=1\n")
	defaults := NewDefaults(builtin+"relay_destination_concurrency_limit = $default_destination_concurrency_limit\n", true)
	c, err := Open(dir, defaults)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range c.Unknown() {
		got = append(got, fmt.Sprintf("%s:%d %s", filepath.Base(entry.Place.File), entry.Place.Line, entry.Name))
	}
	slices.Sort(got)
	want := []string{"main.cf:1 myhostname", "main.cf:2 smtpd_restriction_class", "main.cf:5 used", "main.cf:7 x_destination_recipient_limit", "master.cf:3 nobody"}
	if slices.Contains(got, "main.cf:1 myhostname") == false { // no default: it differs per host
		want = want[1:]
	}
	if !slices.Equal(got, want) {
		t.Errorf("unknown: %q, want %q", got, want)
	}
	if c, _ := Open(dir, Builtin()); c.Unknown() != nil {
		t.Errorf("with a part of the defaults: %v", c.Unknown())
	}
}

func TestInstances(t *testing.T) {
	c := open(t, "multi_instance_enable = yes\nmulti_instance_name = postfix-out\nmulti_instance_group = mta\n", smtpd)
	if others := c.OtherInstances(); len(others) != 0 {
		t.Errorf("an instance that leads none: %+v", others)
	}
	c = open(t, "multi_instance_directories = /etc/postfix-out, /etc/postfix-in\n", smtpd)
	if others := c.OtherInstances(); len(others) != 2 || others[1].Text != "/etc/postfix-in" {
		t.Errorf("other instances: %+v", others)
	}
}
