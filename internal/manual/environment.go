package manual

import (
	"strings"

	"github.com/spf13/cobra"
)

// environmentKey is the annotation of a command for its variables.
const environmentKey = "environment"

// SetEnvironment says what a command reads from the environment: a line each,
// of the names, a colon and what they mean. An empty text is nothing.
func SetEnvironment(cmd *cobra.Command, lines string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[environmentKey] = lines
}

// environment lists the variables of a command, if it has any.
func (p *page) environment(cmd *cobra.Command) {
	lines := cmd.Annotations[environmentKey]
	if lines == "" {
		return
	}
	p.section("ENVIRONMENT")
	for line := range strings.Lines(lines) {
		names, text, _ := strings.Cut(line, ": ")
		p.item(names, "", text)
	}
}
