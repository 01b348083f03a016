package scratch

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// writeConfig writes main.cf, master.cf and the further files.
func (p *Postfix) writeConfig() error {
	main, err := renderMain(p.mainParameters())
	if err != nil {
		return err
	}
	files := map[string]string{
		"main.cf":   main,
		"master.cf": mergeMaster(defaultMaster(p.Addr(), p.opts.Chroot), p.opts.Master),
	}
	for name, content := range p.opts.Files {
		if name != filepath.Base(name) || files[name] != "" {
			return fmt.Errorf("config: file name %q: want a plain name other than main.cf and master.cf", name)
		}
		files[name] = content
	}
	if err := os.MkdirAll(p.ConfigDir(), 0o755); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.ConfigDir(), name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	if err := settle(p.ConfigDir()); err != nil {
		return err
	}
	return p.makeQueue()
}

// settle makes the files of a configuration directory look old. Postfix waits
// up to two seconds, in every program, for a main.cf or a texthash: table that
// may still be being written.
func settle(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	old := time.Now().Add(-time.Minute)
	for _, entry := range entries {
		if err := os.Chtimes(filepath.Join(dir, entry.Name()), old, old); err != nil {
			return fmt.Errorf("config: %w", err)
		}
	}
	return nil
}

// makeQueue makes the directories that `postfix start` expects; those below
// them it makes itself. A chroot needs copies of the resolver's files.
func (p *Postfix) makeQueue() error {
	if err := os.MkdirAll(p.QueueDir(), 0o755); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if !p.opts.Chroot {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(p.QueueDir(), "etc"), 0o755); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for _, name := range []string{"hosts", "nsswitch.conf", "resolv.conf", "services", "localtime"} {
		content, err := os.ReadFile(filepath.Join(p.opts.Root, "etc", name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(p.QueueDir(), "etc", name), content, 0o644)
		}
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
	}
	return nil
}

// mainParameters are ours and, over them, those of the options. No DNS, no
// users of this machine, nothing outside the folder.
func (p *Postfix) mainParameters() map[string]string {
	dir := inside(p.opts.Root, p.dir)
	main := map[string]string{
		"compatibility_level":    "3.6",
		"queue_directory":        dir + "/queue",
		"data_directory":         dir + "/data",
		"maillog_file":           dir + "/maillog",
		"maillog_file_prefixes":  dir,
		"myhostname":             "mx.example.org",
		"mydestination":          "",
		"alias_maps":             "",
		"alias_database":         "",
		"local_recipient_maps":   "",
		"mynetworks":             "127.0.0.0/8",
		"inet_interfaces":        "127.0.0.1",
		"inet_protocols":         "ipv4",
		"smtpd_peername_lookup":  "no",
		"smtp_dns_support_level": "disabled",
		"biff":                   "no",
	}
	maps.Copy(main, p.opts.Main)
	return main
}

// renderMain writes each parameter once: Postfix warns of repeated ones in
// every process, and such a flood can block postlogd(8).
func renderMain(main map[string]string) (string, error) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(main)) {
		if name == "" || strings.ContainsAny(name, " \t\n=#") {
			return "", fmt.Errorf("main.cf: parameter name %q: want one word", name)
		}
		// A line that does not begin with space would end the value.
		value := strings.ReplaceAll(strings.TrimSpace(main[name]), "\n", "\n    ")
		fmt.Fprintf(&b, "%s = %s\n", name, value)
	}
	return b.String(), nil
}

// ParseMain reads the text of a main.cf file, for PostfixOptions.Main. A
// parameter that is set twice is an error.
func ParseMain(text string) (map[string]string, error) {
	main := make(map[string]string)
	for _, entry := range logicalLines(text) {
		name, value, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("main.cf: %q: want name = value", entry)
		}
		if _, twice := main[name]; twice {
			return nil, fmt.Errorf("main.cf: %s is set twice", name)
		}
		main[name] = strings.TrimSpace(value)
	}
	return main, nil
}

// logicalLines joins continuation lines and leaves out comments (postconf(5)).
func logicalLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if strings.ContainsAny(line[:1], " \t") && len(lines) > 0 {
			lines[len(lines)-1] += "\n" + line
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// defaultMaster is Debian's master.cf with smtpd(8) at addr.
func defaultMaster(addr string, chroot bool) string {
	y := "n"
	if chroot {
		y = "y"
	}
	return strings.NewReplacer("ADDR", addr, "Y", y).Replace(`ADDR inet n - Y - - smtpd
pickup unix n - Y 60 1 pickup
cleanup unix n - Y - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - Y 1000? 1 tlsmgr
rewrite unix - - Y - - trivial-rewrite
bounce unix - - Y - 0 bounce
defer unix - - Y - 0 bounce
trace unix - - Y - 0 bounce
verify unix - - Y - 1 verify
flush unix n - Y 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - Y - - smtp
relay unix - - Y - - smtp
showq unix n - Y - - showq
error unix - - Y - - error
retry unix - - Y - - error
discard unix - - Y - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - Y - - lmtp
anvil unix - - Y - 1 anvil
scache unix - - Y - 1 scache
postlog unix-dgram n - n - 1 postlogd
`)
}

// mergeMaster puts each entry of changes in the place of the one of base with
// the same name and type, or at the end.
func mergeMaster(base, changes string) string {
	entries := logicalLines(base)
	for _, entry := range logicalLines(changes) {
		same := func(other string) bool { return serviceKey(other) == serviceKey(entry) }
		if i := slices.IndexFunc(entries, same); i >= 0 {
			entries[i] = entry
		} else {
			entries = append(entries, entry)
		}
	}
	return strings.Join(entries, "\n") + "\n"
}

// serviceKey is name and type of a master.cf entry, which make it unique.
func serviceKey(entry string) [2]string {
	fields := strings.Fields(entry)
	if len(fields) < 2 {
		return [2]string{entry}
	}
	return [2]string(fields[:2])
}
