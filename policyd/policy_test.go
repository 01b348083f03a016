package policyd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// scripted is a check that says what it was told to, and takes part in a
// protocol of who was asked.
type scripted struct {
	name    string
	verdict Verdict
	err     error
	charge  *scripted // asked in the end
	panics  bool
	asked   *[]string
}

func (s *scripted) Check(_ context.Context, q *Request) (Verdict, error) {
	*s.asked = append(*s.asked, s.name)
	if s.panics {
		panic("a bug")
	}
	if q.Explaining() {
		q.Notef("%s looked", s.name)
	}
	v := s.verdict
	if s.charge != nil {
		v.Charge = s.charge
	}
	return v, s.err
}

func (s *scripted) Charge(ctx context.Context, q *Request) (Verdict, error) { return s.Check(ctx, q) }

// TestChain judges one request by chains of scripted checks. A link reads
// NAME[:ACTION[+CHARGE]][/mode][/fail]; the first answer that refuses decides,
// and only then is nothing charged.
func TestChain(t *testing.T) {
	for _, c := range []struct {
		chain string
		want  string // action
		by    string // check
		asked string
	}{
		{"", "DUNNO", "", ""},
		{"a b c", "DUNNO", "", "a b c"},
		{"a b:reject c", "554 5.7.1 b", "b", "a b"},
		{"a:defer b:reject", "450 4.7.1 a", "a", "a"},
		{"a:prepend b", "PREPEND a", "a", "a b"},
		{"a:prepend b:reject", "554 5.7.1 b", "b", "a b"},
		{"a:prepend b:hold c", "HOLD b", "b", "a b c"},
		{"a:hold b:prepend c", "HOLD a", "a", "a b c"},
		{"a:prepend b:prepend", "PREPEND a", "a", "a b"},
		{"a:hold b:discard c:reject", "DISCARD b", "b", "a b"},
		{"a:greylist b:reject", "DEFER_IF_PERMIT 4.7.1 a", "a", "a"},

		{"a+dunno b", "DUNNO", "", "a b a'"},
		{"a+defer b", "450 4.7.1 a'", "a", "a b a'"},
		{"a+defer b:reject", "554 5.7.1 b", "b", "a b"},
		{"a+dunno b+defer c+dunno", "450 4.7.1 b'", "b", "a b c a' b'"},
		{"a:prepend+dunno b+defer", "450 4.7.1 b'", "b", "a b a' b'"},
		{"a:prepend+dunno b", "PREPEND a", "a", "a b a'"},
		{"a:prepend b+hold", "HOLD b'", "b", "a b b'"},

		{"a:reject/shadow b", "DUNNO", "", "a b"},
		{"a:reject/shadow b:defer", "450 4.7.1 b", "b", "a b"},
		{"a+reject/shadow b", "DUNNO", "", "a b a'"},
		{"a:reject+defer/shadow b", "DUNNO", "", "a b a'"},
		{"a:reject/off b", "DUNNO", "", "b"},

		{"a:trouble b", "no reply", "", "a"},
		{"a:trouble/open b:reject", "554 5.7.1 b", "b", "a b"},
		{"a:trouble/open b", "DUNNO", "", "a b"},
		{"a:trouble/closed b", "451 4.3.0 policy check a is not available, please try again", "a", "a"},
		{"a:trouble/shadow b", "DUNNO", "", "a b"},
		{"a:panic b", "no reply", "", "a"},
		{"a:panic/open b:defer", "450 4.7.1 b", "b", "a b"},
		{"a+trouble b", "no reply", "", "a b a'"},
		{"a+panic b", "no reply", "", "a b a'"},
		{"a+panic/open b", "DUNNO", "", "a b a'"},
		{"a+trouble/open b", "DUNNO", "", "a b a'"},
		{"a:reject b:trouble", "554 5.7.1 a", "a", "a"},
	} {
		t.Run(c.chain, func(t *testing.T) {
			var asked []string
			p := &Policy{Default: chainOf(t, c.chain, &asked)}
			d, err := p.Judge(context.Background(), &Request{State: "RCPT"})
			got := d.Action.String()
			if err != nil {
				got = "no reply"
			}
			if got != c.want || d.Check != c.by && err == nil {
				t.Errorf("answered %q by %q (%v), want %q by %q", got, d.Check, err, c.want, c.by)
			}
			if got := strings.Join(asked, " "); got != c.asked {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
		})
	}
}

// chainOf reads the links of a case.
func chainOf(t *testing.T, text string, asked *[]string) []Link {
	var chain []Link
	for word := range strings.FieldsSeq(text) {
		word, settings, _ := strings.Cut(word, "/")
		word, charge, charges := strings.Cut(word, "+")
		name, action, _ := strings.Cut(word, ":")
		check := says(t, name, action, asked)
		if charges {
			check.charge = says(t, name+"'", charge, asked)
		}
		l := Link{Name: name, Check: check, Mode: Enforce}
		switch settings {
		case "shadow", "off":
			l.Mode = Mode(settings)
		case "open", "closed":
			l.Fail = Fail(settings)
		}
		chain = append(chain, l)
	}
	return chain
}

func says(t *testing.T, name, action string, asked *[]string) *scripted {
	s := &scripted{name: name, asked: asked}
	switch action {
	case "", "dunno":
	case "reject":
		s.verdict.Action = Refuse(554, "5.7.1", name)
	case "defer":
		s.verdict.Action = Refuse(450, "4.7.1", name)
	case "greylist":
		s.verdict.Action = DeferIfPermit(name)
	case "prepend":
		s.verdict.Action = Prepend(name)
	case "hold":
		s.verdict.Action = Hold(name)
	case "discard":
		s.verdict = Verdict{Action: Discard("")}
		s.verdict.Action.text = name
	case "trouble":
		s.err = errors.New("out of order")
	case "panic":
		s.panics = true
	default:
		t.Fatalf("no action %q", action)
	}
	return s
}

// TestShadows: what a check in shadow would have answered is told beside what
// its own rules in shadow would have, and a DUNNO is nothing to tell.
func TestShadows(t *testing.T) {
	rule := Verdict{Action: Hold("rule"), Rule: "rule"}
	for _, c := range []struct {
		name    string
		verdict Verdict
		mode    Mode
		want    []string
	}{
		{"nothing", Verdict{}, Shadow, nil},
		{"its verdict", Verdict{Action: Refuse(554, "5.7.1", "check")}, Shadow, []string{"554 5.7.1 check"}},
		{"a rule in shadow", Verdict{Shadow: []Verdict{rule}}, Enforce, []string{"HOLD rule"}},
		{"both", Verdict{Action: Refuse(554, "5.7.1", "check"), Shadow: []Verdict{rule}}, Shadow, []string{"HOLD rule", "554 5.7.1 check"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Policy{Default: []Link{{Name: "a", Check: &scripted{verdict: c.verdict, asked: new([]string)}, Mode: c.mode}}}
			d, err := p.Judge(context.Background(), &Request{})
			var got []string
			for _, s := range d.Shadows {
				got = append(got, s.Action.String())
			}
			if err != nil || !d.Action.IsDunno() || !slices.Equal(got, c.want) {
				t.Errorf("%v, shadows %q (%v), want %q", d.Action, got, err, c.want)
			}
		})
	}
}

func TestContexts(t *testing.T) {
	var asked []string
	p := &Policy{
		Chains:  map[string][]Link{"gate": chainOf(t, "a", &asked), "empty": nil},
		Default: chainOf(t, "b", &asked),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	}
	for _, c := range []struct{ context, asked string }{{"gate", "a"}, {"", "b"}, {"elsewhere", "b"}, {"empty", ""}} {
		asked = nil
		if _, err := p.Judge(context.Background(), &Request{Context: c.context}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(asked, " "); got != c.asked {
			t.Errorf("context %q: asked %q, want %q", c.context, got, c.asked)
		}
	}
	if n := testutil.ToFloat64(p.Metrics.unknownContext); n != 1 {
		t.Errorf("%v requests of an unknown context, want 1", n)
	}
}

// TestShadow: what does not act is counted and told all the same.
func TestShadow(t *testing.T) {
	var asked []string
	p := &Policy{Default: chainOf(t, "a:reject/shadow b:defer", &asked), Metrics: NewMetrics(prometheus.NewRegistry())}
	d, err := p.Judge(context.Background(), &Request{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Shadows) != 1 || d.Shadows[0].Check != "a" || d.Shadows[0].Action.Name() != "reject" {
		t.Errorf("shadows %+v", d.Shadows)
	}
	for key, want := range map[verdictKey]float64{
		{"a", "", "shadow_reject"}: 1, {"a", "", "dunno"}: 1, {"b", "", "defer"}: 1, {"a", "", "reject"}: 0,
	} {
		if got := testutil.ToFloat64(p.Metrics.decisions.WithLabelValues(key.check, key.rule, key.action)); got != want {
			t.Errorf("%v counted %v times, want %v", key, got, want)
		}
	}
}

// TestCounted: a check that charges is counted once, and not at all where
// another refuses; the usual verdict needs no look-up.
func TestCounted(t *testing.T) {
	for _, c := range []struct {
		chain string
		want  map[verdictKey]float64
	}{
		{"a+dunno b", map[verdictKey]float64{{"a", "", "dunno"}: 1, {"b", "", "dunno"}: 1}},
		{"a+defer b", map[verdictKey]float64{{"a", "", "dunno"}: 0, {"a", "", "defer"}: 1, {"b", "", "dunno"}: 1}},
		{"a+dunno b:reject", map[verdictKey]float64{{"a", "", "dunno"}: 0, {"b", "", "reject"}: 1, {"b", "", "dunno"}: 0}},
		{"a:prepend+dunno b", map[verdictKey]float64{{"a", "", "prepend"}: 1, {"a", "", "dunno"}: 1, {"b", "", "dunno"}: 1}},
	} {
		for _, counted := range []bool{false, true} {
			var asked []string
			p := &Policy{Default: chainOf(t, c.chain, &asked), Metrics: NewMetrics(prometheus.NewRegistry())}
			for i, l := range p.Default {
				if counted {
					p.Default[i] = p.Metrics.Counted(l)
				}
			}
			if _, err := p.Judge(context.Background(), &Request{}); err != nil {
				t.Fatal(err)
			}
			for key, want := range c.want {
				if got := testutil.ToFloat64(p.Metrics.decisions.WithLabelValues(key.check, key.rule, key.action)); got != want {
					t.Errorf("%s, counted %v: %v stands at %v, want %v", c.chain, counted, key, got, want)
				}
			}
		}
	}
}

// TestExplainAll: checks behind the decision are told of, and do not change it.
func TestExplainAll(t *testing.T) {
	for _, c := range []struct{ chain, want, told string }{
		{"a+defer b:reject c:defer", "554 5.7.1 b", "a b c! a!"},
		{"a:trouble b:reject", "trouble", "a b!"},
		{"a:prepend b:reject c:hold", "554 5.7.1 b", "a b c!"},
	} {
		var asked []string
		p := &Policy{Default: chainOf(t, c.chain, &asked)}
		d, err := p.Explain(context.Background(), &Request{})
		got := d.Action.String()
		if err != nil {
			got = "trouble"
		}
		var told []string
		for _, s := range d.Steps {
			if s.Moot {
				s.Check += "!"
			}
			told = append(told, s.Check)
		}
		if got != c.want || strings.Join(told, " ") != c.told {
			t.Errorf("%s: %s, told %v; want %s, %s", c.chain, got, told, c.want, c.told)
		}
	}
}

// TestExplain: every link is told of, and no metric moves.
func TestExplain(t *testing.T) {
	var asked []string
	p := &Policy{Default: chainOf(t, "a b/off c+defer d:trouble/open", &asked), Metrics: NewMetrics(prometheus.NewRegistry())}
	q := &Request{}
	d, err := p.Explain(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, s := range d.Steps {
		told = append(told, s.Check+" "+s.Verdict+s.Skipped+" "+strings.Join(s.Notes, ","))
	}
	want := []string{"a DUNNO a looked", "b it is off ", "c DUNNO c looked", "d DUNNO d looked,trouble: out of order", "c 450 4.7.1 c' c' looked"}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if !q.Peek {
		t.Error("the request was not marked as one that charges nothing")
	}
	if n := testutil.CollectAndCount(p.Metrics.decisions); n != 0 {
		t.Errorf("%d decisions were counted", n)
	}
}

// quiet has nothing to say before the end.
type quiet struct{ last string }

func (quiet) Check(_ context.Context, q *Request) (Verdict, error) {
	return Verdict{Charge: quiet{"budget"}}, nil
}

func (c quiet) Charge(_ context.Context, q *Request) (Verdict, error) {
	if c.last != "" && q.Sender != "" {
		q.Notef("%s", c.last)
	}
	return Verdict{}, nil
}

// TestExplainOnce: a check that is asked twice and speaks once is one step.
func TestExplainOnce(t *testing.T) {
	p := &Policy{Default: []Link{{Name: "limits", Check: quiet{}}}}
	for sender, want := range map[string]int{"a@example.org": 1, "": 0} {
		d, err := p.Explain(context.Background(), &Request{Sender: sender})
		if err != nil || len(d.Steps) != want || want == 1 && !slices.Equal(d.Steps[0].Notes, []string{"budget"}) {
			t.Errorf("sender %q: steps %+v (%v), want %d", sender, d.Steps, err, want)
		}
	}
}
