package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"postern/internal/admin"
	"postern/internal/config"
	"postern/internal/store"
)

// teller has the running daemons of this host read rows anew. Daemons of other
// hosts, and those that cannot be told, find out by the change feed.
type teller struct {
	config *config.Config
	err    io.Writer
}

// tell names changed rows, and bans, to every daemon.
func (t *teller) tell(ctx context.Context, rows []store.SwitchRow, bans ...store.BanTarget) {
	var held []admin.Row
	for _, row := range rows {
		switch row.Table {
		case "alias", "alias_handle":
			held = append(held, admin.Row{Table: row.Table, Key: row.Key})
		case "smtp_sender_acl":
			held = append(held, admin.Row{Table: row.Table, Key: row.Value})
		} // smtp_users is Dovecot's
	}
	announceRows(ctx, t.config.Control, held, t.complain)
	for _, ban := range bans {
		announce(ctx, t.config.Control, "/bans", url.Values{"key": {ban.Key()}}, t.complain)
	}
}

// complain says which daemon answers from old rows for a while.
func (t *teller) complain(socket string, err error) {
	fmt.Fprintf(t.err, "postern: note: %s has not read the change yet: %v: it does so within %s\n", socket, err, time.Duration(t.config.Tables.Refresh))
}
