package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTwin(t *testing.T) {
	tests := []struct {
		name, text string
		share      float64
		trouble    string
	}{
		{"percent", "twin: {share: 2.5%, maps: {virtual: [a.cf, /b.cf]}}", 0.025, ""},
		{"fraction", "twin: {share: 0.01, maps: {virtual: [a.cf]}}", 0.01, ""},
		{"all", "twin: {share: 1, maps: {virtual: [a.cf]}}", 1, ""},
		{"default", "twin: {maps: {virtual: [a.cf]}}", 0.01, ""},
		{"nothing", "twin:\n  share: 0\n  maps: {virtual: [a.cf]}", 0, `x.yaml:2: "0" is not a share of the questions: write a percentage, as in 1%, or a fraction`},
		{"more than all", "twin:\n  share: 101%", 0, "x.yaml:2: "},
		{"no number", "twin:\n  share: NaN", 0, "x.yaml:2: "},
		{"no maps", "\ntwin: {share: 1%}", 0, "x.yaml:2: twin needs maps"},
		{"unknown map", "twin:\n  maps:\n    virtual-alias: [a.cf]", 0, `x.yaml:3: map "virtual-alias" is not known: did you mean "virtual-aliases"?`},
		{"no table", "twin:\n  maps:\n    srs-forward: [a.cf]", 0, "x.yaml:3: map \"srs-forward\" asks no table"},
		{"no files", "twin:\n  maps:\n    virtual: []", 0, "x.yaml:3: map \"virtual\" needs the mysql_table(5) files"},
		{"as in main.cf", "twin:\n  maps:\n    virtual:\n      - a.cf\n      - mysql:/b.cf", 0, `x.yaml:5: "mysql:/b.cf": write the path of the file alone`},
		{"unknown key", "twin:\n  maps: {virtual: [a.cf]}\n  shares: 1%", 0, `x.yaml:3: unknown key "shares" in twin: did you mean "share"?`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("/etc/x.yaml", []byte(tt.text))
			if tt.trouble != "" {
				if err == nil || !strings.Contains(err.Error(), tt.trouble) {
					t.Fatalf("%v, want %s", err, tt.trouble)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Twin.Fraction(); got != tt.share {
				t.Errorf("share %v, want %v", got, tt.share)
			}
			for _, file := range c.Twin.Maps["virtual"] {
				if !filepath.IsAbs(file) {
					t.Errorf("file %s", file)
				}
			}
		})
	}
}
