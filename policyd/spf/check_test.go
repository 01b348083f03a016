package spf

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/policyd"
)

// example is a request with each result.
func example(result Result) *policyd.Request {
	sender := map[Result]string{
		None: "alice@silent.example", Neutral: "alice@neutral.example", Pass: "alice@pass.example", Fail: "alice@mx.example",
		SoftFail: "alice@soft.example", TempError: "alice@servfail.example", PermError: "alice@broken.example",
	}[result]
	return rcpt("192.0.2.55", "mail.sender.example", sender)
}

// TestActs is every result with every act and mode.
func TestActs(t *testing.T) {
	tests := map[Result]map[Act]string{
		Fail: {
			Reject:    "550 5.7.23 SPF: mx.example does not permit 192.0.2.55 to send its mail; its postmaster can add that address to the SPF record; a forwarder should rewrite the sender (SRS)",
			Defer:     "451 4.7.23 SPF: mx.example does not permit 192.0.2.55 to send its mail; its postmaster can add that address to the SPF record; a forwarder should rewrite the sender (SRS)",
			PrependIt: "PREPEND Received-SPF: fail (mx.example does not designate 192.0.2.55 as permitted sender) ",
		},
		SoftFail: {
			Reject:    "550 5.7.23 SPF: soft.example does not permit 192.0.2.55",
			Defer:     "451 4.7.23 SPF: soft.example does not permit 192.0.2.55",
			PrependIt: "PREPEND Received-SPF: softfail (",
		},
		PermError: {
			Reject:    "550 5.7.24 SPF: the record of broken.example cannot be used (unknown field), its postmaster should correct it",
			Defer:     "451 4.7.24 SPF: the record of broken.example cannot be used (unknown field)",
			PrependIt: "PREPEND Received-SPF: permerror (",
		},
		TempError: {
			Reject:    "refused by New",
			Defer:     "451 4.7.24 SPF: no answer from the DNS about servfail.example, please try again",
			PrependIt: "PREPEND Received-SPF: temperror (",
		},
		None:    {Reject: "refused by New", Defer: "refused by New", PrependIt: "PREPEND Received-SPF: none ("},
		Neutral: {Reject: "refused by New", Defer: "refused by New", PrependIt: "PREPEND Received-SPF: neutral ("},
		Pass:    {Reject: "refused by New", Defer: "refused by New", PrependIt: "PREPEND Received-SPF: pass ("},
	}
	for result, acts := range tests {
		for _, act := range []Act{Reject, Defer, PrependIt, LetPass} {
			for _, mode := range []policyd.Mode{policyd.Enforce, policyd.Shadow, policyd.Off} {
				t.Run(string(result)+" "+string(act)+" "+string(mode), func(t *testing.T) {
					testAct(t, result, act, mode, acts[act])
				})
			}
		}
	}
}

