package mysqltable

import (
	"database/sql"
	"errors"
	"slices"
)

// errInexact says that prepared statements print a column otherwise than the
// text protocol, which Postfix uses.
var errInexact = errors.New("column prints otherwise in the binary protocol")

// printsAlike reports whether a column of that type has the same text in both
// protocols. Unsigned numbers may be ZEROFILL, which the driver does not tell;
// DECIMAL may be too; FLOAT, DOUBLE, YEAR, BIT and all times are printed by
// the server in the text protocol only.
func printsAlike(databaseType string) bool {
	return slices.Contains([]string{
		"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT",
		"CHAR", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT",
		"BINARY", "VARBINARY", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB",
		"ENUM", "SET", "JSON", "NULL",
	}, databaseType)
}

// rowReader reads all that a statement returned (Postfix's dict_mysql.c:
// plmysql_query).
type rowReader struct {
	needSet bool // require_result_set
	result  *resultBuilder
	explain func(error) error // puts errors of the driver into words
	sets    int
}

// nextSet counts the result sets. A stored procedure may return one.
func (r *rowReader) nextSet() error {
	if r.sets++; r.sets > 1 {
		return errors.New("several result sets: the procedure must return one")
	}
	return nil
}

// end judges the number of sets.
func (r *rowReader) end() error {
	if r.sets == 0 && r.needSet {
		return errors.New("no result set (require_result_set = yes)")
	}
	return nil
}

// readPrepared reads the rows of a prepared statement, or returns errInexact.
func (r *rowReader) readPrepared(rows *sql.Rows) error {
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.ColumnTypes()
		if err != nil {
			return r.explain(err)
		}
		if len(columns) == 0 {
			continue
		}
		if err := r.nextSet(); err != nil {
			return err
		}
		if err := r.readPreparedSet(rows, columns); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return r.explain(err)
	}
	return r.end()
}

func (r *rowReader) readPreparedSet(rows *sql.Rows, types []*sql.ColumnType) error {
	columns := make([]sql.RawBytes, len(types))
	into := make([]any, len(types))
	for i, t := range types {
		if !printsAlike(t.DatabaseTypeName()) {
			return errInexact
		}
		into[i] = &columns[i]
	}
	for rows.Next() {
		r.result.rows++
		if err := rows.Scan(into...); err != nil {
			return r.explain(err)
		}
		for _, c := range columns {
			if err := r.result.add(c); err != nil {
				return err
			}
		}
	}
	return r.explain(rows.Err())
}
