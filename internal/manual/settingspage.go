package manual

import (
	"errors"
	"go/doc/comment"
	"reflect"
	"strings"
	"time"

	"postern/internal/config"
)

// SettingsPage is postern.yaml(5), from package config in its folder dir, with
// base as its example.
func SettingsPage(dir string, base []byte, date time.Time) ([]byte, error) {
	source, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	settings, errs := source.block(reflect.ValueOf(*config.Defaults()), "")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	p := newPage("postern.yaml", 5, date)
	p.section("NAME")
	p.line(`postern.yaml \- configuration of the daemons and commands of postern`)
	p.section("SYNOPSIS")
	p.line(`\fB` + config.DefaultFile + `\fR`)
	p.section("DESCRIPTION")
	p.paragraph("A daemon checks the whole file before it starts, and before it reads it again at SIGHUP: " +
		"with an error nothing starts, and nothing is changed. File names are relative to the folder of the file.")
	p.packageDoc(source.pkg)
	p.paragraph("In the list below a default, or an example where there is none, stands beside each setting. An empty default means that the setting has no effect.")
	p.topLevel(settings)
	p.section("EXAMPLE")
	p.paragraph("A forwarding host with a Postfix that is wired as in /usr/share/postern/postfix:")
	p.verbatim(withoutComments(string(base)))
	p.section("FILES")
	for _, f := range []struct{ name, text string }{
		{config.DefaultFile, "The configuration. /usr/share/doc/postern has documents on each of its blocks."},
		{"/etc/postern/database.password", "The password of the database, named by database.password_file."},
		{"/etc/postern/srs.secret", "The secrets of SRS, named by srsd.secrets_file."},
		{"/var/lib/postern", "What outlives a restart: state_dir."},
		{"/run/postern", "The control sockets: control."},
	} {
		p.item(f.name, "", f.text)
	}
	p.seeAlso("postern(8)", "postern-check(8)", "postern-serve(8)", "postconf(5)", "socketmap_table(5)", "tcp_table(5)", "mysql_table(5)", "systemd.exec(5)")
	return p.Bytes(), nil
}

// packageDoc takes over what package config says about the file.
func (p *page) packageDoc(doc *comment.Doc) {
	inside := false
	for _, block := range doc.Content {
		switch b := block.(type) {
		case *comment.Heading:
			title := plainText(b.Text)
			if inside = title != "Who reads what"; inside {
				p.subsection(title)
			}
		case *comment.Paragraph:
			if inside {
				p.paragraph(plainText(b.Text))
			}
		}
	}
}

// plainText joins the parts of a text.
func plainText(parts []comment.Text) string {
	var b strings.Builder
	for _, part := range parts {
		switch t := part.(type) {
		case comment.Plain:
			b.WriteString(string(t))
		case comment.Italic:
			b.WriteString(string(t))
		}
	}
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// topLevel writes settings without a block first, then each block.
func (p *page) topLevel(settings []Setting) {
	p.section("SETTINGS OUTSIDE OF BLOCKS")
	for _, s := range settings {
		if s.Form != Block && s.Settings == nil {
			p.item(s.Key, note(s), s.Doc)
		}
	}
	for _, s := range settings {
		if s.Form == Block || s.Settings != nil {
			p.section("BLOCK " + strings.ToUpper(s.Key))
			p.block(s)
		}
	}
}

// block writes the settings of a block, and after them the blocks in it.
func (p *page) block(s Setting) {
	p.paragraph(s.Doc)
	p.samples(s)
	var shared []string
	for _, one := range s.Settings {
		switch {
		case one.Shared && s.Key != "srs":
			shared = append(shared, one.Key)
		case one.Form != Block && one.Settings == nil:
			p.item(one.Key, note(one), one.Doc)
			p.samples(one)
		}
	}
	if shared != nil {
		p.item(strings.Join(shared, ", "), "", "As in policyd.srs.")
	}
	for _, one := range s.Settings {
		if one.Form == Block || one.Settings != nil {
			p.subsection(one.Path)
			p.block(one)
		}
	}
}

// samples shows entries of lists and mappings.
func (p *page) samples(s Setting) {
	if s.Form != List && s.Form != ByNames || s.Default == nil && s.Example == nil {
		return
	}
	title := "Default:"
	if s.Example != nil {
		title = "Example:"
	}
	p.inner()
	p.paragraph(title)
	lines := []string{s.Key + ":"}
	for _, entry := range append(s.Default, s.Example...) {
		if s.Form == List {
			entry = "- " + entry
		}
		lines = append(lines, "  "+entry)
	}
	p.verbatim(strings.Join(lines, "\n"))
	p.outer()
}

// note is the kind of a value, and its default or an example.
func note(s Setting) string {
	words := []string{s.Kind}
	if s.Kind == "" {
		words[0] = "by name"
	}
	if s.Required {
		words = append(words, "required")
	}
	switch {
	case s.Form != Value:
	case s.Example != nil:
		words = append(words, "example "+s.Example[0])
	case s.Default != nil:
		words = append(words, "default "+s.Default[0])
	default:
		words = append(words, "default "+valueOf(s))
	}
	return strings.Join(words, "; ")
}

// withoutComments is a configuration without the comments of its lines.
func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if code, _, found := strings.Cut(line, " # "); found {
			line = strings.TrimRight(code, " ") + "\n"
		}
		if t := strings.TrimSpace(line); t != "" && !strings.HasPrefix(t, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}
