package mysqltable

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unsafe"
)

// varString is the protocol's number of VARCHAR (MYSQL_TYPE_VAR_STRING).
const varString = 253

// readPrinted reads rows of the text protocol as the server printed them.
func (r *rowReader) readPrinted(rows driver.Rows) error {
	for {
		if columns := len(rows.Columns()); columns > 0 {
			if err := r.nextSet(); err != nil {
				return err
			}
			if err := keepPrinted(rows); err != nil {
				return err
			}
			if err := r.readPrintedSet(rows, make([]driver.Value, columns)); err != nil {
				return err
			}
		}
		more, ok := rows.(driver.RowsNextResultSet)
		if !ok || !more.HasNextResultSet() {
			return r.end()
		}
		if err := more.NextResultSet(); err == io.EOF {
			return r.end()
		} else if err != nil {
			return r.explain(err)
		}
	}
}

func (r *rowReader) readPrintedSet(rows driver.Rows, columns []driver.Value) error {
	for {
		if err := rows.Next(columns); err == io.EOF {
			return nil
		} else if err != nil {
			return r.explain(err)
		}
		r.result.rows++
		for _, c := range columns {
			text, ok := c.([]byte)
			if !ok && c != nil {
				return fmt.Errorf("the driver returned %T for a printed value", c)
			}
			if err := r.result.add(text); err != nil {
				return err
			}
		}
	}
}

// keepPrinted keeps the driver from parsing the numbers of a result set:
// go-sql-driver makes int64, float32 and float64 of them, whose text is not
// what the server sent (00042, 1e20, 2.50), and has no switch for it. So its
// note of each column's type, which nothing else is decided by once the
// header was read, is set to VARCHAR. A driver that is built otherwise is an
// error at the first answer, never a wrong value.
func keepPrinted(rows driver.Rows) error {
	v := reflect.ValueOf(rows)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	columns, err := field(v, "rs", "columns")
	if err != nil {
		return err
	}
	if columns.Kind() != reflect.Slice {
		return errUnknownDriver
	}
	for i := range columns.Len() {
		kind, err := field(columns.Index(i), "fieldType")
		if err != nil {
			return err
		}
		if kind.Kind() != reflect.Uint8 {
			return errUnknownDriver
		}
		*(*uint8)(unsafe.Pointer(kind.UnsafeAddr())) = varString
	}
	return nil
}

var errUnknownDriver = errors.New("this version of go-sql-driver/mysql is not known: its numbers would not print as MariaDB prints them")

// field follows names into a struct.
func field(v reflect.Value, names ...string) (reflect.Value, error) {
	for _, name := range names {
		if v.Kind() != reflect.Struct {
			return v, errUnknownDriver
		}
		if v = v.FieldByName(name); !v.IsValid() || !v.CanAddr() {
			return v, errUnknownDriver
		}
	}
	return v, nil
}
