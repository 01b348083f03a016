package mysqltable

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// compileText compiles a query for the default mode.
func compileText(text string, mode sqlMode) (*statement, needs, error) {
	var n needs
	t, err := parseTemplate(text, true, &n)
	if err != nil {
		return nil, n, err
	}
	st, err := compile(t, mode)
	return st, n, err
}

func TestCompile(t *testing.T) {
	const key = "it's+100%@mail.example.com"
	for _, c := range []struct {
		name, query, sql string
		bound            []string
	}{
		{"one string", "SELECT v FROM t WHERE k='%s'", "SELECT v FROM t WHERE k= ? ", []string{key}},
		{"no blanks around", "SELECT 1 FROM t WHERE k LIKE'%s'AND 1", "SELECT 1 FROM t WHERE k LIKE ? AND 1", []string{key}},
		{"parts", "SELECT '%u','%d','%1','%2','%3'", "SELECT  ? , ? , ? , ? , ? ", []string{"it's+100%", "mail.example.com", "com", "example", "mail"}},
		{"upper case", "SELECT '%S','%U','%D'", "SELECT  ? , ? , ? ", []string{key, "it's+100%", "mail.example.com"}},
		{"text around", "SELECT 'a%u@b.%d-%%'", "SELECT  ? ", []string{"ait's+100%@b.mail.example.com-%"}},
		{"double quotes", `SELECT "%u"`, "SELECT  ? ", []string{"it's+100%"}},
		{"doubled quotes", "SELECT 'x''%1''', \"\"\"%1\"", "SELECT  ? ,  ? ", []string{"x'com'", `"com`}},
		{"the other quote", `SELECT '"%1"', "'%1'"`, "SELECT  ? ,  ? ", []string{`"com"`, "'com'"}},
		{"escapes", `SELECT '\0\b\n\r\t\Z\'\"\\\a%1'`, "SELECT  ? ", []string{"\x00\b\n\r\t\x1a'\"\\acom"}},
		{"LIKE escapes stay", `SELECT k LIKE '\%%\_%1%%'`, "SELECT k LIKE  ? ", []string{`\%\_com%`}},
		{"strings without expansions stay", `SELECT 'a\'%%b' 'c', "?" WHERE k='%1'`, `SELECT 'a\'%b' 'c', "?" WHERE k= ? `, []string{"com"}},
		{"no expansion", "SELECT 5 %% 3", "SELECT 5 % 3", nil},
		{"final semicolon", "SELECT '%1' ; ", "SELECT  ?   ", []string{"com"}},
		{"comments", "SELECT /* it's */ '%1' # the end; '", "SELECT /* it's */  ?  # the end; '", []string{"com"}},
		{"dashes", "SELECT 3--1, '%1' -- it's", "SELECT 3--1,  ?  -- it's", []string{"com"}},
		{"dashes before a string", "SELECT 3--'%1'", "SELECT 3--/**/ ? ", []string{"com"}},
		{"dashes at the end", "SELECT '%1' --", "SELECT  ?  --", []string{"com"}},
		{"executable comment", "SELECT /*!40000 SQL_CACHE */ v FROM t WHERE k='%1'", "SELECT /*!40000 SQL_CACHE */ v FROM t WHERE k= ? ", []string{"com"}},
		{"names in backticks", "SELECT `it's?` FROM `a``'b` WHERE k='%1'", "SELECT `it's?` FROM `a``'b` WHERE k= ? ", []string{"com"}},
		{"a fixed alias", "SELECT '%1' AS 'x', '%1' y", "SELECT  ?  AS 'x',  ?  y", []string{"com", "com"}},
		{"functions", "SELECT IF(k IN ('%1', 'b'), TRIM(BOTH '%1' FROM k), SUBSTRING('%1' FROM 2))", "SELECT IF(k IN ( ? , 'b'), TRIM(BOTH  ?  FROM k), SUBSTRING( ?  FROM 2))", []string{"com", "com", "com"}},
		{"CASE", "SELECT CASE '%1' WHEN 'a' THEN '%1' ELSE '%1' END", "SELECT CASE  ?  WHEN 'a' THEN  ?  ELSE  ?  END", []string{"com", "com", "com"}},
		{"JSON comparison is no path", "SELECT 2>'%1', 1- -'%1'", "SELECT 2> ? , 1- - ? ", []string{"com", "com"}},
		{"procedure", "CALL p('%1')", "CALL p( ? )", []string{"com"}},
		{"variable", "SELECT @a:='%1'", "SELECT @a:= ? ", []string{"com"}},
		{"ß in names", "SELECT straße FROM t WHERE k='ß%1'", "SELECT straße FROM t WHERE k= ? ", []string{"ßcom"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, n, err := compileText(c.query, sqlMode{})
			if err != nil {
				t.Fatal(err)
			}
			if st.prepared() != c.sql {
				t.Errorf("got  %q\nwant %q", st.prepared(), c.sql)
			}
			parts, ok := n.splitKey(key)
			if got := st.bound(parts); !ok || !slices.Equal(got, c.bound) {
				t.Errorf("bound %q, want %q", got, c.bound)
			}
		})
	}
}

