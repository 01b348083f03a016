package mysqltable

import (
	"bytes"
	"fmt"
)

// maxResult bounds an answer; socketmap carries 100,000 bytes at most.
const maxResult = 1 << 20

// resultBuilder joins the columns of all rows (Postfix's dict_mysql.c:
// dict_mysql_lookup): each goes through result_format, NULL and empty ones are
// skipped, a comma is between.
type resultBuilder struct {
	format template
	needs  needs
	limit  int // expansion_limit, off if not positive
	key    address

	joined   []byte
	appended int
	empties  int // columns with an empty string
	rows     int
}

// add takes one column; nil is NULL.
func (r *resultBuilder) add(column []byte) error {
	if column == nil {
		return nil
	}
	if i := bytes.IndexByte(column, 0); i >= 0 {
		column = column[:i] // a C string for Postfix
	}
	if len(column) == 0 {
		r.empties++
		return nil
	}
	value, ok := r.needs.splitValue(string(column))
	if !ok {
		return nil
	}
	if len(r.joined) > 0 {
		r.joined = append(r.joined, ',')
	}
	r.joined = r.format.append(r.joined, value, r.key)
	if r.appended++; r.limit > 0 && r.appended > r.limit {
		return fmt.Errorf("more than expansion_limit = %d values", r.limit)
	}
	if len(r.joined) > maxResult {
		return fmt.Errorf("answer is larger than %d bytes", maxResult)
	}
	return nil
}
