package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/store"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fakeQueue plays Postfix's programs over messages in memory.
type fakeQueue struct {
	messages map[string]*listed
	logins   map[string]string
	gone     map[string]bool // listed, and away when it is looked into
	broken   map[string]string
	supers   []string // what postsuper was told
}

func (f *fakeQueue) run(_ context.Context, stdin string, read func(io.Reader) error, program string, args ...string) (string, error) {
	if text := f.broken[program]; text != "" {
		return text, errors.New("exit status 1")
	}
	var out strings.Builder
	switch program {
	case "postqueue":
		for _, l := range f.messages {
			_ = json.NewEncoder(&out).Encode(map[string]any{"queue_name": l.Queue, "queue_id": l.ID, "arrival_time": l.Arrived, "sender": l.Sender, "recipients": l.Recipients})
		}
	case "postconf":
		if slices.Contains(args, "empty_address_recipient") {
			fmt.Fprintln(&out, "ops@elsewhere.test")
		}
	case "postcat":
		for _, id := range args[2:] {
			if f.gone[id] {
				return "postcat: fatal: open queue file " + id + ": No such file or directory\n", errors.Join(read(strings.NewReader(out.String())), errors.New("exit status 1"))
			}
			fmt.Fprintf(&out, "*** ENVELOPE RECORDS deferred/A/%s ***\nnamed_attribute: sasl_username=%s\n*** MESSAGE FILE END deferred/A/%s ***\n", id, f.logins[id], id)
		}
	case "postsuper":
		f.supers = append(f.supers, strings.Join(args, " ")+" < "+strings.ReplaceAll(stdin, "\n", " "))
		for id := range strings.FieldsSeq(stdin) {
			if l := f.messages[id]; l != nil {
				l.Queue = map[string]string{"-h": "hold", "-H": "deferred"}[args[0]]
			}
		}
		return "", nil
	}
	return "", read(strings.NewReader(out.String()))
}

