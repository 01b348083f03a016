package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"postern/internal/store"
)

// Undo restores the rows that an incident made inactive and releases the mail
// that it put on hold. Rows that somebody changed since are left as they are:
// the error then wraps ErrKept, and what could be restored is.
func (d *Desk) Undo(ctx context.Context, id string) (*State, error) {
	s, unlock, err := d.open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s.Undone != nil {
		return s, fmt.Errorf("%s: %w, at %s", id, ErrDone, minute(*s.Undone))
	}
	if err := d.save(s); err != nil { // a full disk shows before anything is changed
		return s, fmt.Errorf("nothing was changed: %w", err)
	}
	if err := d.restore(ctx, s); err != nil {
		return s, fmt.Errorf("%w: nothing was released: %w", ErrNotStopped, err)
	}
	if err := d.save(s); err != nil {
		return s, err
	}
	if err := d.letGo(ctx, s); err != nil {
		return s, err
	}
	now := d.Now().UTC()
	s.Undone = &now
	if err := d.save(s); err != nil {
		return s, err
	}
	if len(s.Kept) > 0 {
		return s, fmt.Errorf("%w: %d rows were changed by somebody since, and stay as they are", ErrKept, len(s.Kept))
	}
	return s, nil
}

// restore undoes the part of the database. What it restored is remembered, so
// that an undo that is repeated does not stumble over itself.
func (d *Desk) restore(ctx context.Context, s *State) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	left := slices.DeleteFunc(slices.Clone(s.Rows), func(row store.SwitchRow) bool {
		return slices.ContainsFunc(s.Restored, func(r store.SwitchRow) bool { return r.Table == row.Table && r.ID == row.ID })
	})
	if len(left) > 0 {
		on, kept, err := d.Store.SwitchOn(ctx, left, d.Against)
		if err != nil {
			return err
		}
		if s.Stopped == nil { // the plan of a command that died: what is on was never off
			kept = slices.DeleteFunc(kept, func(k store.KeptRow) bool { return k.Why == store.KeptActive })
		}
		s.Restored, s.Kept = append(s.Restored, on...), kept
		if d.Tell != nil && len(on) > 0 {
			d.Tell(ctx, on)
		}
	}
	return d.unban(ctx, s)
}

// unban revokes the ban of the incident, if it is in force.
func (d *Desk) unban(ctx context.Context, s *State) error {
	bans := d.Store.Bans(d.Now)
	ban, err := d.banOf(ctx, bans, s)
	if err != nil || ban == nil {
		return err
	}
	revoked, err := bans.RevokeID(ctx, ban.ID, banReason(s.ID)+" undone")
	if errors.Is(err, store.ErrNotBanned) {
		return nil // somebody did so before, which is what was wanted
	}
	if err == nil && d.Tell != nil {
		d.Tell(ctx, nil, revoked[0].BanTarget)
	}
	return err
}

// banOf is the ban of the incident; that of a command that died before it
// could write it down is known by its reason.
func (d *Desk) banOf(ctx context.Context, bans *store.Bans, s *State) (*Ban, error) {
	if s.Ban != nil || s.Kind != Destination || s.Stopped != nil {
		return s.Ban, nil
	}
	list, err := bans.List(ctx, "email", false)
	for _, ban := range list {
		if ban.Reason == banReason(s.ID) {
			return &Ban{ID: ban.ID, Target: ban.Value}, nil
		}
	}
	return nil, err
}

// letGo releases what is on hold and was put there by this incident.
func (d *Desk) letGo(ctx context.Context, s *State) error {
	held, err := d.onHold(ctx)
	if err != nil {
		return err
	}
	var mine []Message
	for _, m := range s.Held {
		if slices.ContainsFunc(held[m.ID], m.same) {
			mine = append(mine, m)
		}
	}
	if err := d.Queue.release(ctx, mine); err != nil {
		return err
	}
	s.Released = append(s.Released, mine...)
	return nil
}
