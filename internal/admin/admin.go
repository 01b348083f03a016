package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"postern/internal/lookup"
	"postern/internal/store"
)

// Options are what the rules know of the host.
type Options struct {
	SRSDomain string   // where SRS addresses are; empty: none
	Hostname  string   // Postfix myhostname; empty: not known
	MyOrigin  string   // Postfix myorigin
	Operator  string   // where postmaster and abuse lead without a row
	Reserved  []string // reserved_handles, folded
	Allowed   []string // reserved_handles_allow, folded
	Delimiter string   // recipient_delimiter
	Propagate bool     // propagate_unmatched_extensions has virtual
}

// Desk is where the tables are administered.
type Desk struct {
	store   *store.Store
	options Options
}

// New makes a desk over a database.
func New(s *store.Store, o Options) *Desk {
	o.SRSDomain, o.Hostname = lookup.Fold(o.SRSDomain), lookup.Fold(o.Hostname)
	return &Desk{s, o}
}

// Ways are the rules that the user sets aside.
type Ways struct {
	Force   bool // what leads nowhere yet
	Replace bool // where a row exists, change its value
	Shadow  bool // a handle before aliases of its name
	Cascade bool // what depends on it goes with it
}

// Done is a change that was made.
type Done struct {
	Action string   `json:"action"` // added, changed, enabled, disabled, removed
	Table  string   `json:"table"`
	ID     uint64   `json:"id"`
	Text   string   `json:"text"`  // a sentence for the user
	Notes  []string `json:"notes"` // what else there is to know
	Rows   []Row    `json:"-"`     // what daemons may hold
}

// Row names rows of a loaded table by their key; all of the table's without.
type Row struct{ Table, Key string }

func (d *Done) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

// Refusal is a change that a rule stands against.
type Refusal struct{ text string }

// Error implements error.
func (r *Refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Invalid is an input that cannot be meant.
type Invalid struct{ err error }

// Error implements error.
func (i *Invalid) Error() string { return i.err.Error() }

// Unwrap returns the cause.
func (i *Invalid) Unwrap() error { return i.err }

// invalid says which input is wrong.
func invalid(what, input string, err error) error {
	return &Invalid{fmt.Errorf("%s %.200q: %w", what, input, err)}
}

// noun is what a row of a table is called.
func noun(table string) string {
	switch table {
	case store.Domains:
		return "domain"
	case store.Aliases:
		return "alias"
	case store.Handles:
		return "handle"
	case store.Senders:
		return "sender"
	}
	return "user"
}

// subject is a row as messages name it, bounded and escaped.
func subject(table string, e store.Entry) string {
	if table == store.Senders {
		return fmt.Sprintf("sender %s for %s", shown(e.Value), shown(e.Key))
	}
	return noun(table) + " " + shown(e.Key)
}

// shown is a text of a row in a message: quoted where it has anything odd.
func shown(text string) string {
	if quoted := fmt.Sprintf("%q", text); len(text) == 0 || quoted[1:len(quoted)-1] != text || strings.Contains(text, " ") {
		return fmt.Sprintf("%.200q", text)
	}
	return fmt.Sprintf("%.200s", text)
}

// arguments are the words of a command that names a row.
func arguments(table string, e store.Entry) string {
	if table == store.Senders {
		return shown(e.Key) + " " + shown(e.Value)
	}
	return shown(e.Key)
}

// held are the rows that daemons hold of an entry.
func held(table string, e store.Entry) []Row {
	switch table {
	case store.Users:
		return nil
	case store.Senders:
		return []Row{{table, e.Value}}
	}
	return []Row{{table, e.Key}}
}

// errExists is for add: the row is there.
func errExists(table string, e store.Entry) error {
	if !e.Active {
		return refuse("%s exists already, and is disabled (#%d): 'postern %s enable %s' switches it on", subject(table, e), e.ID, noun(table), arguments(table, e))
	}
	advice := ""
	if table == store.Aliases || table == store.Handles {
		advice = fmt.Sprintf(" and leads to %s: --replace changes that", shown(e.Value))
	}
	if table == store.Users {
		advice = fmt.Sprintf(": 'postern user password %s' changes its password", arguments(table, e))
	}
	return refuse("%s exists already (#%d)%s", subject(table, e), e.ID, advice)
}

// existing finds the rows that are the same as row. A row that only the
// database takes for it stands in the way of a new one.
func existing(ctx context.Context, e *store.Edit, table string, row store.Entry) (same []store.Entry, err error) {
	found, err := e.Find(ctx, table, row)
	if err != nil {
		return nil, err
	}
	for _, other := range found {
		if row.Same(table, other) {
			same = append(same, other)
		}
	}
	if len(same) == 0 && len(found) > 0 {
		return nil, &alikeError{table, found[0]}
	}
	return same, nil
}

// alikeError is a row that is another one to the daemons and the same to the
// database's unique key.
type alikeError struct {
	table string
	row   store.Entry
}

func (e *alikeError) Error() string {
	return fmt.Sprintf("%s exists (#%d), and the database's collation takes the two for one (accents and case make no difference there): remove that one first",
		subject(e.table, e.row), e.row.ID)
}

// vacant makes sure that a row can be added.
func vacant(ctx context.Context, e *store.Edit, table string, row store.Entry) error {
	same, err := existing(ctx, e, table, row)
	if alike := (*alikeError)(nil); errors.As(err, &alike) {
		return refuse("%s: %s", subject(table, row), alike)
	}
	if err != nil {
		return err
	}
	if len(same) > 0 {
		return errExists(table, same[0])
	}
	return nil
}

// present finds the rows of one that must be there.
func present(ctx context.Context, e *store.Edit, table string, row store.Entry) ([]store.Entry, error) {
	same, err := existing(ctx, e, table, row)
	if alike := (*alikeError)(nil); errors.As(err, &alike) {
		return nil, refuse("%s: no such row; there is %s", subject(table, row), subject(table, alike.row))
	}
	if err == nil && len(same) == 0 {
		err = refuse("%s: no such row: 'postern %s list' shows what there is", subject(table, row), noun(table))
	}
	return same, err
}
