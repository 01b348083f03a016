package manual

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands lists the commands that have a page: all but hidden ones and those
// that cobra adds.
func Commands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, sub := range root.Commands() {
		if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, Commands(sub)...)
		}
	}
	return all
}

// PageName is the name of a command's page: postern-policy-record.
func PageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// CommandPage is the page of a command in section 8.
func CommandPage(cmd *cobra.Command, date time.Time) []byte {
	p := newPage(PageName(cmd), 8, date)
	p.section("NAME")
	p.line(literal(PageName(cmd)) + ` \- ` + escaped(lowerFirst(cmd.Short)))
	p.section("SYNOPSIS")
	p.synopsis(cmd)
	p.section("DESCRIPTION")
	prose, exits := apart(cmd.Long)
	for _, text := range prose {
		p.paragraph(text)
	}
	p.aliases(cmd)
	p.commands(cmd)
	p.options(cmd)
	p.exitStatus(exits)
	p.environment(cmd)
	p.section("EXAMPLES")
	p.verbatim(unindented(cmd.Example))
	p.files(cmd)
	p.seeAlso(references(cmd)...)
	return p.Bytes()
}

// synopsis writes the line of usage, the command itself in bold.
func (p *page) synopsis(cmd *cobra.Command) {
	arguments := strings.TrimSpace(strings.TrimPrefix(cmd.Use, cmd.Name()))
	if cmd.HasAvailableSubCommands() && arguments == "" {
		arguments = "COMMAND [OPTION]... [ARGUMENT]..."
	} else if !spellsOptions(cmd) {
		arguments = "[OPTION]... " + arguments
	}
	p.line(strings.TrimSpace(`\fB` + literal(cmd.CommandPath()) + `\fR ` + literal(arguments)))
}

// spellsOptions reports whether the line of usage has every flag in it.
func spellsOptions(cmd *cobra.Command) bool {
	all := true
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && !strings.Contains(cmd.Use, "--"+f.Name) {
			all = false
		}
	})
	return all
}

// aliases tells other names of a command.
func (p *page) aliases(cmd *cobra.Command) {
	if len(cmd.Aliases) > 0 {
		p.paragraph("It has another name, too: " + strings.Join(cmd.Aliases, ", ") + ".")
	}
}

// commands lists what stands below a command.
func (p *page) commands(cmd *cobra.Command) {
	below := Commands(cmd)[1:]
	if len(below) == 0 {
		return
	}
	p.section("COMMANDS")
	for _, sub := range below {
		if sub.Parent() == cmd {
			p.item(sub.Name(), "", sub.Short+". See "+PageName(sub)+"(8).")
		}
	}
}

// options lists the flags.
func (p *page) options(cmd *cobra.Command) {
	begun := false
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if !begun {
			p.section("OPTIONS")
			begun = true
		}
		name, usage := pflag.UnquoteUsage(f)
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		if name != "" {
			term += " " + strings.ToUpper(name)
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && !strings.Contains(usage, "(default") {
			usage += ". Default: " + f.DefValue
		}
		p.item(term, "", upperFirst(usage)+".")
	})
}

// exitStatus tells what the shell gets.
func (p *page) exitStatus(own []string) {
	p.section("EXIT STATUS")
	for _, text := range own {
		p.paragraph(text)
	}
	if own != nil {
		p.paragraph("In general:")
	}
	for _, s := range []struct{ status, text string }{
		{"0", "Yes, found, done."},
		{"1", "No, not found, not done."},
		{"2", "The command line cannot be meant so."},
		{"75", "Temporary trouble (EX_TEMPFAIL): try again."},
		{"78", "The configuration is wrong (EX_CONFIG); the line names the file and the line in it."},
	} {
		p.item(s.status, "", s.text)
	}
}

// files lists the files of commands that read the configuration.
func (p *page) files(cmd *cobra.Command) {
	if cmd.Flags().Lookup("config") == nil && cmd.HasParent() {
		return
	}
	p.section("FILES")
	p.item("/etc/postern/postern.yaml", "", "The configuration, unless --config names another.")
}

// references are the pages beside a command's: above, below, and what it reads.
func references(cmd *cobra.Command) (pages []string) {
	if cmd.HasParent() {
		pages = append(pages, PageName(cmd.Parent())+"(8)")
	}
	for _, sub := range Commands(cmd)[1:] {
		if sub.Parent() == cmd {
			pages = append(pages, PageName(sub)+"(8)")
		}
	}
	pages = append(pages, "postern.yaml(5)")
	if !cmd.HasParent() {
		pages = append(pages, "postfix(1)", "socketmap_table(5)", "tcp_table(5)", "mysql_table(5)")
	}
	return pages
}

// apart takes the sentences on exit statuses out of a description.
func apart(long string) (prose, exits []string) {
	for paragraph := range strings.SplitSeq(long, "\n\n") {
		text := strings.Join(strings.Fields(paragraph), " ")
		before, after, found := strings.Cut(text, "Exit status ")
		if found {
			end := len(after)
			if i := strings.Index(after, ". "); i >= 0 {
				end = i + 1
			}
			exits = append(exits, "Exit status "+after[:end])
			text = strings.TrimSpace(before + strings.TrimSpace(after[end:]))
		}
		if text != "" {
			prose = append(prose, text)
		}
	}
	return prose, exits
}

// unindented takes the two blanks away that --help needs.
func unindented(example string) string {
	var b strings.Builder
	for line := range strings.Lines(example) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}

// lowerFirst is a sentence as a part of a line of whatis(1); names such as
// OpenDKIM stay.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
