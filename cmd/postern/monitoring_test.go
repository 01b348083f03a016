package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

const (
	boardFile = "../../deploy/grafana/postern.json"
	rulesFile = "../../deploy/prometheus/postern.rules.yml"
	alertDocs = "../../docs/alerts.md"
	someDocs  = "../../docs/operations.md"
)

// mention is a metric that a text names, with the labels it names of it.
type mention struct {
	metric string
	labels []string
	where  string
}

// metricNamed finds metrics in expressions and in texts. A name that ends in _
// is a part of a pattern, or of a family that a text speaks of.
var (
	metricNamed = regexp.MustCompile(`\b((?:postern|process|go)_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)
	labelNamed  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=|,|$)`)
	labelValue  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	grouped     = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
)

// mentions are the metrics of a text.
func mentions(where, text string) []mention {
	var all []mention
	for _, found := range metricNamed.FindAllStringSubmatch(text, -1) {
		m := mention{metric: found[1], where: where}
		for _, label := range labelNamed.FindAllStringSubmatch(labelValue.ReplaceAllString(found[2], ""), -1) {
			m.labels = append(m.labels, label[1])
		}
		all = append(all, m)
	}
	return all
}

// family is the one that a name belongs to, such as that of a bucket.
func family(families map[string]*dto.MetricFamily, name string) *dto.MetricFamily {
	if f := families[name]; f != nil {
		return f
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, cut := strings.CutSuffix(name, suffix)
		if f := families[base]; cut && f != nil && (f.GetType() == dto.MetricType_HISTOGRAM || f.GetType() == dto.MetricType_SUMMARY && suffix != "_bucket") {
			return f
		}
	}
	return nil
}

// labelsOf are those of a family, and those that Prometheus adds.
func labelsOf(f *dto.MetricFamily) []string {
	labels := []string{"job", "instance"}
	switch f.GetType() {
	case dto.MetricType_HISTOGRAM:
		labels = append(labels, "le")
	case dto.MetricType_SUMMARY:
		labels = append(labels, "quantile")
	}
	for _, pair := range f.GetMetric()[0].GetLabel() {
		labels = append(labels, pair.GetName())
	}
	return labels
}

// wrong says what of a mention does not exist.
func wrong(families map[string]*dto.MetricFamily, m mention) string {
	f := family(families, m.metric)
	if f == nil {
		return m.where + ": no process has a metric " + m.metric
	}
	for _, label := range m.labels {
		if !slices.Contains(labelsOf(f), label) {
			return m.where + ": " + m.metric + " has no label " + label + ", but " + strings.Join(labelsOf(f), ", ")
		}
	}
	return ""
}

// expression is one of the board or of the rules.
type expression struct{ where, expr string }

// wrongIn says what of an expression does not exist: the metrics, their labels,
// and labels that it groups by.
func wrongIn(families map[string]*dto.MetricFamily, e expression) []string {
	var all, known []string
	for _, m := range mentions(e.where, e.expr) {
		if problem := wrong(families, m); problem != "" {
			all = append(all, problem)
			continue
		}
		known = append(known, labelsOf(family(families, m.metric))...)
	}
	for _, by := range grouped.FindAllStringSubmatch(e.expr, -1) {
		for label := range strings.SplitSeq(by[1], ",") {
			if label = strings.TrimSpace(label); len(known) > 0 && !slices.Contains(known, label) {
				all = append(all, e.where+": nothing has a label "+label+" to group by: "+e.expr)
			}
		}
	}
	return all
}

// alertRules is a file of rules.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Record, Alert, Expr, For string
			Labels, Annotations      map[string]string
		}
	}
}

