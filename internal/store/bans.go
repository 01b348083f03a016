package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Bans administers the table api_bans. Nothing is ever deleted: a revoked row
// stays as history. Changes need INSERT and UPDATE on the table.
type Bans struct {
	store *Store
	now   func() time.Time
	page  int // rows that one question of List reads, so that a long list keeps to the time of a statement
}

// Bans returns the administration of the bans, by the clock now.
func (s *Store) Bans(now func() time.Time) *Bans { return &Bans{store: s, now: now, page: 10_000} }

// ErrBanned is the refusal to ban what is banned already.
var ErrBanned = errors.New("banned already")

// ErrNotBanned is the refusal to revoke what is not in force.
var ErrNotBanned = errors.New("not banned")

// banLock names the turn of those who change bans (GET_LOCK).
const banLock = "postern.api_bans"

// Add puts a ban in force. ID, Created and Revoked of b are ignored. If one of
// the target is in force, it returns that one, the longest of several, and an
// error that wraps ErrBanned; with replace it revokes all of them in the same
// transaction and returns them as old.
func (b *Bans) Add(ctx context.Context, ban Ban, replace bool) (added Ban, old []Ban, err error) {
	err = b.store.change(ctx, writerTurn{name: banLock}, func(ctx context.Context, tx *sqlx.Tx) error {
		rows, err := b.lockTarget(ctx, tx, ban.BanTarget)
		if err != nil {
			return err
		}
		now := b.now()
		if old = inForce(rows, ban.BanTarget, now); len(old) > 0 && !replace {
			added = slices.MaxFunc(old, byExpiry)
			return refusal{ErrBanned}
		}
		if err := revokeRows(ctx, tx, old, rows, now, "replaced"); err != nil {
			return err
		}
		added, err = insertBan(ctx, tx, ban, now)
		return err
	})
	if refused := (refusal{}); errors.As(err, &refused) {
		return added, nil, refused.error
	}
	if err != nil {
		return Ban{}, nil, fmt.Errorf("add: %w", err)
	}
	return added, old, nil
}

// Revoke ends every ban of a target that is in force, and returns them as they
// are now; ErrNotBanned if there is none.
func (b *Bans) Revoke(ctx context.Context, target BanTarget, reason string) ([]Ban, error) {
	return b.revoke(ctx, reason, func(context.Context, *sqlx.Tx) (BanTarget, uint64, error) { return target, 0, nil })
}

// RevokeID ends the ban of that number; ErrNotBanned if there is none or it is
// not in force.
func (b *Bans) RevokeID(ctx context.Context, id uint64, reason string) ([]Ban, error) {
	return b.revoke(ctx, reason, func(ctx context.Context, tx *sqlx.Tx) (BanTarget, uint64, error) {
		rows, err := selectBans(ctx, tx, `WHERE id = ?`, id)
		if err != nil {
			return BanTarget{}, 0, err
		}
		if len(rows) == 0 {
			return BanTarget{}, 0, refusal{ErrNotBanned}
		}
		return rows[0].BanTarget, id, nil
	})
}

// revoke ends the bans of a target, or that one of them that has the number.
func (b *Bans) revoke(ctx context.Context, reason string, which func(context.Context, *sqlx.Tx) (BanTarget, uint64, error)) (ended []Ban, err error) {
	err = b.store.change(ctx, writerTurn{name: banLock}, func(ctx context.Context, tx *sqlx.Tx) error {
		target, id, err := which(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := b.lockTarget(ctx, tx, target)
		if err != nil {
			return err
		}
		now := b.now()
		ended = slices.DeleteFunc(slices.Clone(rows), func(row Ban) bool {
			another := id == 0 && row.Canonical() != target.Canonical() || id != 0 && row.ID != id
			return another || !row.Active(now)
		})
		if len(ended) == 0 {
			return refusal{ErrNotBanned}
		}
		return revokeRows(ctx, tx, ended, rows, now, reason)
	})
	if refused := (refusal{}); errors.As(err, &refused) {
		return nil, refused.error
	}
	if err != nil {
		return nil, fmt.Errorf("revoke: %w", err)
	}
	return ended, nil
}

// lockTarget reads all rows that the index holds to be of a target, and keeps
// others from changing them until the transaction ends.
func (b *Bans) lockTarget(ctx context.Context, tx *sqlx.Tx, target BanTarget) ([]Ban, error) {
	values := target.spellings()
	where := `WHERE ban_type = ? AND (ban_value IN (?` + strings.Repeat(", ?", len(values)-1) + `)`
	if b.store.Driver() == "sqlite" { // NOCASE folds ASCII only
		where += ` OR ban_value GLOB '*[^ -~]*')`
	} else {
		where += `) FOR UPDATE`
	}
	return selectBans(ctx, tx, where, append([]any{target.Kind}, values...)...)
}

func selectBans(ctx context.Context, tx *sqlx.Tx, where string, args ...any) ([]Ban, error) {
	var rows []banRow
	if err := tx.SelectContext(ctx, &rows, `SELECT `+banColumns+` FROM api_bans `+where, args...); err != nil {
		return nil, err
	}
	bans := make([]Ban, len(rows))
	for i, row := range rows {
		bans[i] = row.ban()
	}
	return bans, nil
}

// inForce are the rows that mean target and are in force.
func inForce(rows []Ban, target BanTarget, now time.Time) []Ban {
	return slices.DeleteFunc(slices.Clone(rows), func(row Ban) bool {
		return row.Canonical() != target.Canonical() || !row.Active(now)
	})
}

// byExpiry orders bans by their end; one without an end is the last.
func byExpiry(a, b Ban) int {
	switch {
	case a.Expires.IsZero() && b.Expires.IsZero():
		return cmp.Compare(b.ID, a.ID)
	case a.Expires.IsZero():
		return 1
	case b.Expires.IsZero():
		return -1
	}
	return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(b.ID, a.ID))
}

