package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"postern/internal/config"
	"postern/internal/maps"
)

// The secrets that a migration finds. They stand beside postern.yaml.
const (
	passwordFile = "database.password"
	secretsFile  = "srs.secret"
)

// credential names a file beside postern.yaml in the way in which the units of
// the package, whose users cannot read it, hand it over.
func credential(file string) string { return "credential:" + file }

// block is one top-level key of postern.yaml with its text.
type block struct {
	key  string
	text string
}

// writeFiles makes postern.yaml and the secrets that it names. What stands in
// a postern.yaml already is kept: only missing blocks and maps are added.
func (p *planner) writeFiles() error {
	dir := filepath.Dir(p.options.Config)
	old, err := os.ReadFile(p.options.Config)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return fmt.Errorf("postern.yaml: %w", err)
	}
	text, added, err := p.merge(string(old), p.blocks())
	if err != nil {
		return err
	}
	p.plan.yaml = []byte(text)
	p.plan.Config, err = config.Parse(p.options.Config, p.plan.yaml)
	if err != nil {
		return fmt.Errorf("postern.yaml as it would be written: %w", err)
	}
	if fresh || text != string(old) {
		p.plan.Files = append(p.plan.Files, File{Path: p.options.Config, Mode: 0o640, Content: p.plan.yaml})
	}
	if p.plan.Database != nil && slices.Contains(added, "database") {
		p.secret(filepath.Join(dir, passwordFile), []byte(p.plan.Database.Password+"\n"))
	}
	if p.srs != nil && slices.Contains(added, "srsd") {
		p.secret(filepath.Join(dir, secretsFile), p.srs.secrets)
	}
	p.plan.running = !fresh
	p.checkSettings()
	return p.checkDoors()
}

// checkSettings notes what does not fit together in the end.
func (p *planner) checkSettings() {
	c, d := p.plan.Config, p.plan.Database
	if d != nil && c.Operator == "" {
		p.note("operator: is not set in postern.yaml: postmaster and abuse of hosted domains without an alias are refused; name an address with --operator")
	}
	if d != nil && c.Database.Name != d.Name {
		p.note("postern.yaml asks database %s, the .cf files ask %s: compare the answers", c.Database.Name, d.Name)
	}
	if here, there := p.plan.Search.Delimiter, c.RecipientDelimiter; here != there {
		p.note("recipient_delimiter is %q in main.cf and %q in postern.yaml: user+tag is found by one and not by the other; write the first into postern.yaml", here, there)
	}
	p.checkMaps()
}

func (p *planner) secret(path string, content []byte) {
	p.plan.Files = append(p.plan.Files, File{Path: path, Mode: 0o600, Secret: true, Content: content})
}

// checkMaps tells of a main.cf that asks for maps that postern.yaml does
// not have, such as one that was half migrated by hand.
func (p *planner) checkMaps() {
	for _, l := range p.postfix.Lookups() {
		endpoint, name := l.Table.Socketmap()
		if endpoint != "unix:"+socketmapPath {
			continue
		}
		p.plan.shared = true
		if _, own := p.plan.Config.Maps[name]; !own && !maps.IsBuiltIn(name) && !strings.HasPrefix(name, "srs-") {
			p.note("%s: %s asks for map %q, which %s does not have: add it there", l.Table.Place, l.Parameter, name, p.options.Config)
		}
	}
}

// blocks is a whole postern.yaml.
func (p *planner) blocks() []block {
	all := []block{p.databaseBlock(),
		{"recipient_delimiter", "recipient_delimiter: " + quoted(p.plan.Search.Delimiter) + "   # as in main.cf\n"},
		{"postfix", "postfix:\n  config_directory: " + quoted(absolute(p.options.Dir)) + "\n"}}
	if p.options.Operator != "" {
		all = append(all, block{"operator", "operator: " + quoted(p.options.Operator) + "   # postmaster and abuse of hosted domains without an alias\n"})
	}
	if len(p.plan.reserved) > 0 {
		all = append(all, block{"reserved_handles_allow", "# these reserved names have active rows in alias_handle: who owns them?\nreserved_handles_allow: " + list(p.plan.reserved) + "\n"})
	}
	all = append(all, p.mapsBlock(),
		block{"socketmap", "socketmap:\n  listen: [" + quoted(p.plan.socket(socketmapPath)) + "]   # in the queue directory, for Postfix's chroot\n"},
		p.srsdBlock(), p.policydBlock())
	return slices.DeleteFunc(all, func(b block) bool { return b.text == "" })
}

func (p *planner) databaseBlock() block {
	d := p.plan.Database
	if d == nil {
		return block{}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "database:\n  hosts: %s\n  name: %s\n  user: %s\n  password_file: %s\n",
		list(d.Hosts), quoted(d.Name), quoted(d.User), credential(passwordFile))
	if t := d.TLS; t.Enabled && (t.CAFile != "" || t.Cert != "") {
		fmt.Fprintf(&b, "  tls: {ca: %s, cert: %s, key: %s}\n", quoted(t.CAFile), quoted(t.Cert), quoted(t.Key))
	} else if t.Enabled {
		p.note("the .cf files want TLS to the database in a way that the database block cannot say: set database.tls yourself")
	}
	return block{"database", b.String()}
}