func readRules(t *testing.T) alertRules {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	var r alertRules
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r alertRules) expressions() []expression {
	var all []expression
	for _, g := range r.Groups {
		for _, rule := range g.Rules {
			all = append(all, expression{rulesFile + ": " + cmp.Or(rule.Alert, rule.Record), rule.Expr})
		}
	}
	return all
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetricsThatAreNamed: board, rules and documents name nothing that no
// process has.
func TestMetricsThatAreNamed(t *testing.T) {
	families := exposed(t)
	var problems []string
	for _, e := range slices.Concat(readBoard(t).expressions(), readRules(t).expressions()) {
		problems = append(problems, wrongIn(families, e)...)
	}
	for _, path := range []string{alertDocs, someDocs} {
		for _, m := range mentions(path, readText(t, path)) {
			if problem := wrong(families, m); problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// TestRecordingsAreNamed: what rules take from recordings is recorded.
func TestRecordingsAreNamed(t *testing.T) {
	rules, recorded, used := readRules(t), map[string]bool{}, map[string]bool{}
	for _, e := range rules.expressions() {
		for _, name := range regexp.MustCompile(`\bpostern:[a-z0-9_:]+`).FindAllString(e.expr, -1) {
			used[name] = true
		}
	}
	for _, g := range rules.Groups {
		for _, rule := range g.Rules {
			recorded[rule.Record] = true
		}
	}
	for name := range used {
		if !recorded[name] {
			t.Errorf("%s: nothing records %s", rulesFile, name)
		}
	}
}

// TestWrongMentions: the test above can fail.
func TestWrongMentions(t *testing.T) {
	families := exposed(t)
	for expr, want := range map[string]string{
		`rate(postern_lookup_requests_total{map="x", result=~"a|b"}[5m])`:                          "",
		`sum by (map, le) (rate(postern_lookup_duration_seconds_bucket[5m]))`:                      "",
		`postern_lookup_duration_seconds_total`:                                                    "no process has a metric postern_lookup_duration_seconds_total",
		`postern_connections_bucket`:                                                               "no process has a metric postern_connections_bucket",
		`postern_connections{daemon="x", end="y"}`:                                                 "postern_connections has no label end, but job, instance, daemon",
		`sum by (map, rule) (postern_lookup_requests_total)`:                                       "nothing has a label rule to group by: sum by (map, rule) (postern_lookup_requests_total)",
		`process_open_fds{job="x"} > 1 and on (instance) postern_build_info{version="x", com="y"}`: "postern_build_info has no label com, but job, instance, commit, version",
	} {
		got := strings.Join(wrongIn(families, expression{"", expr}), "; ")
		if want = cmp.Or(want, ""); strings.TrimPrefix(got, ": ") != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// TestAlertsAreDocumented: each alert says how bad it is, what happens to mail
// and where to read on, and each section there has its alert.
func TestAlertsAreDocumented(t *testing.T) {
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (Postern\w+)$`).FindAllStringSubmatch(readText(t, alertDocs), -1) {
		sections[heading[1]] = true
	}
	for _, g := range readRules(t).Groups {
		for _, rule := range g.Rules {
			if rule.Alert == "" {
				continue
			}
			if !sections[rule.Alert] {
				t.Errorf("%s has no section in %s", rule.Alert, alertDocs)
			}
			delete(sections, rule.Alert)
			if want := "docs/alerts.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
				t.Errorf("%s: runbook %q, want %q", rule.Alert, rule.Annotations["runbook"], want)
			}
			if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) {
				t.Errorf("%s: severity %q", rule.Alert, rule.Labels["severity"])
			}
			for _, annotation := range []string{"summary", "description"} {
				if rule.Annotations[annotation] == "" {
					t.Errorf("%s has no %s", rule.Alert, annotation)
				}
			}
		}
	}
	for section := range sections {
		t.Errorf("%s: no rule is named %s", alertDocs, section)
	}
}

// TestAlertsAreTested: promtool's file has a case that fires for each alert, and
// one that does not.
func TestAlertsAreTested(t *testing.T) {
	tests := readText(t, strings.Replace(rulesFile, ".rules.yml", ".rules.test.yml", 1))
	for _, g := range readRules(t).Groups {
		for _, rule := range g.Rules {
			if rule.Alert == "" {
				continue
			}
			if !strings.Contains(tests, `exp_samples: [{labels: '{alertname="`+rule.Alert+`"}', value: 1}]`) {
				t.Errorf("no test has %s fire", rule.Alert)
			}
			if !regexp.MustCompile(`(?m)- name: "not ` + rule.Alert + `\b`).MatchString(tests) {
				t.Errorf("no test has %s silent", rule.Alert)
			}
		}
	}
}

// TestMetricsAreNamedWell: promlint has nothing to say.
func TestMetricsAreNamedWell(t *testing.T) {
	var text bytes.Buffer
	for _, f := range exposed(t) {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	problems, err := promlint.New(&text).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// boardPanel is what the tests read of a panel.
type boardPanel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               *struct{ Type, UID string }
	Collapsed                *bool
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Options json.RawMessage
	Targets []struct {
		Datasource                        struct{ Type, UID string }
		Expr, RefID, LegendFormat, Format string
		Instant, Range                    bool
	}
	Panels []boardPanel
}

type dashboard struct {
	SchemaVersion int
	Title         string
	Annotations   struct{ List []struct{ Name, Expr string } }
	Templating    struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []boardPanel
}

func readBoard(t *testing.T) dashboard {
	t.Helper()
	var b dashboard
	if err := json.Unmarshal([]byte(readText(t, boardFile)), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// expressions are those of the panels, the annotations and the variables.
func (b dashboard) expressions() []expression {
	var all []expression
	for _, p := range b.all() {
		for _, target := range p.Targets {
			all = append(all, expression{boardFile + ": " + p.Title, target.Expr})
		}
	}
	for _, a := range b.Annotations.List {
		all = append(all, expression{boardFile + ": annotation " + a.Name, a.Expr})
	}
	for _, v := range b.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			expr, _ := query["query"].(string)
			all = append(all, expression{boardFile + ": variable " + v.Name, expr})
		}
	}
	return all
}

// all are the panels, with those of collapsed rows.
func (b dashboard) all() []boardPanel {
	var all []boardPanel
	for _, p := range b.Panels {
		all = append(append(all, p), p.Panels...)
	}
	return all
}
