package grafana_test

// columns is the width of a board.
const columns = 24

// row is a heading and what stands under it.
type row struct {
	title  string
	folded bool // closed until somebody opens it
	panels []spec
}

// spec is a panel as rows_test.go writes it.
type spec struct {
	kind         string // stat, graph, heat, table
	title, about string
	unit         string // of Grafana: reqps, s, bytes, percentunit, short …
	w, h         int
	ask          []ask
	stacked      bool
	bad          float64 // stat: red from here on; 0: has no colours
	hide         []string
}

// ask is a question to Prometheus and the name of the answer. @ stands for the
// chosen jobs and instances.
type ask struct{ expr, legend string }

func stat(title, about, unit string, bad float64, expr string) spec {
	return spec{kind: "stat", title: title, about: about, unit: unit, w: 4, h: 4, bad: bad, ask: []ask{{expr, ""}}}
}

func graph(title, about, unit string, questions ...ask) spec {
	return spec{kind: "graph", title: title, about: about, unit: unit, w: 8, h: 8, ask: questions}
}

func stack(title, about, unit string, questions ...ask) spec {
	s := graph(title, about, unit, questions...)
	s.stacked = true
	return s
}

// heat is a heat map over the buckets of a histogram.
func heat(title, about, unit, bucket, selector string) spec {
	expr := "sum by (le) (increase(" + bucket + "{" + selector + "}[$__rate_interval]))"
	return spec{kind: "heat", title: title, about: about, unit: unit, w: 8, h: 8, ask: []ask{{expr, "{{le}}"}}}
}

// quantiles are the median and the 99th percentile of a histogram, by a label
// if one is given.
func quantiles(title, about, unit, bucket, selector, by string) spec {
	labels, suffix := "le", ""
	if by != "" {
		labels, suffix = by+", le", " {{"+by+"}}"
	}
	of := "sum by (" + labels + ") (rate(" + bucket + "{" + selector + "}[$__rate_interval])))"
	return graph(title, about, unit, ask{"histogram_quantile(0.5, " + of, "p50" + suffix}, ask{"histogram_quantile(0.99, " + of, "p99" + suffix})
}

func table(title, about, expr string, hide ...string) spec {
	return spec{kind: "table", title: title, about: about, unit: "short", w: 12, h: 6, ask: []ask{{expr, ""}}, hide: append([]string{"Time", "__name__"}, hide...)}
}

// wide is s over so many columns.
func (s spec) wide(w int) spec { s.w = w; return s }

// high is s over so many lines.
func (s spec) high(h int) spec { s.h = h; return s }

// layout gives panels their numbers and places.
type layout struct{ id, y int }

func (l *layout) next() int { l.id++; return l.id }

// row places a heading, and its panels from left to right, line after line.
func (l *layout) row(r row) []panel {
	head := panel{ID: l.next(), Type: "row", Title: r.title, Collapsed: &r.folded, GridPos: pos{1, columns, 0, l.y}}
	l.y++
	var placed []panel
	x, lowest := 0, l.y
	for _, s := range r.panels {
		if x+s.w > columns {
			x, l.y = 0, lowest
		}
		placed = append(placed, s.panel(l.next(), pos{s.h, s.w, x, l.y}))
		x, lowest = x+s.w, max(lowest, l.y+s.h)
	}
	if r.folded {
		l.y = head.GridPos.Y + 1 // what is folded takes no room
		head.Panels = placed
		return []panel{head}
	}
	l.y = lowest
	return append([]panel{head}, placed...)
}

func (s spec) panel(id int, at pos) panel {
	p := panel{ID: id, Title: s.title, Description: s.about, GridPos: at, Datasource: source(), Targets: s.targets()}
	switch s.kind {
	case "stat":
		p.Type, p.FieldConfig, p.Options = "stat", s.fields(obj{}), statOptions(s.bad > 0)
	case "graph":
		p.Type, p.FieldConfig, p.Options = "timeseries", s.fields(s.line()), graphOptions()
	case "heat":
		p.Type, p.FieldConfig, p.Options = "heatmap", s.fields(obj{"scaleDistribution": obj{"type": "linear"}}), heatOptions(s.unit)
	case "table":
		p.Type, p.FieldConfig, p.Options = "table", s.fields(obj{"align": "auto", "cellOptions": obj{"type": "auto"}}), tableOptions()
		p.Transformations = []obj{{"id": "organize", "options": obj{"excludeByName": names(s.hide), "indexByName": obj{}, "renameByName": obj{}}}}
	}
	return p
}