func TestCompileModes(t *testing.T) {
	for _, c := range []struct {
		name, query string
		mode        sqlMode
		sql, bound  string
	}{
		{"backslash is plain", `SELECT '\n%1'`, sqlMode{noEscapes: true}, "SELECT  ? ", `\ncom`},
		{"backslash ends nothing", `SELECT '\', '%1'`, sqlMode{noEscapes: true}, `SELECT '\',  ? `, "com"},
		{"backslash before an expansion", `SELECT '\%1'`, sqlMode{noEscapes: true}, `SELECT  ? `, `\com`},
		{"ANSI names", `SELECT "it's" FROM t WHERE k='%1'`, sqlMode{ansiQuotes: true}, `SELECT "it's" FROM t WHERE k= ? `, "com"},
		{"ANSI: no escapes in names", `SELECT "a\" , '%1'`, sqlMode{ansiQuotes: true}, `SELECT "a\" ,  ? `, "com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, n, err := compileText(c.query, c.mode)
			if err != nil {
				t.Fatal(err)
			}
			parts, _ := n.splitKey("a@b.com")
			if got := st.bound(parts); st.prepared() != c.sql || len(got) != 1 || got[0] != c.bound {
				t.Errorf("got %q, bound %q", st.prepared(), got)
			}
		})
	}
	_, _, err := compileText(`SELECT "%s"`, sqlMode{ansiQuotes: true})
	if err == nil || !strings.Contains(err.Error(), "the name of a table or column cannot be bound") {
		t.Errorf("ANSI name with an expansion: %v", err)
	}
}

