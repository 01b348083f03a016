package admin

import (
	"context"
	"fmt"
	"strings"

	"postern/internal/lookup"
	"postern/internal/store"
)

// userCharacters is Dovecot's default auth_username_chars, after the folding of
// auth_username_format: it refuses a login with any other.
const userCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-_@"

// CheckUser says what is wrong with the name of a new user.
func CheckUser(name string) error {
	err := checkLogin(name)
	if err == nil && strings.Trim(lookup.Fold(name), userCharacters) != "" {
		err = fmt.Errorf("has a character that Dovecot takes from no login (auth_username_chars): use %s", userCharacters)
	}
	if err != nil {
		return invalid("user", name, err)
	}
	return nil
}

// AddUser adds a login of submission. The hash has its scheme in front.
func (d *Desk) AddUser(ctx context.Context, name, hash string) (done Done, err error) {
	if err := CheckUser(name); err != nil {
		return Done{}, err
	}
	row := store.Entry{Key: lookup.Fold(name), Value: hash, Active: true}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "added", Table: store.Users}
		if err := vacant(ctx, e, store.Users, row); err != nil {
			return err
		}
		senders, err := sendersOf(ctx, e, row.Key)
		if err != nil {
			return err
		}
		if len(senders) == 0 {
			done.note("it may not send as anybody yet: 'postern sender add %s ADDRESS'", row.Key)
		}
		added, err := e.Insert(ctx, store.Users, row)
		done.ID, done.Text = added.ID, fmt.Sprintf("added user %s (#%d)", row.Key, added.ID)
		return err
	})
	return done, err
}

// CheckVacant is the refusal that AddUser would end with where the user exists, so
// that nobody types a password in vain.
func (d *Desk) CheckVacant(ctx context.Context, name string) error {
	return d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		return vacant(ctx, e, store.Users, store.Entry{Key: lookup.Fold(name)})
	})
}

// CheckPresent is the refusal that SetPassword would end with where there is no
// such user.
func (d *Desk) CheckPresent(ctx context.Context, name string) error {
	return d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		_, err := present(ctx, e, store.Users, store.Entry{Key: lookup.Fold(name)})
		return err
	})
}

// SetPassword gives a user another password.
func (d *Desk) SetPassword(ctx context.Context, name, hash string) (done Done, err error) {
	row := store.Entry{Key: lookup.Fold(name)}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "changed", Table: store.Users}
		same, err := present(ctx, e, store.Users, row)
		if err != nil {
			return err
		}
		for _, user := range same {
			if err := e.SetValue(ctx, store.Users, user.ID, hash); err != nil {
				return err
			}
		}
		done.ID, done.Text = same[0].ID, fmt.Sprintf("changed the password of user %s (#%d)", shown(same[0].Key), same[0].ID)
		if !same[0].Active {
			done.note("the user is disabled: 'postern user enable %s'", shown(same[0].Key))
		}
		return nil
	})
	return done, err
}

// sendersOf are the rows that let a login send.
func sendersOf(ctx context.Context, e *store.Edit, login string) (rows []store.Entry, err error) {
	err = e.Each(ctx, store.Senders, login, "", func(row store.Entry) {
		if lookup.Fold(row.Key) == lookup.Fold(login) {
			rows = append(rows, row)
		}
	})
	return rows, err
}

// RemoveUser removes a login, and with Cascade what lets it send.
func (d *Desk) RemoveUser(ctx context.Context, name string, w Ways) (done Done, err error) {
	row := store.Entry{Key: lookup.Fold(name)}
	err = d.store.Edit(ctx, func(ctx context.Context, e *store.Edit) error {
		done = Done{Action: "removed", Table: store.Users}
		same, err := present(ctx, e, store.Users, row)
		if err != nil {
			return err
		}
		senders, err := sendersOf(ctx, e, row.Key)
		if err != nil {
			return err
		}
		if len(senders) > 0 && !w.Cascade {
			return refuse("user %s may send as %s: 'postern user disable %s' stops it and keeps that, --cascade removes both", shown(row.Key), count(len(senders), "sender", "senders"), shown(row.Key))
		}
		done.ID, done.Text = same[0].ID, fmt.Sprintf("removed user %s (#%d)", shown(same[0].Key), same[0].ID)
		for _, s := range senders {
			done.Rows = append(done.Rows, Row{store.Senders, s.Value})
		}
		if len(senders) > 0 {
			done.Text += ", with " + count(len(senders), "sender", "senders")
		}
		if err := e.Delete(ctx, store.Senders, ids(senders)...); err != nil {
			return err
		}
		return e.Delete(ctx, store.Users, ids(same)...)
	})
	return done, err
}
