package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// TestEntriesPages: every row is seen once, in order, whatever the page.
func TestEntriesPages(t *testing.T) {
	s := newSQLite(t)
	var want []string
	for i := range 7 {
		mustExec(t, s, fmt.Sprintf(`INSERT INTO smtp_sender_acl (login, sender) VALUES ('l%d', 's%d@x.test'), ('l%d', 'z%d@x.test')`, i, i, i, i))
		want = append(want, fmt.Sprintf("l%d s%d@x.test", i, i), fmt.Sprintf("l%d z%d@x.test", i, i))
	}
	for size := 1; size < 16; size++ {
		var got []string
		err := s.entries(t.Context(), Senders, size, func(e Entry) error {
			got = append(got, e.Key+" "+e.Value)
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("pages of %d: %q, %v", size, got, err)
		}
	}
	enough, n := errors.New("enough"), 0
	err := s.Entries(t.Context(), Senders, func(Entry) error { n++; return enough })
	if err != enough || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestEditUndoes: an error of work undoes all of it and comes back as it is.
func TestEditUndoes(t *testing.T) {
	s := newSQLite(t)
	own := errors.New("own")
	err := s.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
		if _, err := e.Insert(ctx, Domains, Entry{Key: "x.test", Active: true}); err != nil {
			return err
		}
		if values, err := e.Values(ctx, Domains, "X.test"); err != nil || !slices.Equal(values, []string{"1"}) {
			t.Errorf("the transaction does not see its own row: %q, %v", values, err)
		}
		return own
	})
	if err != own {
		t.Errorf("got %v", err)
	}
	if got := loadAll(t, s, "domain"); len(got) != 0 {
		t.Errorf("rows are left: %v", got)
	}
}

// TestEditTrouble: what the database could not do is told, even if work passes
// over it.
func TestEditTrouble(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, `DROP TABLE alias`)
	err := s.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
		_, _ = e.Find(ctx, Aliases, Entry{Key: "x@x.test"})
		return nil
	})
	if !MissingTable(err) {
		t.Errorf("got %v", err)
	}
}

// TestEditDeletesMany: more rows than one statement takes.
func TestEditDeletesMany(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO alias (address, `goto`) SELECT 'n' || i || '@x.test', 'y' FROM n")
	err := s.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
		var ids []uint64
		if err := e.Each(ctx, Aliases, "", "@x.test", func(row Entry) { ids = append(ids, row.ID) }); err != nil {
			return err
		}
		return e.Delete(ctx, Aliases, ids[1:]...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := loadAll(t, s, "alias"); len(got) != 1 {
		t.Errorf("%d rows are left", len(got))
	}
}

// TestEditLike: % and _ mean themselves.
func TestEditLike(t *testing.T) {
	s := newSQLite(t)
	mustExec(t, s, "INSERT INTO alias (address, `goto`) VALUES ('a_b@x.test', '1%!'), ('acb@x.test', '100'), ('É@x.test', 'x')")
	found := func(search func(ctx context.Context, e *Edit, each func(Entry)) error) (keys []string) {
		err := s.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
			return search(ctx, e, func(row Entry) { keys = append(keys, row.Key) })
		})
		if err != nil {
			t.Error(err)
		}
		return keys
	}
	if got := found(func(ctx context.Context, e *Edit, each func(Entry)) error {
		return e.Each(ctx, Aliases, "a_b@", "", each)
	}); !slices.Equal(got, []string{"a_b@x.test"}) {
		t.Errorf("keys: %q", got)
	}
	if got := found(func(ctx context.Context, e *Edit, each func(Entry)) error {
		return e.EachContaining(ctx, Aliases, "%!", each)
	}); !slices.Equal(got, []string{"a_b@x.test"}) {
		t.Errorf("values: %q", got)
	}
	err := s.Edit(t.Context(), func(ctx context.Context, e *Edit) error {
		rows, err := e.Find(ctx, Aliases, Entry{Key: "é@x.test"})
		if len(rows) != 1 || rows[0].Key != "É@x.test" {
			t.Errorf("found %v", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