func TestCompileRefused(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"SELECT v FROM t WHERE k=%s", "%s stands outside of quotes, where it cannot be bound: write '%s'"},
		{"SELECT v FROM %d WHERE k='%s'", "%d stands outside of quotes, where it cannot be bound: write '%d'"},
		{"SELECT v FROM t_%u WHERE k='%s'", "%u stands outside of quotes, where it cannot be bound: write '%u'"},
		{"SELECT v FROM t LIMIT %1", "%1 stands outside of quotes, where it cannot be bound: write '%1'"},
		{"SELECT '%x'", `unknown expansion "%x": write %% for a percent sign, or one of %s %u %d %S %U %D %1 to %9`},
		{"SELECT '%0'", `unknown expansion "%0": write %% for a percent sign, or one of %s %u %d %S %U %D %1 to %9`},
		{"SELECT 5 %", "a lone % at the end: write %% for a percent sign"},
		{"SELECT v FROM `%d`", "`%d`: the name of a table or column cannot be bound: write the name itself"},
		{"SELECT v AS '%s' FROM t", "'%s' behind AS: an alias cannot be bound: write a fixed name"},
		{"SELECT v '%s' FROM t", "'%s' behind v would be an alias or is no expression, and cannot be bound: write a fixed text"},
		{"SELECT t.in '%s' FROM t", "'%s' behind in would be an alias, and an alias cannot be bound: write a fixed name"},
		{"SELECT `v` '%s' FROM t", "'%s' behind `v` would be an alias, and an alias cannot be bound: write a fixed name"},
		{"SELECT f(v) '%s' FROM t", "'%s' behind ) would be an alias, and an alias cannot be bound: write a fixed name"},
		{"SELECT 'a' '%s'", "'%s' behind another string: strings side by side cannot be bound: make them one, or use CONCAT()"},
		{"SELECT '%u' '@x'", "'@x' behind another string: strings side by side cannot be bound: make them one, or use CONCAT()"},
		{"SELECT '%u' /* and */ \"@x\"", "\"@x\" behind another string: strings side by side cannot be bound: make them one, or use CONCAT()"},
		{"SELECT '%u' '%d'", "'%d' behind another string: strings side by side cannot be bound: make them one, or use CONCAT()"},
		{"SELECT GROUP_CONCAT(v SEPARATOR '%s') FROM t", "'%s' behind SEPARATOR: a separator cannot be bound: write a fixed one"},
		{"SELECT _utf8'%s'", "'%s' behind _utf8: a literal with a character set cannot be bound: write CONVERT('%s' USING utf8mb4)"},
		{"SELECT n'%s'", "'%s' behind n: a literal with a character set cannot be bound: write CONVERT('%s' USING utf8mb4)"},
		{"SELECT x'%s'", "'%s' behind X: such a literal cannot be bound: use UNHEX('%s') or CONV()"},
		{"SELECT date '%s'", "'%s' behind DATE: such a literal cannot be bound: write CAST('%s' AS DATETIME), or DATE or TIME"},
		{"SELECT {ts '%s'}", "'%s' behind TS: such a literal cannot be bound: write CAST('%s' AS DATETIME), or DATE or TIME"},
		{"SELECT v FROM t LIMIT '%s'", "'%s' behind LIMIT: MariaDB takes only a number there: write one"},
		{"SELECT v LIKE 'a' ESCAPE '%s'", "'%s' behind ESCAPE would be an alias or is no expression, and cannot be bound: write a fixed text"},
		{"SELECT v->'$.%s' FROM t", "'$.%s' behind ->: a JSON path cannot be bound: use JSON_VALUE() or JSON_EXTRACT()"},
		{"SELECT v->>'$.%s' FROM t", "'$.%s' behind ->: a JSON path cannot be bound: use JSON_VALUE() or JSON_EXTRACT()"},
		{"SELECT @'%s'", "'%s' behind @: the name of a variable cannot be bound"},
		{"EXECUTE IMMEDIATE '%s'", "'%s' behind IMMEDIATE would be an alias or is no expression, and cannot be bound: write a fixed text"},
		{"SELECT /* %s */ 1", "/* %s */: a comment cannot take an expansion: remove it"},
		{"SELECT 1 -- %s", "-- %s: a comment cannot take an expansion: remove it"},
		{"SELECT 1 # '%s'", "# '%s': a comment cannot take an expansion: remove it"},
		{"SELECT /*! '%s' */", "/*! '%s' */: what this comment holds depends on the server's version: write it without /*! */"},
		{"SELECT v /*!40000 AS */ '%s'", "'%s' behind an executable comment: write the SQL without /*! */"},
		{"SELECT /* '%s'", "unfinished quotes or comment: /* '%s'"},
		{"SELECT '%s", "unfinished quotes or comment: '%s"},
		{`SELECT '%s\'`, `unfinished quotes or comment: '%s\'`},
		{`SELECT '\%s'`, `'\%s': a backslash before an expansion would change its first character: write \\ for a backslash`},
		{"SELECT ?", "a '?' outside of quotes is no SQL"},
		{"SELECT '%s'; SELECT 1", "several statements: one query takes one statement, with one ';' at its end at most"},
		{"SELECT '%s';;", "several statements: one query takes one statement, with one ';' at its end at most"},
		{"SHOW TABLES LIKE '%s'", "SHOW takes no bound value: SELECT from information_schema"},
		{";", "the query is empty"},
		{"# nothing", "the query is empty"},
	} {
		t.Run(c.query, func(t *testing.T) {
			if _, _, err := compileText(c.query, sqlMode{}); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// escapeString is mysql_real_escape_string(), as Postfix applies it to keys.
func escapeString(s string, m sqlMode) string {
	if m.noEscapes {
		return strings.ReplaceAll(s, "'", "''")
	}
	return strings.NewReplacer("\x00", `\0`, "\n", `\n`, "\r", `\r`, `\`, `\\`, "'", `\'`, `"`, `\"`, "\x1a", `\Z`).Replace(s)
}

// plain is text as units, without a meaning of '%'.
func plain(s string) template {
	t := make(template, len(s))
	for i := range len(s) {
		t[i].char = s[i]
	}
	return t
}

// meaning lexes SQL as a server does and lists its tokens, strings by their content.
func meaning(t *testing.T, sql string, m sqlMode) []string {
	c := compiler{lexer: lexer{units: plain(sql), mode: m}}
	var tokens []string
	for {
		tok, ok := c.next()
		if !ok {
			return tokens
		}
		content := c.units[tok.from:tok.to]
		switch tok.kind {
		case space, comment:
		case str:
			text, err := c.unescape(content)
			if err != nil || !tok.closed {
				t.Fatalf("%q: %v", sql, err)
			}
			tokens = append(tokens, fmt.Sprintf("string %q", text.sql()))
		default:
			tokens = append(tokens, content.sql())
		}
	}
}

// checkAgainstPostfix compares the statement and its bound texts with what
// Postfix would send, token by token.
func checkAgainstPostfix(t *testing.T, query, key string, m sqlMode) {
	st, n, err := compileText(query, m)
	if err != nil {
		return
	}
	parts, ok := n.splitKey(key)
	if !ok {
		return
	}
	bound := st.bound(parts)
	if len(st.sql) != len(bound)+1 {
		t.Fatalf("%d gaps and %d texts", len(st.sql)-1, len(bound))
	}
	var ours strings.Builder
	for i, sql := range st.sql {
		ours.WriteString(sql)
		if i < len(bound) {
			ours.WriteString(" '" + escapeString(bound[i], m) + "' ")
		}
	}
	var sent strings.Builder
	units, _ := parseTemplate(query, true, &needs{})
	for _, u := range units {
		if u.code == 0 {
			sent.WriteByte(u.char)
		} else {
			sent.WriteString(escapeString(expand(u.code, parts, parts), m))
		}
	}
	theirs := strings.TrimRight(sent.String(), spaces)
	got, want := meaning(t, ours.String(), m), meaning(t, theirs, m)
	if len(want) > 0 && want[len(want)-1] == ";" {
		want = want[:len(want)-1]
	}
	if !slices.Equal(got, want) {
		t.Fatalf("query %q key %q\nours   %q\nPostfix %q", query, key, got, want)
	}
}

// FuzzCompile: whatever compiles means to the server what Postfix's query
// means, for every key; and the statement does not depend on the key.
func FuzzCompile(f *testing.F) {
	for _, q := range []string{
		"SELECT v FROM t WHERE k='%s'", `SELECT "a%u\"", 'x''%d' -- c`, `select '\\%s\_%%' # '`,
		"SELECT `a` /* b */, _utf8'x' AS 'y' WHERE '%1' LIKE '%2%%';", `SELECT 'a' 'b', '%U%D%S'`,
		"CALL p('%s', \"%s\")", "SELECT /*!1 x */ {d '2020-01-01'}, @a:='%s'",
	} {
		for _, k := range []string{"a@b.c", `'"\%_@x.y`, "\x00\n\r\x1a@\\", "ü", "a\\"} {
			f.Add(q, k, false)
			f.Add(q, k, true)
		}
	}
	f.Fuzz(func(t *testing.T, query, key string, noEscapes bool) {
		m := sqlMode{noEscapes: noEscapes}
		if noEscapes && strings.Contains(query, `"`) {
			return // Postfix lets the key out of such quotes
		}
		checkAgainstPostfix(t, query, key, m)
	})
}

func TestQueryVariants(t *testing.T) {
	for _, c := range []struct {
		query   string
		depends bool
		effects bool
	}{
		{"SELECT v FROM t WHERE k='%s'", false, false},
		{"(select '%s')", false, false},
		{`SELECT v FROM t WHERE k="%s"`, true, false},
		{`SELECT v FROM t WHERE k LIKE '\_%s'`, false, false},
		{`SELECT v FROM t WHERE k LIKE '\\_%s'`, true, false},
		{`SELECT v FROM t WHERE k='%s' AND x='"'`, false, false},
		{`SELECT v FROM t WHERE k='%s' AND x='\"'`, false, false},
		{"CALL p('%s')", false, true},
		{"INSERT INTO t VALUES ('%s')", false, true},
	} {
		t.Run(c.query, func(t *testing.T) {
			tmpl, err := parseTemplate(c.query, true, &needs{})
			if err != nil {
				t.Fatal(err)
			}
			q, err := newQuery(tmpl, "utf8mb4")
			if err != nil || (q.others != nil) != c.depends || q.hasEffects != c.effects {
				t.Errorf("depends %v, effects %v, error %v", q.others != nil, q.hasEffects, err)
			}
		})
	}
}

func TestForMode(t *testing.T) {
	tmpl, _ := parseTemplate(`SELECT '\\', "%s"`, true, &needs{})
	q, err := newQuery(tmpl, "utf8mb4")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ mode, sql, err string }{
		{"", `SELECT '\\',  ? `, ""},
		{"STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", `SELECT '\\',  ? `, ""},
		{"no_backslash_escapes", `SELECT '\\',  ? `, ""},
		{"ANSI_QUOTES,STRICT_ALL_TABLES", "", `sql_mode ANSI_QUOTES,STRICT_ALL_TABLES: "%s": the name of a table or column cannot be bound: write the name itself`},
	} {
		st, err := q.forMode(c.mode)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: got %v, want %s", c.mode, err, c.err)
			}
		} else if err != nil || st.prepared() != c.sql {
			t.Errorf("%s: got %v %v", c.mode, st, err)
		}
	}
}

func TestLiteral(t *testing.T) {
	tmpl, _ := parseTemplate("SELECT '%u' WHERE k='%s'", true, &needs{})
	q, err := newQuery(tmpl, "utf8mb4")
	if err != nil {
		t.Fatal(err)
	}
	want := "SELECT  _utf8mb4 X'27' " + " WHERE k= _utf8mb4 X'274061' "
	if got := q.literal(q.usual, []string{"'", "'@a"}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCharsetWithBackslashInLetters(t *testing.T) {
	tmpl, _ := parseTemplate("SELECT 'ä%s'", true, &needs{})
	if _, err := newQuery(tmpl, "gbk"); err == nil {
		t.Error("a non-ASCII query was taken in GBK")
	}
}
