package greylist

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"postern/internal/statefile"
)

// format is of the state file. The body is rows, see [row.appendTo].
var format = statefile.Format{Name: "greylist", Version: 1}

// rowsAtOnce are written between two moments in which mail may pass.
const rowsAtOnce = 4096

// Load takes the rows that path holds; what this store has already stays. A
// file that is not there is no trouble, one that is damaged or newer was set
// aside, which is logged: the mail of some senders waits once more. The error
// is trouble of the disk.
func (m *Memory) Load(path string) error {
	var rows []*row
	err := format.Read(path, func(_ int, body io.Reader) (err error) {
		rows, err = readRows(bufio.NewReader(body))
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, statefile.ErrDamaged), errors.Is(err, statefile.ErrNewer):
		m.options.Log.Warn("greylist: begins without what was kept: senders who passed before wait once more", "error", err)
		return nil
	case err != nil:
		return err
	}
	m.install(rows)
	return nil
}

// Peek takes the rows of a file that another process owns: it stays as it is.
// A file that is not there is no trouble; the error is all other trouble.
func (m *Memory) Peek(path string) error {
	var rows []*row
	err := format.Peek(path, func(_ int, body io.Reader) (err error) {
		rows, err = readRows(bufio.NewReader(body))
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	m.install(rows)
	return nil
}

// install adds rows in the order of their lists, as many as there is room for.
func (m *Memory) install(rows []*row) {
	now := m.options.Now().UnixNano()
	rows = slices.DeleteFunc(rows, func(r *row) bool { return r.dies <= now })
	slices.SortFunc(rows, func(a, b *row) int {
		return cmp.Compare(max(a.first, a.last), max(b.first, b.last))
	})
	m.mu.Lock()
	defer m.unlock()
	for _, r := range rows {
		if m.rows[r.key] == nil {
			m.makeRoom(now)
			m.rows[r.key] = r
			m.list(r).put(r)
		}
	}
}

// Save writes the rows to path. Mail passes meanwhile, so each row is as it was
// at some time during the call.
func (m *Memory) Save(path string) error {
	return format.Write(path, func(w io.Writer) (err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.changed = false
		now := m.options.Now().UnixNano()
		chunk, n := []byte(nil), 0
		for _, r := range m.rows { // it may change while the lock is given away, as in the body of any loop
			if r.dies <= now {
				m.drop(r)
				continue
			}
			chunk = r.appendTo(chunk)
			if n++; n%rowsAtOnce == 0 {
				if err := m.writeUnlocked(w, chunk); err != nil {
					return err
				}
				chunk = chunk[:0]
			}
		}
		return m.writeUnlocked(w, chunk)
	})
}

// writeUnlocked gives the lock away meanwhile.
func (m *Memory) writeUnlocked(w io.Writer, chunk []byte) error {
	m.mu.Unlock()
	defer m.mu.Lock()
	_, err := w.Write(chunk)
	return err
}

// Run writes the rows to path at each interval in which they changed, and once
// more when ctx ends. A failure is logged when it begins; the old file stays
// and the next interval tries again. The error is that of the last time.
func (m *Memory) Run(ctx context.Context, path string, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
			failing = m.saveLogged(path, failing) != nil
		case <-ctx.Done():
			return m.saveIfChanged(path)
		}
	}
}

func (m *Memory) saveLogged(path string, failing bool) error {
	err := m.saveIfChanged(path)
	switch {
	case err != nil && !failing:
		m.options.Log.Warn("greylist: the state is not saved, so a restart would go back", "error", err)
	case err == nil && failing:
		m.options.Log.Info("greylist: the state is saved again")
	}
	return err
}

func (m *Memory) saveIfChanged(path string) error {
	m.mu.Lock()
	changed := m.changed
	m.mu.Unlock()
	if !changed {
		return nil
	}
	err := m.Save(path)
	if err != nil {
		m.mu.Lock()
		m.changed = true
		m.mu.Unlock()
	}
	return err
}
