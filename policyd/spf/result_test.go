package spf

import (
	"net/netip"
	"strings"
	"testing"

	"postern/policyd"
)

func TestResults(t *testing.T) {
	const (
		here  = "192.0.2.1"
		there = "198.51.100.1"
		six   = "2001:db8::7"
	)
	tests := map[string]struct {
		client, helo, sender string
		want                 Result
	}{
		"permitted":                         {here, "h.example", "alice@pass.example", Pass},
		"permitted, IPv6":                   {six, "h.example", "alice@pass.example", Pass},
		"case and dot":                      {here, "h.example", "Alice@PASS.Example.", Pass},
		"not permitted":                     {there, "h.example", "alice@pass.example", Fail},
		"not permitted, IPv6":               {"2001:db9::1", "h.example", "alice@pass.example", Fail},
		"soft":                              {here, "h.example", "alice@soft.example", SoftFail},
		"neutral":                           {here, "h.example", "alice@neutral.example", Neutral},
		"an empty record":                   {here, "h.example", "alice@open.example", Neutral},
		"no record":                         {here, "h.example", "alice@silent.example", None},
		"no such domain":                    {here, "h.example", "alice@missing.example", None},
		"include":                           {here, "h.example", "alice@included.example", Pass},
		"include, no match":                 {there, "h.example", "alice@included.example", SoftFail},
		"redirect":                          {there, "h.example", "alice@redirect.example", Fail},
		"mx":                                {here, "h.example", "alice@mx.example", Pass},
		"mx, IPv6":                          {"2001:db8::1", "h.example", "alice@mx.example", Pass},
		"mx, no match":                      {there, "h.example", "alice@mx.example", Fail},
		"macro of the local part":           {there, "h.example", "alice@local.example", Pass},
		"macro of another local part":       {there, "h.example", "bob@local.example", Fail},
		"macro of HELO":                     {there, "mail.sender.example", "alice@helo.example", Pass},
		"macro of another HELO":             {there, "h.example", "alice@helo.example", Fail},
		"macro far too long":                {there, strings.Repeat("a.", 600) + "b", "alice@helo.example", Fail},
		"two records":                       {here, "h.example", "alice@twice.example", PermError},
		"nonsense":                          {here, "h.example", "alice@broken.example", PermError},
		"eleven lookups":                    {there, "h.example", "alice@many.example", PermError},
		"a circle":                          {there, "h.example", "alice@loop.example", PermError},
		"three void lookups":                {there, "h.example", "alice@voids.example", PermError},
		"include of nothing":                {there, "h.example", "alice@nowhere.example", PermError},
		"the server fails":                  {here, "h.example", "alice@servfail.example", TempError},
		"the server refuses":                {here, "h.example", "alice@refused.example", TempError},
		"an error of another kind":          {here, "h.example", "alice@odd.example", TempError},
		"include of a failing server":       {here, "h.example", "alice@viafail.example", TempError},
		"international domain":              {here, "h.example", "alice@BÜCHER.example", Pass},
		"international domain, not allowed": {there, "h.example", "alice@bücher.example", Fail},
		"international nonsense":            {here, "h.example", "alice@b\xfccher.example", None},
		"no domain":                         {here, "h.example", "alice", None},
		"no domain after the at":            {here, "h.example", "alice@", None},
		"no local part":                     {there, "h.example", "@pass.example", Fail},
		"one label":                         {here, "h.example", "alice@localhost", None},
		"domain literal":                    {here, "h.example", "alice@[192.0.2.1]", None},
		"address for a domain":              {here, "h.example", "alice@192.0.2.1", None},
		"empty label":                       {here, "h.example", "alice@pass..example", None},
		"long label":                        {here, "h.example", "alice@" + strings.Repeat("a", 64) + ".example", None},
		"long domain":                       {here, "h.example", "alice@" + strings.Repeat("a.", 127) + "example", None},
		"no client address":                 {"unknown", "h.example", "alice@pass.example", None},

		// A quoted local part is unquoted in the request.
		"at in the local part":       {there, "h.example", "x@soft.example@pass.example", Fail},
		"at in the local part, pass": {here, "h.example", "x@soft.example@pass.example", Pass},

		"null sender":                {here, "host.mx.example", "", Pass},
		"null sender, written":       {here, "host.mx.example", "<>", Pass},
		"null sender, not permitted": {there, "host.mx.example", "", Fail},
		"null sender, HELO with dot": {there, "HOST.mx.example.", "", Fail},
		"null sender, postmaster":    {there, "local.example", "", Fail},
		"null sender, no HELO":       {here, "", "", None},
		"null sender, HELO literal":  {here, "[192.0.2.1]", "", None},
		"null sender, HELO address":  {here, "192.0.2.1", "", None},
		"null sender, HELO of a LAN": {here, "localhost", "", None},
	}
	c, _ := check(t, func(o *Options) { o.Actions = everything(LetPass) })
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := c.Check(t.Context(), rcpt(test.client, test.helo, test.sender))
			if err != nil || !v.Action.IsDunno() || v.Rule != string(test.want) {
				t.Errorf("%s %s, %v, want %s", v.Action, v.Rule, err, test.want)
			}
		})
	}
}