// newDesk works on an embedded database with a login and an alias.
func newDesk(t *testing.T, q *fakeQueue) *Desk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	if err := store.InitSQLite(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for _, row := range []string{
		`INSERT INTO smtp_users (username, password) VALUES ('alice', 'x')`,
		`INSERT INTO smtp_sender_acl (login, sender) VALUES ('alice', 'alice@x.test')`,
		`INSERT INTO alias (address, goto) VALUES ('info@x.test', 'me@far.test')`,
	} {
		if _, err := s.Exec(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	return &Desk{Store: s, Queue: &Queue{Run: q.run}, Dir: filepath.Join(t.TempDir(), "incidents"), Host: "mx", Delimiter: "+", Now: func() time.Time { return noon }}
}

func queueOf(n int) *fakeQueue {
	q := &fakeQueue{messages: map[string]*listed{}, logins: map[string]string{}, gone: map[string]bool{}, broken: map[string]string{}}
	for i := range n {
		id := fmt.Sprintf("%06X", 0x100000+i)
		q.messages[id] = &listed{Queue: "deferred", ID: id, Arrived: noon.Unix(), Sender: "alice@x.test"}
		q.logins[id] = "alice"
	}
	return q
}

func active(t *testing.T, d *Desk, table string) (n int) {
	t.Helper()
	if err := d.Store.DB().Get(&n, "SELECT count(*) FROM "+table+" WHERE active = 1"); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBigQueue: IDs travel in batches, messages that leave meanwhile are passed
// over, and what others put on hold stays theirs.
func TestBigQueue(t *testing.T) {
	q := queueOf(2503)
	for i, id := range []string{"100000", "100063", "100064", "1000C8", "1009C6"} {
		q.gone[id] = i < 4
	}
	q.messages["100001"].Queue = "hold"
	q.messages["100002"].Queue = "maildrop"
	q.messages["100003"].ID = "ALL"
	q.logins["100004"] = "bob"
	d := newDesk(t, q)
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if want := 2503 - 4 - 4; len(r.Held) != want || len(q.supers) != 3 {
		t.Errorf("%d held by %d commands, want %d", len(r.Held), len(q.supers), want)
	}
	if strings.Contains(strings.Join(q.supers, ""), "ALL") || q.messages["100004"].Queue != "deferred" {
		t.Error("mail of others was held")
	}
	if _, err := d.Undo(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	if q.messages["100001"].Queue != "hold" || q.messages["100005"].Queue != "deferred" {
		t.Error("undone wrongly")
	}
}

// TestQueueIDUsedAgain: a message of the same ID that came later is another.
func TestQueueIDUsedAgain(t *testing.T) {
	q := queueOf(2)
	d := newDesk(t, q)
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	q.messages["100000"].Arrived++
	s, err := d.Undo(t.Context(), r.ID)
	if err != nil || len(s.Released) != 1 || s.Released[0].ID != "100001" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestQueueTrouble: what the database did stays done and is told.
func TestQueueTrouble(t *testing.T) {
	for _, program := range []string{"postqueue", "postcat", "postsuper"} {
		t.Run(program, func(t *testing.T) {
			q := queueOf(3)
			q.broken[program] = "x: warning: y\nx: fatal: no rights\x1b[2J\n"
			d := newDesk(t, q)
			r, err := d.Stop(t.Context(), Request{Name: "alice"})
			if err == nil || errors.Is(err, ErrNotStopped) || !strings.Contains(err.Error(), `"x: fatal: no rights\x1b[2J"`) || r == nil || r.Stopped == nil {
				t.Fatalf("%+v, %v", r, err)
			}
			if active(t, d, "smtp_users") != 0 {
				t.Error("the login is active")
			}
			delete(q.broken, program)
			r, err = d.Continue(t.Context(), r.ID, nil)
			if err != nil || len(r.Rows) != 2 || q.messages["100000"].Queue != "hold" {
				t.Fatalf("%+v, %v", r, err)
			}
			if _, err := d.Undo(t.Context(), r.ID); err != nil || active(t, d, "smtp_users") != 1 || q.messages["100000"].Queue != "deferred" {
				t.Errorf("undo: %v", err)
			}
		})
	}
}

// TestPlan: a command that died after it wrote the plan, before or after the
// database took it, is undone.
func TestPlan(t *testing.T) {
	for _, committed := range []bool{false, true} {
		t.Run(fmt.Sprint("committed ", committed), func(t *testing.T) {
			d := newDesk(t, queueOf(0))
			keys := keysOf(Alias, "info@x.test")
			rows, _, err := d.active(t.Context(), keys)
			if err != nil {
				t.Fatal(err)
			}
			if committed {
				if _, err := d.Store.SwitchOff(t.Context(), keys...); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(d.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := d.save(&State{ID: "20261101T110000Z", Kind: Alias, Name: "info@x.test", Rows: rows}); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Undo(t.Context(), "20261101T110000Z"); err != nil || active(t, d, "alias") != 1 {
				t.Errorf("%v, %d active", err, active(t, d, "alias"))
			}
		})
	}
	t.Run("ban", func(t *testing.T) {
		d := newDesk(t, queueOf(0))
		r, err := d.Stop(t.Context(), Request{Name: "me@far.test"})
		if err != nil || r.Kind != Destination {
			t.Fatalf("%+v, %v", r, err)
		}
		r.Ban, r.Stopped = nil, nil
		if err := d.save(&r.State); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Undo(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		if list, err := d.Store.Bans(d.Now).List(t.Context(), "", false); err != nil || len(list) != 0 {
			t.Errorf("in force: %v, %v", list, err)
		}
	})
}

// TestUndoChanged: what somebody changed since stays, the rest is restored.
func TestUndoChanged(t *testing.T) {
	d := newDesk(t, queueOf(1))
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store.Exec(t.Context(), `UPDATE smtp_sender_acl SET sender = 'b@x.test'`); err != nil {
		t.Fatal(err)
	}
	s, err := d.Undo(t.Context(), r.ID)
	if !errors.Is(err, ErrKept) || len(s.Kept) != 1 || len(s.Restored) != 1 || len(s.Released) != 1 || s.Undone == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if active(t, d, "smtp_users") != 1 || active(t, d, "smtp_sender_acl") != 0 {
		t.Error("restored wrongly")
	}
}

// TestUndoAgainst: what something stands against stays off, and is named.
func TestUndoAgainst(t *testing.T) {
	d := newDesk(t, queueOf(0))
	d.Against = func(_ context.Context, _ *store.Edit, row store.SwitchRow) (string, error) {
		return "it would lead in a circle", nil
	}
	r, err := d.Stop(t.Context(), Request{Name: "info@x.test"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Undo(t.Context(), r.ID)
	if !errors.Is(err, ErrKept) || len(s.Kept) != 1 || s.Kept[0].Why != "it would lead in a circle" || active(t, d, "alias") != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	d := newDesk(t, queueOf(0))
	unlock, err := d.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Stop(ctx, Request{Name: "alice", As: Login}); err == nil || active(t, d, "smtp_users") != 1 {
		t.Errorf("under the lock of another: %v", err)
	}
	if _, err := d.lock(ctx); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	unlock()
	first, err1 := d.Stop(t.Context(), Request{Name: "alice"})
	second, err2 := d.Stop(t.Context(), Request{Name: "alice"})
	if err := errors.Join(err1, err2); err != nil || first.ID == second.ID || len(first.Rows) != 2 || len(second.Rows) != 0 {
		t.Errorf("%v, %v: %v", first, second, err)
	}
	all, err := d.List()
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestContinueAfterUndo: who waited for an undo to end finds it done, and does not
// begin again with what was there before.
func TestContinueAfterUndo(t *testing.T) {
	d := newDesk(t, queueOf(1))
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		unlock, err := d.lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := d.Continue(t.Context(), r.ID, nil)
			ended <- err
		}()
		synctest.Wait() // for the lock
		undone := r.State
		undone.Undone = &noon
		if err := d.save(&undone); err != nil {
			t.Fatal(err)
		}
		unlock()
		if err := <-ended; !errors.Is(err, ErrDone) {
			t.Errorf("continued: %v", err)
		}
	})
	if s, err := d.load(r.ID); err != nil || s.Undone == nil {
		t.Errorf("the undo is forgotten: %+v, %v", s, err)
	}
}

// TestFolderOfAnother: nothing is written where a link leads.
func TestFolderOfAnother(t *testing.T) {
	d := newDesk(t, queueOf(0))
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, d.Dir); err != nil {
		t.Fatal(err)
	}
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if r != nil || err == nil || !strings.Contains(err.Error(), "it is no folder") || active(t, d, "smtp_users") != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if files, err := os.ReadDir(elsewhere); err != nil || len(files) > 0 {
		t.Errorf("wrote %v, %v", files, err)
	}
}

func TestUnknownIncident(t *testing.T) {
	d := newDesk(t, queueOf(0))
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"20261101T110000Z", "../../etc/passwd", "", strings.Repeat("1", 100)} {
		if _, err := d.Undo(t.Context(), id); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := os.WriteFile(d.statePath("20261101T110000Z"), []byte("postern incident 1\n{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Undo(t.Context(), "20261101T110000Z"); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := os.Stat(d.statePath("20261101T110000Z")); err != nil {
		t.Errorf("who looks moved it: %v", err)
	}
}

func FuzzEnvelopes(f *testing.F) {
	f.Add("*** ENVELOPE RECORDS deferred/A/ABCDEF ***\nnamed_attribute: sasl_username=x\noriginal_recipient: a\nrecipient: b\n*** HEADER EXTRACTED deferred/A/ABCDEF ***\n")
	f.Add("recipient: x\n*** ENVELOPE RECORDS /// ***")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		if err := envelopes(strings.NewReader(text), func(e envelope) { n++ }); err != nil {
			t.Error(err)
		}
		if n > strings.Count(text, "*** ENVELOPE RECORDS ") {
			t.Errorf("%d envelopes", n)
		}
	})
}

// TestMissingTables: logins may be kept elsewhere, and handles by nobody.
func TestMissingTables(t *testing.T) {
	q := queueOf(1)
	d := newDesk(t, q)
	drop := func(tables ...string) {
		t.Helper()
		for _, table := range tables {
			if _, err := d.Store.Exec(t.Context(), "DROP TABLE "+table); err != nil {
				t.Fatal(err)
			}
		}
	}
	drop("smtp_users", "alias_handle")
	r, err := d.Stop(t.Context(), Request{Name: "alice"})
	if err != nil || len(r.Rows) != 1 || r.Kind != Login {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := d.Stop(t.Context(), Request{Name: "me@far.test"}); err != nil || r.Kind != Destination {
		t.Errorf("%+v, %v", r, err)
	}
	drop("smtp_sender_acl", "alias")
	if r, err := d.Stop(t.Context(), Request{Name: "alice"}); !errors.Is(err, ErrNotStopped) || r == nil || r.Kind != Unknown {
		t.Errorf("another database: %+v, %v", r, err)
	}
}

// TestNullSender: a bounce in the queue is nobody's, and not the operator's, whose
// address postqueue(1) shows.
func TestNullSender(t *testing.T) {
	q := queueOf(2)
	q.messages["100000"].Sender = "ops@elsewhere.test"
	d := newDesk(t, q)
	r, err := d.Stop(t.Context(), Request{Name: "alice", DryRun: true})
	if err != nil || len(r.Held) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	var text strings.Builder
	if err := r.Markdown(&text); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "ops@elsewhere.test") || !strings.Contains(text.String(), "| `<>` |") {
		t.Error(text.String())
	}
}
