// Command write makes the parts of the manual that come from the source:
//
//	go run ./internal/manual/write DIR
//
// writes DIR/man/postern.yaml.5 and DIR/etc/postern.yaml. It is run in the
// root of the source tree.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"postern/internal/manual"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: write DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(1)
	}
}

// write makes both files.
func write(dir string) error {
	settings, err := manual.Settings("internal/config")
	if err != nil {
		return err
	}
	base, err := os.ReadFile("postfix/postern.yaml")
	if err != nil {
		return err
	}
	example, err := manual.Example(settings, base)
	if err != nil {
		return err
	}
	date, err := manual.Date(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	page, err := manual.SettingsPage("internal/config", base, date)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"man/postern.yaml.5": page, "etc/postern.yaml": example} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
