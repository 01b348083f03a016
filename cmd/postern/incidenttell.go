package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"postern/internal/config"
	"postern/internal/maps"
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
	for _, row := range rows {
		if name, key := askedBy(row); name != "" {
			t.each(ctx, "/flush", url.Values{"map": {name}, "key": {key}})
		}
	}
	for _, ban := range bans {
		t.each(ctx, "/bans", url.Values{"key": {ban.Key()}})
	}
}

// askedBy is the map, and the key, by which a row is read anew.
func askedBy(row store.SwitchRow) (name, key string) {
	switch row.Table {
	case "alias":
		return maps.VirtualAliases, row.Key
	case "alias_handle":
		return maps.VirtualHandles, row.Key
	case "smtp_sender_acl":
		return maps.SenderLoginMaps, row.Value
	}
	return "", "" // smtp_users is Dovecot's
}

// each asks every daemon that holds the table.
func (t *teller) each(ctx context.Context, path string, values url.Values) {
	for _, socket := range controlSockets(t.config.Control) {
		if socket == "srsd" || socket == "policyd" && path == "/flush" {
			continue // it holds no such table
		}
		ctx, cancel := context.WithTimeout(ctx, tellTimeout)
		_, err := control(ctx, t.config.Control, socket, http.MethodPost, path, values)
		cancel()
		if err == nil || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		fmt.Fprintf(t.err, "postern: note: %s has not read the change yet: %v: it does so within %s\n", socket, err, time.Duration(t.config.Tables.Refresh))
	}
}
