package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"postern/internal/lookup"
	"postern/internal/store"
)

// maxLogin is what the columns hold, in characters.
const maxLogin = 320

// AddSender lets a login send as an address, or as @domain for all of one.
func (d *Desk) AddSender(ctx context.Context, login, sender string, w Ways) (done Done, err error) {
	if err := checkLogin(login); err != nil {
		return Done{}, invalid("login", login, err)
	}
	address, err := parseOwn(sender)
	if err != nil {
		return Done{}, invalid("sender", sender, err)
	}
	row := store.Entry{Key: lookup.Fold(login), Value: address, Active: true}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "added", Table: store.Senders, Rows: held(store.Senders, row)}
		if err := vacant(ctx, e, store.Senders, row); err != nil {
			return err
		}
		if err := d.checkSender(ctx, e, row, &done, w.Force); err != nil {
			return err
		}
		added, err := e.Insert(ctx, store.Senders, row)
		done.ID, done.Text = added.ID, fmt.Sprintf("added %s (#%d)", subject(store.Senders, added), added.ID)
		return err
	})
	return done, err
}

// checkLogin accepts what Postfix and Dovecot can pass on: logins of one sender
// are listed with commas between them.
func checkLogin(login string) error {
	switch {
	case login == "":
		return errors.New("is empty")
	case strings.ContainsFunc(login, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return errors.New("has blanks or characters that cannot be seen: write it as the user logs in")
	case strings.Contains(login, ","):
		return errors.New("has a comma, which separates logins in smtpd_sender_login_maps")
	case len(login) > maxLogin:
		return fmt.Errorf("has %d bytes: %d at most", len(login), maxLogin)
	}
	return nil
}

// checkSender looks at what mail from the address will need: a domain that is
// ours to send from, a login, and a way back for bounces.
func (d *Desk) checkSender(ctx context.Context, e *store.Edit, row store.Entry, done *Done, force bool) error {
	local, domain := cut(row.Value)
	state, err := domainState(ctx, e, domain)
	if err != nil {
		return err
	}
	if state == "" && !force {
		return refuse("sender %s: domain %s is not hosted here, so its mail would not be signed for it: 'postern domain add %s' first, or --force", shown(row.Value), domain, domain)
	}
	if state == "0" {
		done.note("domain %s is disabled here: bounces and replies are refused", domain)
	}
	users, err := existing(ctx, e, store.Users, store.Entry{Key: row.Key})
	switch {
	case err != nil && !errors.As(err, new(*alikeError)):
		return err
	case len(users) == 0:
		done.note("no user is called %s: 'postern user add %s', unless Dovecot knows it from elsewhere", shown(row.Key), shown(row.Key))
	case !users[0].Active:
		done.note("user %s is disabled: 'postern user enable %s'", shown(row.Key), shown(row.Key))
	}
	if local == "" || state != "1" {
		return nil
	}
	_, known, err := d.walker(e, draft{}).Known(ctx, row.Value)
	if err == nil && !known {
		done.note("no alias or handle answers %s: bounces and replies to it are refused: 'postern alias add %s TARGET'", shown(row.Value), shown(row.Value))
	}
	return err
}
