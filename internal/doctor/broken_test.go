package doctor

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// update writes the findings anew: go test ./internal/doctor -run Broken -update.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestMain adds the flag without a global.
func TestMain(m *testing.M) {
	flag.Bool("update", false, "write testdata/broken/*/findings anew")
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// TestClean finds nothing in the shipped configuration, under both releases.
func TestClean(t *testing.T) {
	for _, release := range []string{"3.7", "3.10"} {
		h := host(t, shipped(t), release, paper{})
		h.Database = database(t, goodRows)
		for _, f := range examine(t, h) {
			t.Errorf("%s: %s", release, f)
		}
	}
}

// goodRows are a host in good order.
const goodRows = `INSERT INTO domain (name, active) VALUES ('fwd.example', 1), ('old.example', 0);
INSERT INTO alias (address, goto) VALUES ('alice@fwd.example', 'alice@example.net'), ('all@fwd.example', 'alice@fwd.example, bob@example.net');
INSERT INTO alias_handle (handle, address) VALUES ('bob', 'bob@example.net');
INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'alice@fwd.example'), ('bob', 'bob@fwd.example');
INSERT INTO api_bans (ban_type, ban_value, reason) VALUES ('domain', 'spam.example', 'x')`

// TestBroken holds the findings of each folder of testdata/broken to its file
// findings. A folder says in what it differs from the shipped configuration:
//
//	main.cf        NAME = VALUE replaces or adds; !NAME removes
//	master.cf      an entry replaces or adds; !NAME TYPE removes;
//	               NAME TYPE -o X=Y and NAME TYPE !-o X change one option
//	opendkim.conf  NAME VALUE replaces or adds; !NAME removes
//	postern.yaml   the line that begins with "- this" is replaced by the "+ lines" behind it
//	database.sql   rows, besides none
//	postconf-m     the types of tables that Postfix has
//	world          file PATH MODE OWNER:GROUP|missing|denied; ask SOCKET[:MAP] ANSWER;
//	               dns TYPE NAME VALUE|none|trouble
//	files/NAME     the content of /etc/postfix/NAME
//	opendkim/NAME  the content of /etc/opendkim/NAME
//	postern/NAME   the content of /etc/postern/NAME
//	units/NAME     the content of /etc/systemd/system/NAME, packaged/NAME of /usr/lib/systemd/system/NAME
func TestBroken(t *testing.T) {
	folders, err := filepath.Glob("testdata/broken/*")
	if err != nil || len(folders) < 40 {
		t.Fatalf("%d folders: %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			var out strings.Builder
			h, x := brokenHost(t, folder)
			found := examine(t, h)
			for i := range found {
				x.quoteLines(&found[i].At, &found[i].Effect, &found[i].Fix)
			}
			if err := Print(&out, found); err != nil {
				t.Fatal(err)
			}
			if update() {
				write(t, folder, "findings", out.String())
			}
			if want := read(t, folder+"/findings"); out.String() != want {
				t.Errorf("got\n%swant\n%s", out.String(), want)
			}
			if len(found) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

// brokenHost is the shipped configuration with the changes of a folder.
func brokenHost(t *testing.T, folder string) (*Host, texts) {
	t.Helper()
	x := shipped(t)
	x.main = changeMain(x.main, optional(t, folder+"/main.cf"))
	x.master = changeMaster(x.master, optional(t, folder+"/master.cf"))
	x.opendkim = changeOpenDKIM(x.opendkim, optional(t, folder+"/opendkim.conf"))
	x.yaml = patch(t, x.yaml, optional(t, folder+"/postern.yaml"))
	h := host(t, x, "3.7", world(t, folder))
	h.TableTypes = strings.Fields(optional(t, folder+"/postconf-m"))
	rows := optional(t, folder+"/database.sql")
	if rows == "" {
		rows = goodRows
	}
	h.Database = database(t, rows)
	return h, x
}

// quoteLines writes "FILE {beginning of the line}" instead of FILE:LINE, so that
// findings show what they point at and survive edits of the shipped files.
func (x texts) quoteLines(where ...*string) {
	files := map[string]string{"/etc/postfix/main.cf": x.main, "/etc/postfix/master.cf": x.master, "/etc/postern/postern.yaml": x.yaml, "/etc/opendkim.conf": x.opendkim}
	place := regexp.MustCompile(`(/etc/[a-z./]*):([0-9]+)`)
	line := regexp.MustCompile(`in line [0-9]+`)
	for _, text := range where {
		*text = line.ReplaceAllString(place.ReplaceAllStringFunc(*text, func(at string) string {
			m := place.FindStringSubmatch(at)
			n, _ := strconv.Atoi(m[2])
			if lines := strings.Split(files[m[1]], "\n"); n <= len(lines) {
				words := strings.Fields(lines[n-1])
				return m[1] + " {" + strings.Join(words[:min(len(words), 3)], " ") + "}"
			}
			return at
		}), "in line N")
	}
}

func optional(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return read(t, path)
}

// logical splits a file at lines that begin without a blank.
func logical(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if len(all) > 0 && (line[0] == ' ' || line[0] == '\t') {
			all[len(all)-1] += line
			continue
		}
		all = append(all, line)
	}
	return all
}

// replace puts a logical line in the place of the one with the same key, or at
// the end; an empty one removes.
func replace(lines []string, key func(string) string, name, by string) []string {
	i := slices.IndexFunc(lines, func(l string) bool { return key(l) == name })
	switch {
	case i < 0:
		return append(lines, by)
	case by == "":
		return slices.Delete(lines, i, i+1)
	}
	lines[i] = by
	return lines
}

func changeMain(text, changes string) string {
	key := func(l string) string { name, _, _ := strings.Cut(l, "="); return strings.TrimSpace(name) }
	lines := logical(text)
	for _, c := range logical(changes) {
		switch {
		case strings.HasPrefix(c, "!"):
			lines = replace(lines, key, strings.TrimSpace(c[1:]), "")
		case strings.HasPrefix(c, "*"): // as it stands, at the end
			lines = append(lines, c[1:])
		default:
			lines = replace(lines, key, key(c), c)
		}
	}
	return strings.Join(lines, "")
}

// entryKey is NAME TYPE of an entry of master.cf.
func entryKey(l string) string {
	words := strings.Fields(l)
	if len(words) < 2 || words[0][0] == '#' {
		return ""
	}
	return words[0] + " " + words[1]
}

func changeMaster(text, changes string) string {
	lines := logical(text)
	for _, c := range logical(changes) {
		words := strings.Fields(c)
		switch {
		case strings.HasPrefix(c, "*"): // as it stands, at the end
			lines = append(lines, c[1:])
		case strings.HasPrefix(c, "!"):
			lines = replace(lines, entryKey, strings.TrimSpace(c[1:]), "")
		case len(words) == 4 && strings.HasSuffix(words[2], "-o"):
			lines = replace(lines, entryKey, entryKey(c), changeOption(lines, words))
		default:
			lines = replace(lines, entryKey, entryKey(c), c)
		}
	}
	return strings.Join(lines, "")
}

// changeOption is the entry with one -o set or taken away.
func changeOption(lines []string, words []string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return entryKey(l) == words[0]+" "+words[1] })
	name, _, _ := strings.Cut(words[3], "=")
	var kept []string
	for line := range strings.Lines(lines[i]) {
		if !strings.HasPrefix(strings.TrimSpace(line), "-o "+name+"=") {
			kept = append(kept, line)
		}
	}
	if words[2] == "-o" {
		kept = slices.Insert(kept, 1, "  -o "+words[3]+"\n")
	}
	return strings.Join(kept, "")
}

func changeOpenDKIM(text, changes string) string {
	key := func(l string) string {
		if words := strings.Fields(l); len(words) > 0 {
			return words[0]
		}
		return ""
	}
	lines := logical(text)
	for _, c := range logical(changes) {
		if name, removed := strings.CutPrefix(c, "!"); removed {
			lines = replace(lines, key, strings.TrimSpace(name), "")
			continue
		}
		lines = replace(lines, key, key(c), c)
	}
	return strings.Join(lines, "")
}

// patch replaces lines of a text.
func patch(t *testing.T, text, changes string) string {
	t.Helper()
	replacing := false
	for line := range strings.Lines(changes) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "- "):
			text = strings.ReplaceAll(text, "\x00\n", "")
			lines := strings.Split(text, "\n")
			i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, line[2:]) })
			if i < 0 {
				t.Fatalf("postern.yaml has no line that begins with %q", line[2:])
			}
			lines[i], replacing = "\x00", true
			text = strings.Join(lines, "\n")
		case strings.HasPrefix(line, "+ ") && replacing:
			text = strings.Replace(text, "\x00\n", line[2:]+"\n\x00\n", 1)
		case strings.HasPrefix(line, "+ "):
			text += line[2:] + "\n"
		}
	}
	return strings.ReplaceAll(text, "\x00\n", "")
}

// world reads what the host of paper answers.
func world(t *testing.T, folder string) paper {
	t.Helper()
	p := paper{files: map[string]string{}, content: map[string]string{}, answers: map[string]string{}, dns: map[string]string{}}
	for line := range strings.Lines(optional(t, folder+"/world")) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) < 3 {
			t.Fatalf("world: %q", line)
		}
		switch words[0] {
		case "file":
			p.files[words[1]] = words[2]
		case "ask":
			p.answers[words[1]] = words[2]
		case "dns":
			name, value, _ := strings.Cut(words[2], " ")
			p.dns[words[1]+" "+name] = value
		default:
			t.Fatalf("world: %q", line)
		}
	}
	for in, there := range map[string]string{"/files/*": "/etc/postfix/", "/units/*": "/etc/systemd/system/", "/packaged/*": "/usr/lib/systemd/system/", "/postern/*": "/etc/postern/", "/opendkim/*": "/etc/opendkim/"} {
		files, _ := filepath.Glob(folder + in)
		for _, f := range files {
			p.content[there+filepath.Base(f)] = read(t, f)
		}
	}
	return p
}