func testAct(t *testing.T, result Result, act Act, mode policyd.Mode, want string) {
	c, err := New(Options{Actions: map[Result]Act{result: act}, Resolver: &counting{}})
	if want == "refused by New" {
		if err == nil {
			t.Fatal("taken")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c, dns := check(t, func(o *Options) { o.Actions = map[Result]Act{result: act} })
	p := policyd.Policy{Default: []policyd.Link{{Name: "spf", Check: c, Mode: mode}}}
	d, err := p.Judge(t.Context(), example(result))
	if err != nil {
		t.Fatal(err)
	}
	got := d.Action
	if mode == policyd.Shadow && want != "" {
		if !got.IsDunno() || len(d.Shadows) != 1 || d.Shadows[0].Rule != string(result) {
			t.Fatalf("%s, %v: a shadow acts, or is not told", got, d.Shadows)
		}
		got = d.Shadows[0].Action
	}
	if mode == policyd.Off || want == "" {
		want = "DUNNO"
	}
	if !strings.HasPrefix(got.String(), want) || want == "DUNNO" && !got.IsDunno() {
		t.Errorf("%s\nwant %s", got, want)
	}
	if mode == policyd.Off && dns.asked.Load() > 0 {
		t.Error("a check that is off asked the DNS")
	}
}

// TestDefaults: who sets nothing refuses fail alone.
func TestDefaults(t *testing.T) {
	plain, _ := check(t, nil)
	header, _ := check(t, func(o *Options) { o.Header, o.Actions = true, map[Result]Act{None: LetPass} })
	for _, result := range Results() {
		v, err := plain.Check(t.Context(), example(result))
		if err != nil || v.Action.Refuses() != (result == Fail) || v.Action.GoesOn() {
			t.Errorf("%s: %s, %v", result, v.Action, err)
		}
		q := example(result)
		q.Instance = string(result)
		v, err = header.Check(t.Context(), q)
		if err != nil || v.Action.Refuses() != (result == Fail) || v.Action.GoesOn() != (result != Fail && result != None) {
			t.Errorf("with Header, %s: %s, %v", result, v.Action, err)
		}
	}
}

func TestReplyOfHelo(t *testing.T) {
	c, _ := check(t, nil)
	v, err := c.Check(t.Context(), rcpt("203.0.113.9", "host.mx.example", ""))
	want := "550 5.7.23 SPF: host.mx.example does not permit 203.0.113.9 to use its name (HELO); its postmaster can add that address to the SPF record of the name"
	if err != nil || v.Action.String() != want {
		t.Errorf("%s, %v\nwant %s", v.Action, err, want)
	}
	if want := "helo host.mx.example: fail (matched all)"; v.Reason != want {
		t.Errorf("reason %q, want %q", v.Reason, want)
	}
}

// TestNothingOfTheirs: neither the domain's explanation nor our name servers
// are in a reply.
func TestNothingOfTheirs(t *testing.T) {
	c, _ := check(t, func(o *Options) { o.Actions = map[Result]Act{TempError: Defer} })
	for _, sender := range []string{"alice@exp.example", "alice@servfail.example", "alice@odd.example"} {
		v, err := c.Check(t.Context(), rcpt("203.0.113.9", "h.example", sender))
		if err != nil || !v.Action.Refuses() {
			t.Fatalf("%s: %s, %v", sender, v.Action, err)
		}
		for _, foreign := range []string{"evil", "10.9.8.7", "deadline"} {
			if strings.Contains(v.Action.String(), foreign) {
				t.Errorf("%s: %s", sender, v.Action)
			}
		}
	}
}

// verdicts is a check that says the same always.
type verdicts struct{ action policyd.Action }

func (v *verdicts) Check(context.Context, *policyd.Request) (policyd.Verdict, error) {
	return policyd.Verdict{Action: v.action}, nil
}

// TestHeaderOnce: a message with several recipients gets one header, with the
// first answer that can carry it.
func TestHeaderOnce(t *testing.T) {
	c, dns := check(t, func(o *Options) { o.Header = true })
	later := &verdicts{action: policyd.Refuse(450, "4.7.1", "greylisted")}
	p := policyd.Policy{Default: []policyd.Link{{Name: "spf", Check: c}, {Name: "later", Check: later}}}
	judge := func(want string, q *policyd.Request) {
		t.Helper()
		d, err := p.Judge(t.Context(), q)
		if err != nil || d.Action.Name() != want {
			t.Errorf("%s, %v, want %s", d.Action, err, want)
		}
	}
	first, second := example(Pass), example(Pass)
	second.Instance = "another"
	judge("defer", first)
	later.action = policyd.Hold("wait")
	judge("hold", first)
	later.action = policyd.Action{}
	peek := *first
	peek.Peek = true
	judge("prepend", &peek)
	judge("prepend", first)
	for range 10 {
		judge("dunno", first)
	}
	judge("dunno", &peek)
	judge("prepend", second)
	second.ClientAddress = "192.0.2.56" // another host's message of the same instance
	judge("prepend", second)
	second.Instance = ""
	judge("dunno", second)
	second.Peek = true
	judge("prepend", second)
	if n := dns.asked.Load(); n != 1 {
		t.Errorf("%d evaluations", n)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	c, _ := check(t, func(o *Options) { o.Metrics = NewMetrics(reg) })
	for range 3 {
		if _, err := c.Check(t.Context(), example(Pass)); err != nil {
			t.Fatal(err)
		}
	}
	c.SenderDomain(t.Context(), example(Pass))
	peek := example(Fail)
	peek.Peek = true
	if _, err := c.Check(t.Context(), peek); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP policy_spf_results_total Recipients that the spf check judged, by SPF result.
# TYPE policy_spf_results_total counter
policy_spf_results_total{result="fail"} 0
policy_spf_results_total{result="neutral"} 0
policy_spf_results_total{result="none"} 0
policy_spf_results_total{result="pass"} 3
policy_spf_results_total{result="permerror"} 0
policy_spf_results_total{result="softfail"} 0
policy_spf_results_total{result="temperror"} 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "policy_spf_results_total"); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "policy_spf_duration_seconds" && family.Metric[0].Histogram.GetSampleCount() != 2 {
			t.Errorf("%d evaluations, want 2", family.Metric[0].Histogram.GetSampleCount())
		}
	}
}

func TestExplain(t *testing.T) {
	c, _ := check(t, nil)
	p := policyd.Policy{Default: []policyd.Link{{Name: "spf", Check: c}}}
	for _, test := range []struct {
		q    *policyd.Request
		want string
	}{
		{example(Pass), `mailfrom "pass.example" from 192.0.2.55: pass (matched ip), from DNS`},
		{example(Pass), `mailfrom "pass.example" from 192.0.2.55: pass (matched ip), from memory`},
		{rcpt("::1", "h.example", "a@pass.example"), `mailfrom "pass.example" from ::1: not checked: the client is this host`},
		{rcpt("unknown", "h.example", ""), `helo from "unknown": none: there is no client address or no domain to ask about`},
	} {
		d, err := p.Explain(t.Context(), test.q)
		if err != nil || len(d.Steps) != 1 || strings.Join(d.Steps[0].Notes, "; ") != test.want {
			t.Errorf("%v, %v, want %s", d.Steps, err, test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for want, o := range map[string]Options{
		"write defer, prepend or pass":                       {Actions: map[Result]Act{TempError: Reject}},
		"write prepend or pass":                              {Actions: map[Result]Act{None: Defer}},
		"write one of reject, defer, prepend, pass":          {Actions: map[Result]Act{Fail: "bounce"}},
		"write one of [none neutral pass":                    {Actions: map[Result]Act{"hardfail": Reject}},
		"write 15s at most":                                  {Timeout: time.Minute},
		"the timeout is negative":                            {Timeout: -1},
		"the cache size is negative":                         {Cache: -1},
		"the cache time is negative":                         {Keep: -1},
		"the number of evaluations at once is negative":      {Parallel: -1},
		`"no domain" is no address and no domain`:            {SkipSenders: []string{"example.com", "no domain"}},
		`"a@.example.com" is no address and no domain`:       {SkipSenders: []string{"a@.example.com"}},
		`"" is no address and no domain: write user@example`: {SkipSenders: []string{""}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
