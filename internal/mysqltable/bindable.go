package mysqltable

import (
	"fmt"
	"strings"
)

// binders are the keywords behind which MariaDB takes a string as an
// expression, and so a parameter. All are reserved: none can be a name
// without quotes or a dot.
const binders = " SELECT ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_BIG_RESULT SQL_SMALL_RESULT" +
	" SQL_CALC_FOUND_ROWS WHERE HAVING ON AND OR XOR NOT IN LIKE RLIKE REGEXP DIV MOD BETWEEN CASE WHEN THEN ELSE" +
	" BY BINARY INTERVAL FROM FOR BOTH LEADING TRAILING RETURNING "

// operators are the characters behind which a string is an expression.
const operators = "=<>!+-*/%|&^~(,"

// unbindable says why a string behind the tokens read so far cannot be a
// parameter, or nothing if it can.
func (c *compiler) unbindable() string {
	b := c.before
	text := c.units[b.from:b.to].text()
	switch b.kind {
	case operator:
		return c.unbindableOperator(text)
	case str:
		return "behind another string: strings side by side cannot be bound: make them one, or use CONCAT()"
	case word:
		return unbindableWord(text)
	case executable:
		return "behind an executable comment: write the SQL without /*! */"
	}
	return behindName(text)
}

func behindName(text string) string {
	return fmt.Sprintf("behind %s would be an alias, and an alias cannot be bound: write a fixed name", bounded(text))
}

func (c *compiler) unbindableOperator(text string) string {
	if text == ">" && c.earlier.kind == operator && strings.IndexByte("->", c.char(c.earlier.from)) >= 0 &&
		c.earlier.to == c.before.from {
		return "behind ->: a JSON path cannot be bound: use JSON_VALUE() or JSON_EXTRACT()"
	}
	if text == "@" {
		return "behind @: the name of a variable cannot be bound"
	}
	if text == ")" {
		return behindName(text)
	}
	if !strings.Contains(operators, text) {
		return fmt.Sprintf("behind %q cannot be bound", text)
	}
	return ""
}

// unbindableWord judges by the keyword in front.
func unbindableWord(text string) string {
	upper := strings.ToUpper(text)
	switch {
	case strings.Contains(binders, " "+upper+" "):
		return ""
	case upper == "AS":
		return "behind AS: an alias cannot be bound: write a fixed name"
	case upper == "SEPARATOR":
		return "behind SEPARATOR: a separator cannot be bound: write a fixed one"
	case upper == "DATE", upper == "TIME", upper == "TIMESTAMP", upper == "D", upper == "T", upper == "TS":
		return fmt.Sprintf("behind %s: such a literal cannot be bound: write CAST('%%s' AS DATETIME), or DATE or TIME", upper)
	case upper == "X", upper == "B":
		return fmt.Sprintf("behind %s: such a literal cannot be bound: use UNHEX('%%s') or CONV()", upper)
	case upper == "N", upper[0] == '_':
		return fmt.Sprintf("behind %s: a literal with a character set cannot be bound: write CONVERT('%%s' USING utf8mb4)", bounded(text))
	case upper == "LIMIT", upper == "OFFSET":
		return fmt.Sprintf("behind %s: MariaDB takes only a number there: write one", upper)
	}
	return fmt.Sprintf("behind %s would be an alias or is no expression, and cannot be bound: write a fixed text", bounded(text))
}