// revokeRows writes the end of bans down, into the rows and into ended. The
// schema wants (ban_type, ban_value, revoked_at) to be unique, so of several
// rows of one target each ends a microsecond later than the one before.
func revokeRows(ctx context.Context, tx *sqlx.Tx, ended, all []Ban, now time.Time, reason string) error {
	taken := map[time.Time]bool{}
	for _, row := range all {
		taken[row.Revoked] = true
	}
	for i := range ended {
		at := later(now, taken)
		taken[at] = true
		_, err := tx.ExecContext(ctx, `UPDATE api_bans SET revoked_at = ?, revoked_reason = ? WHERE id = ? AND revoked_at IS NULL`,
			datetime(at), nullable(reason), ended[i].ID)
		if err != nil {
			return err
		}
		ended[i].Revoked, ended[i].RevokedReason = at, reason
	}
	return nil
}

func insertBan(ctx context.Context, tx *sqlx.Tx, ban Ban, now time.Time) (Ban, error) {
	ban.Created, ban.Revoked, ban.RevokedReason = now.UTC().Truncate(time.Microsecond), time.Time{}, ""
	result, err := tx.ExecContext(ctx, `INSERT INTO api_bans (ban_type, ban_value, reason, created_at, expires_at) VALUES (?, ?, ?, ?, ?)`,
		ban.Kind, ban.Value, nullable(ban.Reason), datetime(ban.Created), datetime(ban.Expires))
	if err != nil {
		return Ban{}, err
	}
	id, err := result.LastInsertId()
	ban.ID = uint64(id)
	return ban, err
}

// List returns the bans, sorted by kind, value and number: those in force, or
// with all every row. An empty kind means every kind. It reads where the
// daemons read, from the first host that answers.
func (b *Bans) List(ctx context.Context, kind string, all bool) ([]Ban, error) {
	var list []Ban
	for last := uint64(0); ; {
		page, err := b.after(ctx, kind, all, last)
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		list = append(list, page...)
		if len(page) < b.page {
			break
		}
		last = page[len(page)-1].ID
	}
	now := b.now()
	if !all {
		list = slices.DeleteFunc(list, func(row Ban) bool { return !row.Active(now) })
	}
	slices.SortFunc(list, func(a, b Ban) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// after reads the rows that follow the one with a number.
func (b *Bans) after(ctx context.Context, kind string, all bool, id uint64) ([]Ban, error) {
	query, args := `SELECT `+banColumns+` FROM api_bans WHERE id > ?`, []any{id}
	if kind != "" {
		query, args = query+` AND ban_type = ?`, append(args, kind)
	}
	if !all {
		query += ` AND revoked_at IS NULL`
	}
	query += fmt.Sprintf(` ORDER BY id LIMIT %d`, b.page)
	return Read(ctx, b.store.Prepare(query), func(rows *sqlx.Rows) ([]Ban, error) {
		var page []Ban
		for rows.Next() {
			var row banRow
			if err := rows.StructScan(&row); err != nil {
				return nil, b.store.Error(err)
			}
			page = append(page, row.ban())
		}
		return page, nil
	}, args...)
}