// TestNotChecked: what asks nobody.
func TestNotChecked(t *testing.T) {
	networks, err := policyd.ParseNetworks([]string{"198.51.100.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	skip := func(o *Options) {
		o.SkipClients = networks
		o.SkipSenders = []string{"Friend@Pass.example", "@soft.example", "mx.example", ".sub.example", "BÜCHER.example"}
	}
	tests := map[string]struct {
		q    *policyd.Request
		want string // rule
	}{
		"checked":                      {rcpt("203.0.113.1", "h.example", "alice@pass.example"), "fail"},
		"at MAIL":                      {at("MAIL"), ""},
		"at DATA":                      {at("DATA"), ""},
		"at END-OF-MESSAGE":            {at("END-OF-MESSAGE"), ""},
		"at VRFY":                      {at("VRFY"), ""},
		"a login":                      {login("carol"), ""},
		"this host":                    {rcpt("127.0.0.1", "h.example", "alice@pass.example"), ""},
		"this host, IPv6":              {rcpt("::1", "h.example", "alice@pass.example"), ""},
		"a client to skip":             {rcpt("198.51.100.9", "h.example", "alice@pass.example"), ""},
		"a sender to skip":             {rcpt("203.0.113.1", "h.example", "friend@PASS.example."), ""},
		"a domain to skip":             {rcpt("203.0.113.1", "h.example", "x@soft.example"), ""},
		"a HELO name to skip":          {rcpt("203.0.113.1", "mx.example", ""), ""},
		"not below a domain to skip":   {rcpt("203.0.113.1", "host.mx.example", ""), "fail"},
		"below a domain to skip":       {rcpt("203.0.113.1", "h.example", "x@deep.in.sub.example"), ""},
		"not the domain above":         {rcpt("203.0.113.1", "h.example", "x@sub.example"), "none"},
		"not the end of a label":       {rcpt("203.0.113.1", "h.example", "x@asub.example"), "none"},
		"an international one to skip": {rcpt("203.0.113.1", "h.example", "x@bücher.example"), ""},
		"the address as HELO":          {rcpt("203.0.113.1", "pass.example", ""), "fail"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, dns := check(t, skip)
			v, err := c.Check(t.Context(), test.q)
			if err != nil || v.Rule != test.want {
				t.Errorf("%s %s, %v, want %q", v.Action, v.Rule, err, test.want)
			}
			if asked := dns.asked.Load() > 0; asked != (test.want != "") {
				t.Errorf("the DNS was asked: %v", asked)
			}
		})
	}
}

func at(state string) *policyd.Request {
	q := rcpt("203.0.113.1", "h.example", "alice@pass.example")
	q.State = state
	return q
}

func login(name string) *policyd.Request {
	q := at("RCPT")
	q.Login = name
	return q
}

func TestSenderDomain(t *testing.T) {
	tests := map[string]struct {
		q      *policyd.Request
		domain string
		pass   bool
	}{
		"pass":        {rcpt("192.0.2.1", "h.example", "alice@PASS.example"), "pass.example", true},
		"fail":        {rcpt("203.0.113.1", "h.example", "alice@pass.example"), "pass.example", false},
		"soft":        {rcpt("203.0.113.1", "h.example", "alice@soft.example"), "soft.example", false},
		"trouble":     {rcpt("203.0.113.1", "h.example", "alice@servfail.example"), "servfail.example", false},
		"null sender": {rcpt("192.0.2.1", "host.mx.example", ""), "host.mx.example", true},
		"this host":   {rcpt("127.0.0.1", "h.example", "alice@pass.example"), "pass.example", false},
		"no address":  {rcpt("unknown", "h.example", "alice@pass.example"), "pass.example", false},
		"no domain":   {rcpt("192.0.2.1", "h.example", "alice"), "", false},
		"a login":     {&policyd.Request{Login: "x", Sender: "a@pass.example", Client: netip.MustParseAddr("192.0.2.1")}, "pass.example", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := check(t, nil)
			domain, pass := c.SenderDomain(t.Context(), test.q)
			if domain != test.domain || pass != test.pass {
				t.Errorf("%q %v, want %q %v", domain, pass, test.domain, test.pass)
			}
		})
	}
}
