package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"postern/internal/store"
)

// Disk is the file system of this host.
type Disk struct{}

var _ Files = Disk{}

// Stat follows links, as whoever opens the file does.
func (Disk) Stat(path string) (FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return FileInfo{}, err
	}
	f := FileInfo{Mode: info.Mode()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.Owner, f.Group = strconv.Itoa(int(s.Uid)), strconv.Itoa(int(s.Gid))
		if u, err := user.LookupId(f.Owner); err == nil {
			f.Owner = u.Username
		}
		if g, err := user.LookupGroupId(f.Group); err == nil {
			f.Group = g.Name
		}
	}
	return f, nil
}

// longestFile bounds what is read: no configuration is larger.
const longestFile = 16 << 20

// Read reads a file. One that is a pipe without a writer is empty.
func (Disk) Read(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	if err == nil && len(text) > longestFile {
		return nil, errors.New("larger than 16 MB")
	}
	return text, err
}

// Tables are the tables of a database.
type Tables struct{ store *store.Store }

var _ Database = Tables{}

// Select runs a query and returns its rows as text.
func (t Tables) Select(ctx context.Context, query string, args ...any) ([][]string, error) {
	rows, err := t.store.Text(query).Query(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		columns, err := rows.SliceScan()
		if err != nil {
			return nil, t.store.Error(err)
		}
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = text(c)
		}
		all = append(all, row)
	}
	return all, t.store.Error(rows.Err())
}

// text is a column as text; NULL is "".
func text(column any) string {
	switch c := column.(type) {
	case nil:
		return ""
	case []byte:
		return string(c)
	case sql.RawBytes:
		return string(c)
	}
	return fmt.Sprint(column)
}

// Each reads a loaded table.
func (t Tables) Each(ctx context.Context, table string, emit func(key, value string)) error {
	rows, err := t.store.Rows(table)
	if err != nil {
		return err
	}
	return rows.Load(ctx, func(key, value []byte) error {
		emit(string(key), string(value))
		return nil
	})
}