func (p *planner) mapsBlock() block {
	if len(p.maps.all) == 0 {
		return block{}
	}
	return block{"maps", "maps:\n" + p.mapLines(nil)}
}

// mapLines are the entries of maps: that are not known.
func (p *planner) mapLines(known map[string]config.Map) string {
	var b strings.Builder
	for _, m := range p.maps.all {
		if _, exists := known[m.name]; exists {
			continue
		}
		what := "cf: " + quoted(m.cf)
		if m.of != nil {
			what = "of: " + list(m.of)
		}
		fmt.Fprintf(&b, "  %s: {%s, search: %s}\n", quoted(m.name), what, m.search)
	}
	return b.String()
}

func (p *planner) srsdBlock() block {
	if p.srs == nil {
		return block{}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "srsd:   # from %s\n  domain: %s\n  secrets_file: %s\n", p.srs.file, quoted(p.srs.domain), credential(secretsFile))
	for _, listener := range p.srs.listeners() {
		fmt.Fprintf(&b, "  %s: %s\n", listener.name, quoted(listener.at))
	}
	if p.srs.separator != 0 && p.srs.separator != '=' {
		fmt.Fprintf(&b, "  separator: %s\n", quoted(string(p.srs.separator)))
	}
	if n := p.srs.hashLength; n != 0 && n != 4 {
		fmt.Fprintf(&b, "  hash_length: %d\n", n)
	}
	if n := p.srs.hashMinimum; n != 0 && n != 4 {
		fmt.Fprintf(&b, "  hash_minimum: %d\n", n)
	}
	if len(p.srs.local) > 0 {
		fmt.Fprintf(&b, "  local_domains: %s\n", list(p.srs.local))
	}
	b.WriteString("  alphabet: base64   # as PostSRSd writes it, so that bounces find back there too; base64url once nobody goes back\n")
	return block{"srsd", b.String()}
}

func (p *planner) policydBlock() block {
	if !p.policy.wired {
		return block{}
	}
	inbound := "off"
	if p.policy.inbound {
		inbound = "any"
	}
	if p.policy.inbound && p.srs == nil {
		p.note("%s: srs_inbound: any works with an srsd block only: name PostSRSd's settings with --postsrsd or --postsrsd-defaults", p.inbound[0].place)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "policyd:\n  listen: [%s]\n  chains:\n    gate: %s\n  srs_inbound: %s\n", quoted(p.plan.socket(policyPath)), list(p.gate()), quoted(inbound))
	if p.policy.bans {
		b.WriteString("  bans: {client: [], helo: [], sender: [], recipient: [], destination: [domain]}   # what transport_maps refused\n")
	}
	return block{"policyd", b.String()}
}

// gate are the checks of the chain gate.
func (p *planner) gate() []string {
	var checks []string
	if p.srs != nil || p.policy.inbound {
		checks = append(checks, "srs")
	}
	if p.policy.bans {
		checks = append(checks, "bans")
	}
	return checks
}

// merge adds to a postern.yaml what it lacks, and tells which blocks it got.
func (p *planner) merge(old string, blocks []block) (text string, added []string, err error) {
	if strings.TrimSpace(old) == "" {
		text = "# Made by postern migrate from " + absolute(p.options.Dir) + ".\n"
		for _, b := range blocks {
			text += "\n" + b.text
			added = append(added, b.key)
		}
		return text, added, nil
	}
	c, err := config.Parse(p.options.Config, []byte(old))
	if err != nil {
		return "", nil, fmt.Errorf("the postern.yaml that exists: %w", err)
	}
	var top map[string]any
	if err := yaml.Unmarshal([]byte(old), &top); err != nil {
		return "", nil, fmt.Errorf("the postern.yaml that exists: %w", err)
	}
	text = strings.TrimRight(old, "\n") + "\n"
	for _, b := range blocks {
		_, has := top[b.key]
		switch {
		case !has:
			text += "\n" + b.text
			added = append(added, b.key)
		case b.key == "maps":
			if text, err = p.addMaps(text, c); err != nil {
				return "", nil, err
			}
		}
	}
	return text, added, nil
}

// addMaps puts missing maps into the block that is there.
func (p *planner) addMaps(text string, c *config.Config) (string, error) {
	lines := p.mapLines(c.Maps)
	if lines == "" {
		return text, nil
	}
	head := regexp.MustCompile(`(?m)^maps:[ \t]*(#.*)?\n`).FindStringIndex(text)
	if head == nil {
		return "", fmt.Errorf("%s: maps: is written in a way that no line can be added to: add these by hand:\n%s", p.options.Config, lines)
	}
	return text[:head[1]] + lines + text[head[1]:], nil
}

// quoted is a YAML scalar.
func quoted(s string) string {
	if regexp.MustCompile(`^[A-Za-z/._][A-Za-z0-9/._@-]*$`).MatchString(s) && !slices.Contains([]string{"yes", "no", "on", "off", "true", "false", "null", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	if regexp.MustCompile(`^(unix|inet):[A-Za-z0-9/._@:-]*$`).MatchString(s) && !strings.Contains(s, ": ") {
		return s
	}
	text, _ := json.Marshal(s) // a JSON string is a YAML one
	return string(text)
}

func list(words []string) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = quoted(word)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
