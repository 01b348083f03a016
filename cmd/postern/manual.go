package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/manual"
)

// newManual is for those who build packages: hidden from users, who have man(1).
func newManual() *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIR",
		Short:  "Write the man pages of all commands and the completions of shells",
		Hidden: true,
		Long: "Write the man pages of all commands into DIR/man, and completions for bash, zsh and fish into\n" +
			"DIR/completions. The date of the pages is SOURCE_DATE_EPOCH, in Unix seconds, or today.",
		Example: "  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) postern manual bin",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := manualFiles(cmd.Root(), os.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return usage("%w", err)
			}
			for name, text := range files {
				path := filepath.Join(args[0], name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return temporary(err)
				}
				if err := os.WriteFile(path, text, 0o644); err != nil {
					return temporary(err)
				}
			}
			return nil
		},
	}
}

// manualFiles are pages and completions by their names.
func manualFiles(root *cobra.Command, epoch string) (map[string][]byte, error) {
	date, err := manual.Date(epoch)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, cmd := range manual.Commands(root) {
		files["man/"+manual.PageName(cmd)+".8"] = manual.CommandPage(cmd, date)
	}
	for name, write := range map[string]func(io.Writer) error{
		"postern.bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"_postern":     root.GenZshCompletion,
		"postern.fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
	} {
		var script bytes.Buffer
		if err := write(&script); err != nil {
			return nil, err
		}
		files["completions/"+name] = script.Bytes()
	}
	return files, nil
}
