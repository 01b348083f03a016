package main

import (
	"github.com/spf13/cobra"

	"postern/internal/manual"
)

// What commands read from the environment, for their manual pages: lines of
// names and what they mean.
const (
	daemonEnvironment = `CREDENTIALS_DIRECTORY: Set by systemd: the folder of the files that the configuration names credential:NAME (systemd.exec(5), LoadCredential).
JOURNAL_STREAM: Set by systemd: where standard error is that stream, log lines begin with their priority.
LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES: Set by systemd: the sockets that it hands over (sd_listen_fds(3)).
NOTIFY_SOCKET, WATCHDOG_USEC: Set by systemd: where the daemon says that it is ready, and how often that it is alive (sd_notify(3)).
` + clockEnvironment

	clockEnvironment = `POSTERN_FAKETIME: For tests: the time, in Unix seconds, at which the clock of SRS stands.
`
	postsrsdEnvironment = `POSTSRSD_FAKETIME: The same with -C.
SRS_DOMAIN, SRS_SECRET, ...: With --defaults and an empty name the settings, as /etc/default/postsrsd has them.
`
	terminalEnvironment = `LC_ALL, LC_CTYPE, LANG: The locale. Where it is not UTF-8, all is ASCII.
NO_COLOR: There are no colours, if it is not empty.
TERM: The kind of the terminal (terminfo(5)).
`
)

// environmentOf has the manual tell what cmd and all below it read from the
// environment.
func environmentOf(cmd *cobra.Command) {
	manual.SetEnvironment(cmd, environment(cmd.CommandPath()))
	for _, sub := range cmd.Commands() {
		environmentOf(sub)
	}
}

func environment(path string) string {
	switch path {
	case "postern serve", "postern socketmap", "postern tcptable", "postern policyd":
		return daemonEnvironment
	case "postern srsd":
		return daemonEnvironment + postsrsdEnvironment
	case "postern srs forward", "postern srs reverse", "postern srs rotate", "postern query":
		return clockEnvironment
	case "postern top":
		return terminalEnvironment
	}
	return ""
}
