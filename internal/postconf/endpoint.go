package postconf

import (
	"path/filepath"
	"strings"
)

// Endpoint is where a daemon connects to: "unix:PATH", "inet:HOST:PORT" and,
// for milters and SASL, forms without a type.
type Endpoint struct {
	Text string
	Unix bool
	Path string // of a unix socket; relative ones are below queue_directory
	Host string // of an inet one; empty for this host
	Port string // name or number
}

// ParseEndpoint reads "unix:path", "inet:host:port", "inet:port",
// "local:path" and "host:port". Square brackets around the host are taken
// off.
func ParseEndpoint(text string) Endpoint {
	e := Endpoint{Text: text}
	for _, prefix := range []string{"unix:", "local:"} {
		if path, ok := strings.CutPrefix(text, prefix); ok {
			e.Unix, e.Path = true, path
			return e
		}
	}
	if strings.HasPrefix(text, "/") || !strings.Contains(text, ":") {
		e.Unix, e.Path = true, text
		return e
	}
	rest := text
	for _, prefix := range []string{"inet:", "inet6:", "tcp:"} {
		rest = strings.TrimPrefix(rest, prefix)
	}
	host, port := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, port = rest[:i], rest[i+1:]
	}
	if at := strings.IndexByte(port, '@'); at >= 0 && host == "" { // port@host of old milters
		port, host = port[:at], port[at+1:]
	}
	e.Host, e.Port = strings.Trim(host, "[]"), port
	return e
}

// SocketPath is the path of the unix socket that a daemon of Postfix opens,
// as the whole system sees it: daemons stand in queue_directory, and a
// chrooted one sees nothing else.
func (v View) SocketPath(e Endpoint) string {
	queue := v.Value("queue_directory")
	if filepath.IsAbs(e.Path) && (v.service == nil || !v.service.Chroot) {
		return filepath.Clean(e.Path)
	}
	return filepath.Join(queue, e.Path)
}
