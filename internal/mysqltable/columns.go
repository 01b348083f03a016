package mysqltable

import (
	"database/sql"
	"fmt"
	"slices"
)

// printsAlike reports whether a column of that type has the same digits in
// both protocols. Unsigned numbers may be ZEROFILL, which the driver does not
// tell; DECIMAL may be too; FLOAT, DOUBLE, YEAR, BIT and all times are
// formatted by the server in the text protocol only.
func printsAlike(databaseType string) bool {
	return slices.Contains([]string{
		"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT",
		"CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT",
		"BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB",
		"ENUM", "SET", "JSON", "NULL",
	}, databaseType)
}

// rowReader reads all that a statement returned.
type rowReader struct {
	rows    *sql.Rows
	prints  bool // the text protocol was used
	needSet bool // require_result_set
	result  *resultBuilder
}

// read adds every column to the result (Postfix's dict_mysql.c:
// plmysql_query). A stored procedure may return one result set.
func (r *rowReader) read() error {
	defer r.rows.Close()
	sets := 0
	for more := true; more; more = r.rows.NextResultSet() {
		columns, err := r.rows.ColumnTypes()
		if err != nil {
			return err
		}
		if len(columns) == 0 {
			continue
		}
		if sets++; sets > 1 {
			return fmt.Errorf("several result sets: the procedure must return one")
		}
		if err := r.readSet(columns); err != nil {
			return err
		}
	}
	if err := r.rows.Err(); err != nil {
		return err
	}
	if sets == 0 && r.needSet {
		return fmt.Errorf("no result set (require_result_set = yes)")
	}
	return nil
}

func (r *rowReader) readSet(types []*sql.ColumnType) error {
	columns := make([]sql.RawBytes, len(types))
	into := make([]any, len(types))
	for i, t := range types {
		if !r.prints && !printsAlike(t.DatabaseTypeName()) {
			return errInexact
		}
		into[i] = &columns[i]
	}
	for r.rows.Next() {
		r.result.rows++
		if err := r.rows.Scan(into...); err != nil {
			return err
		}
		for _, c := range columns {
			if err := r.result.add(c); err != nil {
				return err
			}
		}
	}
	return r.rows.Err()
}