func (s spec) targets() []target {
	var all []target
	for i, a := range s.ask {
		t := target{Datasource: source(), EditorMode: "code", Expr: chosen(a.expr), LegendFormat: a.legend, RefID: string(rune('A' + i))}
		t.Format = map[string]string{"heat": "heatmap", "table": "table"}[s.kind]
		if t.Format == "" {
			t.Format = "time_series"
		}
		if t.LegendFormat == "" {
			t.LegendFormat = "__auto"
		}
		t.Instant = s.kind == "stat" || s.kind == "table"
		t.Range = !t.Instant
		all = append(all, t)
	}
	return all
}

// fields is the look of values; custom belongs to the kind of panel.
func (s spec) fields(custom obj) obj {
	steps := []obj{{"color": "green", "value": nil}}
	if s.bad > 0 {
		steps = append(steps, obj{"color": "red", "value": s.bad})
	}
	defaults := obj{
		"color": obj{"mode": "palette-classic"}, "custom": custom, "mappings": []any{}, "unit": s.unit,
		"thresholds": obj{"mode": "absolute", "steps": steps},
	}
	switch s.kind {
	case "stat":
		defaults["color"] = obj{"mode": "thresholds"}
	case "graph":
		defaults["min"] = 0
	}
	return obj{"defaults": defaults, "overrides": []any{}}
}

// line is how a graph draws.
func (s spec) line() obj {
	mode, fill := "none", 0
	if s.stacked {
		mode, fill = "normal", 40
	}
	return obj{
		"axisBorderShow": false, "axisCenteredZero": false, "axisColorMode": "text", "axisLabel": "", "axisPlacement": "auto",
		"barAlignment": 0, "drawStyle": "line", "fillOpacity": fill, "gradientMode": "none",
		"hideFrom": obj{"legend": false, "tooltip": false, "viz": false}, "insertNulls": false, "lineInterpolation": "linear",
		"lineWidth": 1, "pointSize": 5, "scaleDistribution": obj{"type": "linear"}, "showPoints": "never", "spanNulls": false,
		"stacking": obj{"group": "A", "mode": mode}, "thresholdsStyle": obj{"mode": "off"},
	}
}

func statOptions(coloured bool) obj {
	mode := "none"
	if coloured {
		mode = "background"
	}
	return obj{
		"colorMode": mode, "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": true,
		"reduceOptions": obj{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
}

func graphOptions() obj {
	return obj{
		"legend":  obj{"calcs": []string{"lastNotNull", "max"}, "displayMode": "table", "placement": "bottom", "showLegend": true},
		"tooltip": obj{"mode": "multi", "sort": "desc"},
	}
}

func heatOptions(unit string) obj {
	return obj{
		"calculate": false, "cellGap": 1, "cellValues": obj{"unit": "short"},
		"color": obj{
			"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false, "scale": "exponential", "scheme": "Oranges", "steps": 64,
		},
		"exemplars": obj{"color": "rgba(255,0,255,0.7)"}, "filterValues": obj{"le": 1e-9}, "legend": obj{"show": true},
		"rowsFrame": obj{"layout": "auto"}, "tooltip": obj{"mode": "single", "show": true, "showColorScale": false, "yHistogram": true},
		"yAxis": obj{"axisPlacement": "left", "reverse": false, "unit": unit},
	}
}

func tableOptions() obj {
	return obj{
		"cellHeight": "sm", "showHeader": true,
		"footer": obj{"countRows": false, "fields": "", "reducer": []string{"sum"}, "show": false},
	}
}

func names(hidden []string) obj {
	all := obj{}
	for _, name := range hidden {
		all[name] = true
	}
	return all
}
