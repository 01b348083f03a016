package mysqltable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxIncludes is the depth at which the client library stops to follow
// !include directives.
const maxIncludes = 64

// clientOptions is what the option files of the MariaDB client library say.
type clientOptions struct {
	user, host, socket string
	port               int
	tcp                bool // protocol = 1: never by the unix socket

	password, charset bool // given, and of no effect

	tlsKey, tlsCert, tlsCA, tlsCAPath, tlsCipher string
	tlsEnforce, tlsVerify                        *bool
}

// optionReader reads my.cnf files as the MariaDB Connector/C does
// (ma_default.c), including what is peculiar: an includedir contributes its
// my.cnf only, and a file ends where an option stands before any group.
type optionReader struct {
	groups   []string
	options  clientOptions
	warnings []Warning
	problems []error
}

func newOptionReader(group string) *optionReader {
	return &optionReader{groups: []string{"client", "client-server", "client-mariadb", group}}
}

// read follows one file; a missing one is no problem for the library.
func (r *optionReader) read(file string, depth int) {
	if depth >= maxIncludes {
		r.refuse(file, 1, "!include goes round in a circle: end it")
		return
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.problems = append(r.problems, fmt.Errorf("option file: %w", err))
		return
	}
	r.parse(file, string(data), depth)
}

func (r *optionReader) parse(file, data string, depth int) {
	inGroup, wanted := false, false
	for n, text := range strings.Split(data, "\n") {
		line := strings.Trim(text, spaces)
		switch {
		case line == "" || strings.ContainsRune("#;'\"", rune(line[0])):
		case line[0] == '!':
			r.include(line, depth)
		case line[0] == '[':
			name, _, closed := strings.Cut(line[1:], "]")
			if !closed {
				r.warn(file, n+1, "group without ']': the client library ignores the rest of the file")
				return
			}
			inGroup, wanted = true, slices.Contains(r.groups, strings.TrimRight(name, spaces))
		case !inGroup:
			r.warn(file, n+1, "option before any [group]: the client library ignores the rest of the file")
			return
		case wanted:
			r.set(file, n+1, line)
		}
	}
}

// include follows `!include FILE` and `!includedir DIR`.
func (r *optionReader) include(line string, depth int) {
	directive, path, _ := strings.Cut(line[1:], " ")
	path = strings.Trim(path, spaces)
	switch {
	case path == "":
	case directive == "include":
		r.read(path, depth+1)
	case directive == "includedir":
		r.read(filepath.Join(path, "my.cnf"), depth+1)
	}
}

func (r *optionReader) warn(file string, line int, text string) {
	r.warnings = append(r.warnings, Warning{file, line, text})
}

func (r *optionReader) refuse(file string, line int, text string) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d: %s", file, line, text))
}

// set takes one `name=value`, or a name alone.
func (r *optionReader) set(file string, line int, text string) {
	name, value, given := strings.Cut(text, "=")
	name = strings.ReplaceAll(strings.TrimRight(name, spaces), "_", "-")
	value = optionValue(strings.TrimLeft(value, spaces))
	if r.setConnection(name, value) || r.setTLS(name, value, given) {
		return
	}
	r.judge(file, line, name, value)
}

// setConnection takes the options that say where and who.
func (r *optionReader) setConnection(name, value string) bool {
	o := &r.options
	switch name {
	case "user":
		o.user = value
	case "host", "servername":
		o.host = value
	case "port":
		o.port = leadingNumber(value)
	case "socket", "unix-socket":
		o.socket = value
	case "password", "passwd":
		o.password = value != ""
	case "default-character-set":
		o.charset = value != "" && !strings.EqualFold(value, "utf8mb4")
	default:
		return false
	}
	return true
}

// setTLS takes the options of encryption.
func (r *optionReader) setTLS(name, value string, given bool) bool {
	o := &r.options
	// The library reads a name alone as "no"; we take it for what it says.
	on := !given || leadingNumber(value) != 0
	switch name {
	case "ssl-key", "tls-key":
		o.tlsKey = value
	case "ssl-cert", "tls-cert":
		o.tlsCert = value
	case "ssl-ca", "tls-ca":
		o.tlsCA = value
	case "ssl-capath", "tls-capath":
		o.tlsCAPath = value
	case "ssl-cipher", "tls-cipher":
		o.tlsCipher = value
	case "ssl-enforce", "tls-enforce":
		o.tlsEnforce = &on
	case "ssl-verify-server-cert", "tls-verify-peer":
		o.tlsVerify = &on
	default:
		return false
	}
	return true
}

// judge refuses the options that would change answers or connections and
// cannot be honoured. All others have no effect on either.
func (r *optionReader) judge(file string, line int, name, value string) {
	switch name {
	case "protocol":
		switch leadingNumber(value) {
		case 0, 2: // the default; a socket, where there is one
		case 1:
			r.options.tcp = true
		default:
			r.refuse(file, line, "protocol: only 1 (TCP) and 2 (unix socket) exist here")
		}
	case "init-command", "multi-statements", "multi-queries", "connection", "bind-address",
		"ssl-crl", "tls-crl", "ssl-crlpath", "tls-crlpath", "ssl-fp", "tls-fp", "ssl-fp-list",
		"ssl-fplist", "tls-fplist", "ssl-passphrase", "tls-passphrase", "tls-version":
		r.refuse(file, line, name+" cannot be honoured: remove it, or name another option_file or option_group")
	}
}

// optionValue removes quotes and resolves escapes as the library does.
func optionValue(s string) string {
	if s != "" && (s[0] == '\'' || s[0] == '"') {
		s = s[1:]
		if n := len(s); n > 0 && (s[n-1] == '\'' || s[n-1] == '"') {
			s = s[:n-1]
		}
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i == len(s)-1 {
			b.WriteByte(s[i])
			continue
		}
		i++
		at := strings.IndexByte(`ntrbs"'\`, s[i])
		if at < 0 {
			b.WriteByte('\\')
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte("\n\t\r\b \"'\\"[at])
	}
	return b.String()
}

// leadingNumber is atoi(3): the digits in front, or 0.
func leadingNumber(s string) int {
	s = strings.TrimLeft(s, spaces)
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, _ := strconv.Atoi(s[:end])
	return n
}
