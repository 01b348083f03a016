package postconf

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os/exec"
	"strings"
	"time"
)

// Defaults are the values of parameters that main.cf does not set.
type Defaults struct {
	// Complete says that these are all parameters of a Postfix: only then
	// can a parameter be told to be unknown.
	Complete bool
	values   map[string]string
}

// NewDefaults are defaults from "name = value" lines, as postconf -d prints
// them.
func NewDefaults(lines string, complete bool) Defaults {
	d := Defaults{Complete: complete, values: map[string]string{}}
	for line := range strings.Lines(lines) {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			d.values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return d
}

// Get is the default of name, its $names not expanded.
func (d Defaults) Get(name string) (string, bool) {
	value, known := d.values[name]
	return value, known
}

//go:embed builtin.txt
var builtin string

// Changed are the parameters of [Builtin] that have another default in Postfix
// 3.10, with that default.
func Changed() map[string]string {
	return map[string]string{
		"milter_default_action":          "shutdown",
		"smtpd_forbid_bare_newline":      "normalize",
		"smtpd_forbid_unauth_pipelining": "yes",
	}
}

// Builtin are the defaults of the parameters that this project judges, for
// a host without Postfix. They are those of Postfix 3.7; see [Changed].
func Builtin() Defaults {
	return NewDefaults(builtin, false)
}

// Program is postconf(1).
type Program struct {
	Path    string        // "postconf" if empty
	Timeout time.Duration // 10 s if zero
}

// Defaults asks for the defaults of all parameters, those of the services in
// DIR/master.cf included.
func (p Program) Defaults(ctx context.Context, dir string) (Defaults, error) {
	out, err := p.Run(ctx, dir, "-d")
	if err != nil {
		return Defaults{}, err
	}
	d := NewDefaults(out, true)
	// Those that Postfix works out from other parameters and from the host
	// are asked for as they count here, which is only told without -d.
	out, err = p.Run(ctx, dir, "config_directory", "mydomain", "myhostname", "mynetworks", "process_id")
	if err != nil {
		return Defaults{}, err
	}
	maps.Copy(d.values, NewDefaults(out, true).values)
	return d, nil
}

// Run is the standard output of "postconf -c DIR ARGS".
func (p Program) Run(ctx context.Context, dir string, args ...string) (string, error) {
	timeout, path := p.Timeout, p.Path
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	if path == "" {
		path = "postconf"
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var complaint bytes.Buffer
	command := exec.CommandContext(ctx, path, append([]string{"-c", dir}, args...)...)
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("postconf -c %s %.60s: %w: %.200q", dir, strings.Join(args, " "), err, lastWords(complaint.String()))
	}
	return string(out), nil
}

// lastWords is why the program gave up, which it says behind its warnings.
func lastWords(complaint string) string {
	complaint = strings.TrimSpace(complaint)
	return complaint[strings.LastIndexByte(complaint, '\n')+1:]
}

// Load reads a directory with the defaults of the installed Postfix, or with
// the built-in ones where there is no postconf(1). Errors are those of Open
// and trouble with running the program.
func Load(ctx context.Context, dir string, p Program) (*Config, error) {
	c, err := Open(dir, Builtin()) // faults of the files in words of ours
	if err != nil {
		return nil, err
	}
	defaults, err := p.Defaults(ctx, dir)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, errors.Join(c.View(nil).unexpanded(), err)
	}
	return Open(dir, defaults)
}

// unexpanded is the first parameter whose $names cannot be replaced, which
// postconf(1) does not name.
func (v View) unexpanded() error {
	for _, entry := range v.config.Main {
		counts, _ := v.Entry(entry.Name)
		if _, err := v.Expand(entry.Raw); err != nil && counts.Place == entry.Place {
			return fmt.Errorf("%s: %s: %w", entry.Place, entry.Name, err)
		}
	}
	return nil
}
