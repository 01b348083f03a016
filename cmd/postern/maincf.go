package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"postern/internal/config"
)

// readMainCF fills in, from main.cf, what the configuration leaves to it. It
// asks postconf(1), which knows the defaults of the installed version.
func readMainCF(ctx context.Context, p *config.Postfix) error {
	if p.ConfigDirectory == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if p.MyOrigin == "" {
		origin, err := postconf(ctx, p.ConfigDirectory, "myorigin")
		if err != nil {
			return err
		}
		p.MyOrigin = origin
	}
	if p.MyDestination == nil {
		destination, err := postconf(ctx, p.ConfigDirectory, "mydestination")
		if err != nil {
			return err
		}
		p.MyDestination = postfixList(destination)
	}
	return nil
}

// postconf asks for one parameter with its $names expanded.
func postconf(ctx context.Context, dir, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "postconf", "-c", dir, "-x", "-h", name).Output()
	if err != nil {
		return "", badConfig(fmt.Errorf("postfix.config_directory %s: postconf %s: %w: write myorigin and mydestination instead if Postfix is not on this host", dir, name, err))
	}
	return strings.TrimSpace(string(out)), nil
}

// postfixList splits a list as Postfix does, at commas and blanks.
func postfixList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}
