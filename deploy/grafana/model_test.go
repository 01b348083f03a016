// Package grafana_test makes postern.json, the Grafana board, out of the rows
// of panels in rows_test.go:
//
//	go test ./deploy/grafana -update
//
// What it writes is the dashboard model of Grafana 10 (schemaVersion 39),
// which later releases read.
package grafana_test

import "strings"

// board is a dashboard.
type board struct {
	Annotations   list    `json:"annotations"`
	Description   string  `json:"description"`
	Editable      bool    `json:"editable"`
	GraphTooltip  int     `json:"graphTooltip"` // 1: one crosshair for all
	ID            *int    `json:"id"`
	Links         []any   `json:"links"`
	Panels        []panel `json:"panels"`
	Refresh       string  `json:"refresh"`
	SchemaVersion int     `json:"schemaVersion"`
	Tags          []any   `json:"tags"`
	Templating    list    `json:"templating"`
	Time          obj     `json:"time"`
	Timezone      string  `json:"timezone"`
	Title         string  `json:"title"`
}

type (
	obj  map[string]any
	list struct {
		List []obj `json:"list"`
	}
)

// panel is a panel, or the head of a row.
type panel struct {
	ID              int      `json:"id"`
	Type            string   `json:"type"`
	Title           string   `json:"title"`
	Description     string   `json:"description,omitempty"`
	GridPos         pos      `json:"gridPos"`
	Collapsed       *bool    `json:"collapsed,omitempty"` // rows
	Datasource      obj      `json:"datasource,omitempty"`
	Targets         []target `json:"targets,omitempty"`
	FieldConfig     obj      `json:"fieldConfig,omitempty"`
	Options         obj      `json:"options,omitempty"`
	Transformations []obj    `json:"transformations,omitempty"`
	Panels          []panel  `json:"panels,omitempty"` // of a collapsed row
}

type pos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	Datasource   obj    `json:"datasource"`
	EditorMode   string `json:"editorMode"`
	Expr         string `json:"expr"`
	Format       string `json:"format"` // time_series, heatmap, table
	Instant      bool   `json:"instant"`
	LegendFormat string `json:"legendFormat"`
	Range        bool   `json:"range"`
	RefID        string `json:"refId"`
}

// source is whatever the variable datasource has.
func source() obj { return obj{"type": "prometheus", "uid": "${datasource}"} }

// chosen puts the variables in the place of @.
func chosen(expr string) string {
	return strings.ReplaceAll(expr, "@", `job=~"$job", instance=~"$instance"`)
}

// variable is a choice from the values of a label, all at first.
func variable(name, label, query string) obj {
	return obj{
		"name": name, "label": label, "type": "query", "datasource": source(),
		"definition": query, "query": obj{"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
		"refresh": 2, "regex": "", "sort": 1, "multi": true, "includeAll": true, "allValue": ".*",
		"current": obj{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
		"hide":    0, "options": []any{}, "skipUrlSync": false,
	}
}

// newBoard lays the rows out under one another.
func newBoard(rows []row) board {
	b := board{
		Annotations: list{[]obj{
			{
				"builtIn": 1, "datasource": obj{"type": "grafana", "uid": "-- Grafana --"}, "enable": true, "hide": true,
				"iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
			},
			{
				"datasource": source(), "enable": true, "hide": false, "iconColor": "blue", "name": "Starts", "step": "60s",
				"expr":        chosen(`changes(process_start_time_seconds{@}[2m]) > 0`),
				"titleFormat": "start", "textFormat": "{{instance}}",
			},
		}},
		Description: "What Postfix asks postern, and how it is answered.",
		Editable:    true, GraphTooltip: 1, Links: []any{}, Refresh: "30s", SchemaVersion: 39,
		Tags: []any{"postern", "postfix", "mail"}, Time: obj{"from": "now-6h", "to": "now"}, Title: "postern",
		Templating: list{[]obj{
			{
				"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": obj{},
				"hide": 0, "includeAll": false, "multi": false, "options": []any{}, "refresh": 1, "regex": "", "skipUrlSync": false,
			},
			variable("job", "Job", `label_values(postern_build_info, job)`),
			variable("instance", "Instance", `label_values(postern_build_info{job=~"$job"}, instance)`),
			variable("map", "Map", `label_values(postern_lookup_requests_total{job=~"$job", instance=~"$instance"}, map)`),
		}},
	}
	l := layout{}
	for _, r := range rows {
		b.Panels = append(b.Panels, l.row(r)...)
	}
	return b
}
