package doctor

import (
	"context"
	"io/fs"
	"net"
	"time"

	"postern/internal/config"
	"postern/internal/postconf"
)

// Host is what the checks look at. Everything was gathered, or is asked
// through an interface, so that a check can be tried with a host of paper.
type Host struct {
	ConfigFile string
	Config     *config.Config // nil: see ConfigErr
	ConfigErr  error

	PostfixDir string
	Postfix    *postconf.Config // nil: see PostfixErr
	PostfixErr error
	// PostfixAbsent says that there is no folder, and none was named.
	PostfixAbsent bool
	Version       string   // mail_version; "" if Postfix could not be asked
	TableTypes    []string // postconf -m; nil if Postfix could not be asked

	OpenDKIMFile string
	OpenDKIM     *OpenDKIM // nil: see OpenDKIMErr, or there is none
	OpenDKIMErr  error

	Files    Files
	Database Database // nil: see DatabaseErr
	Asker    Asker
	Resolver Resolver
	Now      func() time.Time

	DatabaseErr error
}

// FileInfo is what is seen of a file.
type FileInfo struct {
	Mode         fs.FileMode
	Owner, Group string // names, or numbers where there is no name
}

// Files looks at the file system. Errors are those of package fs.
type Files interface {
	Stat(path string) (FileInfo, error)
	Read(path string) ([]byte, error)
}

// Database reads rows. An error wraps what package store knows about: a
// missing table, a missing right.
type Database interface {
	// Select returns rows as text; NULL is "".
	Select(ctx context.Context, query string, args ...any) ([][]string, error)
	// Each reads a loaded table, in the spelling of store.Rows.
	Each(ctx context.Context, table string, emit func(key, value string)) error
}

// Resolver asks DNS; net.Resolver is one.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Question is asked through a socket as a process of Postfix would.
type Question struct {
	Socket   string // inet:HOST:PORT, unix:PATH as main.cf spells it
	Chroot   bool   // the asker lives in the queue directory
	Protocol string // socketmap, tcp, policy, sasl, milter, or "" to connect only
	Map, Key string
}

// Asker asks one question. The answer is that of the protocol: "OK value",
// "NOTFOUND ", "action=DUNNO". An error says what went wrong on the way, and
// wraps ErrNoRight where that is a missing right of ours.
type Asker interface {
	Ask(ctx context.Context, q Question) (answer string, err error)
}
