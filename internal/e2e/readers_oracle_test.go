//go:build integration

package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// readersKeys are the lines of a file with keys, one each.
func readersKeys(t *testing.T, name string) []string {
	t.Helper()
	var keys []string
	for line := range strings.Lines(readersData(t, name)) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			keys = append(keys, line)
		}
	}
	return keys
}

// stock asks a table of the side before with postmap; empty: not found. Each
// key is asked of a table once.
func (h *readerHost) stock(t *testing.T, table, key string) string {
	t.Helper()
	if h.known == nil {
		h.known = map[[2]string]string{}
	}
	value, known := h.known[[2]string{table, key}]
	if known {
		return value
	}
	out, err := h.before.mta.Run(t.Context(), "postmap", "-q", key, table)
	var ended *exec.ExitError
	if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 1 && out == "") {
		t.Fatalf("postmap -q %q %s: %v: %s", key, table, err, out)
	}
	h.known[[2]string{table, key}] = strings.TrimRight(out, "\n")
	return h.known[[2]string{table, key}]
}

// forms are the keys that a table of addresses is asked for, in the order of
// virtual(5): the address, without its extension, the catch-all. No local
// part alone: these hosts have no local domain that a key is at.
func forms(key, delimiter string) (whole, bare, extension, domain string) {
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return key, "", "", ""
	}
	local, domain := key[:at], key[at:]
	if cut := strings.IndexAny(local, delimiter); cut > 0 {
		return key, local[:cut] + domain, local[cut:], domain
	}
	return key, "", "", domain
}

// search is the value that is found first.
func search(key, delimiter string, ask func(form string) string) string {
	whole, bare, _, domain := forms(key, delimiter)
	for _, form := range []string{whole, bare, domain} {
		if form == "" {
			continue
		}
		if value := ask(form); value != "" {
			return value
		}
	}
	return ""
}

// extendedSearch is search in a table of virtual_alias_maps, whose value takes the
// extension that was cut off.
func extendedSearch(key, delimiter string, ask func(form string) string) string {
	whole, bare, extension, domain := forms(key, delimiter)
	if value := ask(whole); value != "" {
		return value
	}
	if bare != "" {
		if value := ask(bare); value != "" {
			targets := strings.Split(value, ",")
			for i, target := range targets {
				local, at, _ := strings.Cut(target, "@")
				targets[i] = local + extension + "@" + at
			}
			return strings.Join(targets, ",")
		}
	}
	if domain == "" {
		return ""
	}
	return ask(domain)
}

// exitCode is the status that a command ended with.
func exitCode(err error) int {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return 0
}

// answered is the value of a reply; empty: not found.
func answered(reply string) string {
	value, found := strings.CutPrefix(reply, "OK ")
	if !found {
		return strings.TrimSpace(strings.TrimPrefix(reply, "NOTFOUND"))
	}
	return value
}
