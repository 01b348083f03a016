package grafana_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write postern.json")

const file = "postern.json"

// written is the board as the file has it.
func written(t *testing.T) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(newBoard(rows())); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// TestBoard says when the file is not what the rows of panels make.
func TestBoard(t *testing.T) {
	want := written(t)
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the panels make: run go test ./deploy/grafana -update", file)
	}
}
