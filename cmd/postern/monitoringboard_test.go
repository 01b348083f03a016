package main

import (
	"regexp"
	"slices"
	"testing"
)

// TestBoardPanels: every panel can be read, and asks the chosen data source.
func TestBoardPanels(t *testing.T) {
	b := readBoard(t)
	if b.SchemaVersion < 38 || b.SchemaVersion > 41 { // Grafana 10.0 and 12
		t.Errorf("schemaVersion %d", b.SchemaVersion)
	}
	ids := map[int]string{}
	for _, p := range b.all() {
		if other, taken := ids[p.ID]; taken || p.ID <= 0 {
			t.Errorf("%s has the id %d of %s", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		if p.Type == "row" {
			if p.Collapsed == nil || *p.Collapsed != (len(p.Panels) > 0) || len(p.Targets) > 0 {
				t.Errorf("row %s: collapsed, and its panels, disagree", p.Title)
			}
			continue
		}
		wantPanel(t, p)
	}
}

func wantPanel(t *testing.T, p boardPanel) {
	t.Helper()
	if !slices.Contains([]string{"stat", "timeseries", "heatmap", "table"}, p.Type) {
		t.Errorf("%s: type %s", p.Title, p.Type)
	}
	if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Options) == 0 {
		t.Errorf("panel %d %q: a title, a description, a unit or options are missing", p.ID, p.Title)
	}
	if p.Datasource == nil || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
		t.Errorf("%s: it has no data source, or nothing to ask", p.Title)
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if target.Datasource.Type != "prometheus" || target.Datasource.UID != "${datasource}" {
			t.Errorf("%s: data source %v", p.Title, target.Datasource)
		}
		if target.Expr == "" || target.LegendFormat == "" || refs[target.RefID] || target.RefID == "" || target.Instant == target.Range {
			t.Errorf("%s: target %+v", p.Title, target)
		}
		if want := map[string]string{"heatmap": "heatmap", "table": "table"}[p.Type]; want != "" && target.Format != want {
			t.Errorf("%s: format %s", p.Title, target.Format)
		}
		refs[target.RefID] = true
	}
}

// TestBoardLayout: no panel lies on another or beyond the 24 columns, and what
// stands below a row belongs to it.
func TestBoardLayout(t *testing.T) {
	b := readBoard(t)
	noOverlap(t, b.Panels)
	for _, p := range b.Panels {
		noOverlap(t, p.Panels)
	}
	if len(b.Panels) == 0 || b.Panels[0].Type != "row" {
		t.Error("the board does not begin with a row")
	}
	if !slices.IsSortedFunc(b.Panels, func(a, b boardPanel) int { return a.GridPos.Y - b.GridPos.Y }) {
		t.Error("the panels are not in the order of their lines")
	}
}

func noOverlap(t *testing.T, panels []boardPanel) {
	t.Helper()
	type cell struct{ x, y int }
	taken := map[cell]string{}
	for _, p := range panels {
		at := p.GridPos
		if at.X < 0 || at.W <= 0 || at.H <= 0 || at.X+at.W > 24 {
			t.Errorf("%s lies beyond the board: %+v", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[cell{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[cell{x, y}] = p.Title
			}
		}
	}
}

// TestBoardVariables: each variable that is asked for exists and comes after
// what it needs, and every question heeds job and instance.
func TestBoardVariables(t *testing.T) {
	b := readBoard(t)
	known := []string{"__rate_interval"}
	used := regexp.MustCompile(`\$\{?(\w+)`)
	for _, v := range b.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			for _, u := range used.FindAllStringSubmatch(query["query"].(string), -1) {
				if !slices.Contains(known, u[1]) {
					t.Errorf("variable %s asks for %s, which is not chosen yet", v.Name, u[1])
				}
			}
		}
		known = append(known, v.Name)
	}
	for _, want := range []string{"datasource", "job", "instance", "map"} {
		if !slices.Contains(known, want) {
			t.Errorf("no variable %s", want)
		}
	}
	for _, p := range b.all() {
		for _, target := range p.Targets {
			for _, u := range used.FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(known, u[1]) {
					t.Errorf("%s: no variable %s", p.Title, u[1])
				}
			}
			for _, m := range mentions(p.Title, target.Expr) {
				if !slices.Contains(m.labels, "job") || !slices.Contains(m.labels, "instance") {
					t.Errorf("%s: %s is asked of all jobs or instances", p.Title, m.metric)
				}
			}
		}
	}
}
