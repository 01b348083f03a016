//go:build integration

package mysqltable

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"postern/internal/lookup"
	"postern/internal/scratch"
)

// TestAgainstPostmap compares every feature with postmap(1), over odd keys.
func TestAgainstPostmap(t *testing.T) {
	w := newTwin(t)
	for _, c := range []struct{ name, cf string }{
		{"plain", "query = SELECT v FROM kv WHERE k='%s'"},
		{"semicolon and comment", "query = SELECT v FROM kv WHERE k='%s'; -- '"},
		{"double quotes", `query = SELECT v FROM kv WHERE k="%s"`},
		{"echo", "query = SELECT '%s'"},
		{"echo with text", `query = SELECT '<%s>''\'\\\"\a'`},
		{"echo parts", "query = SELECT '%u', '%d'"},
		{"user", "query = SELECT '%u'"},
		{"domain", "query = SELECT '%d'"},
		{"upper case", "query = SELECT '%S', '%U', '%D'"},
		{"labels", "query = SELECT CONCAT('%1', '|', '%2')"},
		{"three labels", "query = SELECT '%3.%2.%1'"},
		{"constant", "query = SELECT 1 FROM kv LIMIT 1"},
		{"user in format only", "query = SELECT v FROM kv WHERE k='%s'\nresult_format = %U"},
		{"labels in format only", "query = SELECT v FROM kv WHERE k='%s'\nresult_format = %1-%2"},
		{"all in format", "query = SELECT v, n FROM kv WHERE k='%s'\nresult_format = <%s|%u|%S|%%>"},
		{"domain in format", "query = SELECT v FROM kv WHERE k='%s'\nresult_format = [%d](%D)"},
		{"all rows", "query = SELECT v, k, n FROM kv WHERE k='multi' AND '%s'<>''"},
		{"all rows, users", "query = SELECT v, n FROM kv WHERE k='multi' AND '%s'<>''\nresult_format = %u"},
		{"limit held", "query = SELECT v FROM kv WHERE k='multi' OR k='%s'\nexpansion_limit = 99"},
		{"legacy", "table = kv\nselect_field = v\nwhere_field = k"},
		{"legacy with conditions", "table = kv\nselect_field = v,n\nwhere_field = k\nadditional_conditions = AND n > 5 ORDER BY n"},
		{"domain filter", "query = SELECT '%s'\ndomain = Example.com, !c.example x.example bücher.example"},
		{"LIKE", "query = SELECT n FROM kv WHERE k LIKE '%s' ORDER BY n"},
		{"LIKE with percent", "query = SELECT n FROM kv WHERE k LIKE '%%%s' ORDER BY n"},
		{"LIKE with escapes", `query = SELECT n FROM kv WHERE k LIKE '%u\_%%' OR k LIKE 'under\_score%%' ORDER BY n`},
		{"LIKE with escaped backslash", `query = SELECT n FROM kv WHERE k LIKE '%%\\\\%%' AND '%s'='%s'`},
		{"LIKE ESCAPE", "query = SELECT n FROM kv WHERE k LIKE '%s' ESCAPE '|' ORDER BY n"},
		{"REGEXP", "query = SELECT '%s' REGEXP '^[a-z@.]+$'"},
		{"number column", "query = SELECT v FROM kv WHERE n='%s'"},
		{"number from string", "query = SELECT '%s'+0, '%s'=0, '%s'*1.5"},
		{"latin1 column", "query = SELECT v FROM latin WHERE k='%s'"},
		{"binary collation", "query = SELECT v FROM bin WHERE k='%s'"},
		{"VARBINARY", "query = SELECT HEX(v) FROM raw WHERE k='%s'"},
		{"COLLATE", "query = SELECT v FROM kv WHERE k = '%s' COLLATE utf8mb4_bin"},
		{"BINARY", "query = SELECT n FROM kv WHERE BINARY '%s' = k"},
		{"collation and coercibility", "query = SELECT COLLATION('%s'), COERCIBILITY('%s'), CHARSET('%s')"},
		{"lengths", "query = SELECT LENGTH('%s'), CHAR_LENGTH('%s'), HEX('%u')"},
		{"CONCAT", "query = SELECT CONCAT('%u', '+x@', '%d')"},
		{"CONCAT_WS and NULL", "query = SELECT CONCAT_WS(',', '%s', NULL, NULLIF('%s', '42'))"},
		{"IF and IN", "query = SELECT IF('%s' IN ('42', 'user@example.com'), 'yes', NULL)"},
		{"CASE", "query = SELECT CASE '%s' WHEN '42' THEN 'n' WHEN 'null' THEN NULL ELSE '%u' END"},
		{"UNION", "query = SELECT '%u' AS a UNION SELECT v FROM kv WHERE k='%s' UNION ALL SELECT 12.50"},
		{"UNION of kinds", "query = SELECT 1 UNION SELECT '%s'"},
		{"subselect", "query = SELECT x FROM (SELECT v AS x FROM kv WHERE k='%s' UNION SELECT '%u') AS s ORDER BY x"},
		{"EXISTS", "query = SELECT 'ok' FROM dual WHERE EXISTS (SELECT 1 FROM kv WHERE k='%s')"},
		{"WITH", "query = WITH c AS (SELECT '%s' AS k) SELECT kv.v FROM kv JOIN c ON kv.k = c.k"},
		{"GROUP_CONCAT", "query = SELECT GROUP_CONCAT(v ORDER BY n SEPARATOR ';') FROM kv WHERE k IN ('%s', 'multi')"},
		{"HAVING", "query = SELECT k, COUNT(*) AS c FROM kv WHERE k='%s' OR k='multi' GROUP BY k HAVING c > 0 AND k <> '%u' ORDER BY k"},
		{"aggregates", "query = SELECT COUNT(*), SUM(n), AVG(n), MIN(k) FROM kv WHERE k='%s'"},
		{"INTERVAL", "query = SELECT DATE('2024-01-31') + INTERVAL '%s' DAY"},
		{"string functions", "query = SELECT TRIM(BOTH 'u' FROM '%s'), SUBSTRING('%s' FROM 2 FOR 3), POSITION('e' IN '%s'), LOCATE('%u', '%s'), REVERSE('%s'), UPPER('%s')"},
		{"BETWEEN", "query = SELECT '%s' BETWEEN 'a' AND 'n'"},
		{"GREATEST and FIELD", "query = SELECT GREATEST('%s', 'm'), FIELD('%s', '42', 'multi'), ELT(1, '%s')"},
		{"CAST", "query = SELECT CAST('%s' AS SIGNED), CAST('%s' AS DECIMAL(10,2)), CONVERT('%s' USING latin1) = 'jose@x.example'"},
		{"dates from strings", "query = SELECT DATE('%s'), CAST('%s' AS DATETIME), TIME('%s'), '%s' > DATE '2024-01-01'"},
		{"JSON", "query = SELECT JSON_EXTRACT(JSON_OBJECT('k', '%s'), '$.k'), JSON_VALID('%s'), JSON_QUOTE('%u')"},
		{"MATCH", "query = SELECT t FROM words WHERE MATCH (t) AGAINST ('%s' IN BOOLEAN MODE)"},
		{"variable", "query = SELECT @x := '%s', @x"},
		{"MD5", "query = SELECT MD5('%s'), SHA2('%s', 256), UNHEX(HEX('%s'))"},
		{"function", "query = SELECT twice('%s')"},
		{"view", "query = SELECT v, third FROM kv_view WHERE k='%s'"},
		{"ENUM comparison", "query = SELECT k FROM types WHERE c_enum='%s' OR c_set='%s' OR c_year='%s' OR c_date='%s' ORDER BY k"},
		{"GROUP BY and ORDER BY a string", "query = SELECT MAX(n) FROM kv WHERE n > 3 GROUP BY '%s' ORDER BY '%s'"},
		{"NULL-safe", "query = SELECT v FROM kv WHERE k <=> '%s' AND NOT '%s' <=> NULL AND (n > 3 XOR n < '%s')"},
		{"comment inside", "query = SELECT `v` FROM /* it's */ `kv`\n# not part of it '%s'\n  WHERE `k`\t=\n  '%s'"},
		{"procedure", "query = CALL one_set('%s')"},
		{"procedure, two columns to print", "query = CALL zerofill_set('%u')"},
		{"procedure with work after", "query = CALL set_after_work('%s')"},
		{"no result set, allowed", "query = CALL no_set('%s')\nrequire_result_set = no"},
		{"no rows", "query = SELECT v FROM kv WHERE k='%s' AND FALSE"},
		{"NUL in value", "query = SELECT CONCAT('%u', CHAR(0), 'x')"},
		{"large value", "query = SELECT REPEAT('%u', 20)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.compare(t, w.cf(t, c.cf), append(oddKeys(), "multi"))
		})
	}
}

// TestErrorsAgainstPostmap: what is an error there is the same error here.
func TestErrorsAgainstPostmap(t *testing.T) {
	w := newTwin(t)
	for _, c := range []struct{ name, cf, reason string }{
		{"syntax", "query = SELEC v FROM kv WHERE k='%s'", "1064"},
		{"unknown column", "query = SELECT nosuch FROM kv WHERE k='%s'", "nosuch"},
		{"unknown table", "query = SELECT v FROM nosuch WHERE k='%s'", "nosuch"},
		{"expansion limit", "query = SELECT n FROM kv WHERE k='multi' AND '%s'<>''\nexpansion_limit = 5", "expansion_limit = 5"},
		{"not UTF-8", "query = SELECT v FROM raw WHERE k='42' AND '%s'<>''", "not UTF-8"},
		{"no result set", "query = CALL no_set('%s')", "no result set"},
		{"two result sets", "query = CALL two_sets('%s')", "several result sets"},
		{"two result sets, one empty", "query = CALL two_sets_empty('%s')", "several result sets"},
		{"error behind a set", "query = CALL fails_late('%s')", "1644"},
		{"subquery with two rows", "query = SELECT (SELECT n FROM kv WHERE k='multi'), '%s'", "1242"},
		{"unknown database", "query = SELECT 1 AND '%s'\ndbname = nosuch", "nosuch"},
		{"bad password", "query = SELECT 1 AND '%s'\npassword = wrong", "1045"},
		{"dead socket", "query = SELECT 1 AND '%s'\nhosts = unix:/no/such/socket", "no such file"},
		{"dead port", "query = SELECT 1 AND '%s'\nhosts = 127.0.0.1:1", "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := w.cf(t, c.cf)
			w.compare(t, path, []string{"user@example.com"})
			_, _, err := w.tables[path].Lookup(t.Context(), "user@example.com")
			if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("error %v, want the file and %q", err, c.reason)
			}
			t.Log(err)
		})
	}
}

// columns of testdata/schema.sql's table types, and expressions over them.
func typeColumns() []string {
	return strings.Fields(`c_tiny c_bool c_utiny c_ztiny c_small c_medium c_zmedium c_int c_zint c_big c_ubig c_zbig
		c_float c_float74 c_zfloat c_double c_double205 c_dec c_zdec c_date c_time c_time3 c_dt c_dt6 c_ts c_ts3 c_year
		c_bit1 c_bit12 c_bit17 c_char c_vlatin c_vutf c_ucs c_text c_long c_blob c_binary c_varbin c_enum c_set c_json
		c_inet6 c_uuid ST_AsText(c_point) HEX(c_point)
		c_zint+0 -c_tiny MAX(c_zint) IFNULL(c_zint,0) CONCAT(c_zint,c_float,c_dt6) c_float*2 c_double/3 c_int/7 c_dec*c_dec
		c_dt+0 c_time+0 c_year+1 c_bit12+0 LEFT(c_vutf,1) c_ts3+INTERVAL(1)SECOND YEAR(c_dt) SEC_TO_TIME(c_small)
		COALESCE(c_year,c_zint) COUNT(c_int) SUM(c_float) AVG(c_int) GREATEST(c_float,c_double) SQRT(2) PI() 1e20 1e-7 0.1+0.2e0
		1.10 TRUE NULL IF(c_int>0,c_zint,c_float) CAST(c_double~AS~CHAR) CAST(c_int~AS~FLOAT) UNIX_TIMESTAMP(c_dt6) LAST_DAY(c_date)
		JSON_EXTRACT(c_json,'$.a') MD5(c_int) c_enum+0 INET_ATON('1.2.3.4') c_zint,c_double,c_vutf c_point`)
}

// TestTypesAgainstPostmap: every type prints as the text protocol prints it.
func TestTypesAgainstPostmap(t *testing.T) {
	w := newTwin(t)
	for _, column := range typeColumns() {
		t.Run(column, func(t *testing.T) {
			column = strings.ReplaceAll(column, "~", " ")
			w.compare(t, w.cf(t, "query = SELECT "+column+" FROM types WHERE k='%s'\n"), []string{"a", "b", "c", "d", "e", "f", "g", "zero", "none"})
		})
	}
}

// TestModesAgainstPostmap: what quotes mean is the server's to say.
func TestModesAgainstPostmap(t *testing.T) {
	w := newTwin(t)
	// Without the keys that break out of Postfix's quotes.
	var keys []string
	for _, k := range oddKeys() {
		if !strings.ContainsAny(k, `"'`) {
			keys = append(keys, k)
		}
	}
	for _, mode := range []string{"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION"} {
		if err := w.db.Exec(t.Context(), "SET GLOBAL sql_mode = '"+mode+"'"); err != nil {
			t.Fatal(err)
		}
		w.reconnect(t)
		for _, c := range []struct {
			query string
			keys  []string
		}{
			{"query = SELECT v FROM kv WHERE k='%s'", oddKeys()},
			{"query = SELECT '%s' || 'x'", keys},
			{`query = SELECT '\\%s\_\n', '%u'`, oddKeys()},
			{`query = SELECT v FROM kv WHERE k="%s"`, keys[:8]},
			{`query = SELECT "v" FROM kv WHERE k='%s'`, keys},
			{`query = SELECT n FROM kv WHERE k LIKE '%%\\\\%%' AND '%s'='%s' ORDER BY n`, keys},
		} {
			t.Run(mode+" "+c.query, func(t *testing.T) {
				some := c.keys
				if strings.Contains(mode, "ANSI") && strings.Contains(c.query, `"%s"`) {
					some = []string{"user@example.com"} // an error there costs a second
				}
				w.compare(t, w.cf(t, c.query), some)
			})
		}
	}
}

// TestSpellingsAgainstPostmap: all ways to name the server.
func TestSpellingsAgainstPostmap(t *testing.T) {
	w := newTwin(t)
	login := fmt.Sprintf("password = %s\ndbname = %s\nquery = SELECT CONCAT(USER(), '%%s', CONNECTION_ID() > 0)\n", w.db.Password(), w.db.Database())
	user := "user = " + w.db.User() + "\n"
	options := write(t, w.dir, "my.cnf", fmt.Sprintf("[client]\nuser = '%s'\npassword = wrong\nsocket = %s\nport=%d\n[own]\nhost=127.0.0.1\n", w.db.User(), w.db.Socket(), w.db.Port()))
	include := write(t, w.dir, "include.cnf", "[client]\nuser=other\n!include "+options+"\n")
	for _, c := range []struct{ name, cf string }{
		{"unix", "hosts = unix:" + w.db.Socket() + "\n" + user},
		{"address and port", fmt.Sprintf("hosts = 127.0.0.1:%d\n%s", w.db.Port(), user)},
		{"inet", fmt.Sprintf("hosts = inet:127.0.0.1:%d\n%s", w.db.Port(), user)},
		{"one dead, one alive", fmt.Sprintf("hosts = 127.0.0.1:1, unix:/no/such/socket 127.0.0.1:%d\n%s", w.db.Port(), user)},
		{"unix goes first", fmt.Sprintf("hosts = 127.0.0.1:%d unix:%s\n%s", w.db.Port(), w.db.Socket(), user)},
		{"option_file: all", "option_file = " + options + "\n"},
		{"option_file: localhost", "hosts = LocalHost\noption_file = " + options + "\n"},
		{"option_file: port", "hosts = 127.0.0.1\noption_file = " + options + "\n"},
		{"option_group", "option_group = own\noption_file = " + options + "\n"},
		{"option_file included", "option_file = " + include + "\n"},
		{"file wins", "user = nobody\noption_file = " + options + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.compare(t, w.rawCF(t, login+c.cf), []string{"user@example.com"})
		})
	}
}

// TestTLSAgainstPostmap: encrypted where the file says so, and only with the
// right authority where it says that.
func TestTLSAgainstPostmap(t *testing.T) {
	w := newTwinOf(t, scratch.MariaDBOptions{TLS: true})
	base := fmt.Sprintf("hosts = 127.0.0.1:%d\nuser = %s\npassword = %s\ndbname = %s\n", w.db.Port(), w.db.User(), w.db.Password(), w.db.Database()) +
		"query = SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='ssl_version' AND '%s'<>''\n"
	wrong := newTwinOf(t, scratch.MariaDBOptions{TLS: true}).db.CAFile()
	options := write(t, w.dir, "tls.cnf", "[client]\nssl-ca="+w.db.CAFile()+"\nssl-verify-server-cert=1\n")
	for _, c := range []struct{ name, cf, want string }{
		{"none", "", "not found"},
		{"authority", "tls_CAfile = " + w.db.CAFile(), `found "TLSv1.3"`},
		{"verified", "tls_verify_cert = yes\ntls_CAfile = " + w.db.CAFile(), `found "TLSv1.3"`},
		{"wrong authority", "tls_verify_cert = yes\ntls_CAfile = " + wrong, "temporary error"},
		{"option file", "option_file = " + options, `found "TLSv1.3"`},
		{"option file wins", "tls_CAfile = " + wrong + "\noption_file = " + options, `found "TLSv1.3"`},
		{"unverified", "tls_verify_cert = no\ntls_ciphers = ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := w.rawCF(t, base+c.cf+"\n")
			w.compare(t, path, []string{"user@example.com"})
			if got := outcome(w.tables[path].Lookup(t.Context(), "x")); c.want != "" && got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestNoTwoPools: files for one database share connections.
func TestNoTwoPools(t *testing.T) {
	w := newTwin(t)
	id := func(text string) string {
		v, _, err := w.open(t, w.cf(t, "query = SELECT CONNECTION_ID(), '"+text+"%s'\nresult_format = %s\n")).Lookup(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(v, ",")[0]
	}
	if a, b := id("a"), id("b"); a != b {
		t.Errorf("connections %s and %s", a, b)
	}
}

// TestDatabaseDown: no answer but an error, and answers again afterwards, with
// no statement lost.
func TestDatabaseDown(t *testing.T) {
	w := newTwin(t)
	if err := w.db.Kill(); err != nil {
		t.Fatal(err)
	}
	m := w.open(t, w.cf(t, "query = SELECT v FROM kv WHERE k='%s'"))
	second := w.open(t, w.cf(t, "query = SELECT c_zint FROM types WHERE k='%u'"))
	for range 2 {
		for _, m := range []lookup.Map{m, second} {
			if got := outcome(m.Lookup(t.Context(), "a@x")); got != "temporary error" {
				t.Errorf("down: %s", got)
			}
		}
		if err := w.db.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := outcome(m.Lookup(t.Context(), "multi")); !strings.HasPrefix(got, "found") {
			t.Errorf("up: %s", got)
		}
		if got := outcome(second.Lookup(t.Context(), "a@x")); got != `found "00042"` {
			t.Errorf("up: %s", got)
		}
		if err := w.db.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestColumnChanges: the type of a column may change under a running map.
func TestColumnChanges(t *testing.T) {
	w := newTwin(t)
	path := w.cf(t, "query = SELECT n FROM kv WHERE k='%s'")
	w.compare(t, path, []string{"42"})
	m := w.tables[path]
	if err := w.db.Exec(t.Context(), "ALTER TABLE kv MODIFY n INT(8) ZEROFILL"); err != nil {
		t.Fatal(err)
	}
	if got, want := outcome(m.Lookup(t.Context(), "42")), w.postmapEach(t, path, []string{"42"})[0]; got != want || !strings.Contains(got, "0000") {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHungDatabase: who stops waiting gets an error at once.
func TestHungDatabase(t *testing.T) {
	w := newTwin(t)
	for _, query := range []string{"SELECT v FROM kv WHERE k='%s'", `SELECT v FROM kv WHERE k="%s"`, "CALL one_set('%s')"} {
		m := w.open(t, w.cf(t, "query = "+query))
		if _, _, err := m.Lookup(t.Context(), "42"); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Pause(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan string)
		go func() { done <- outcome(m.Lookup(ctx, "42")) }()
		cancel()
		if got := <-done; got != "temporary error" {
			t.Errorf("%s: %s", query, got)
		}
		if err := w.db.Resume(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNULInKey: the whole key is asked, as no key of Postfix's has it.
func TestNULInKey(t *testing.T) {
	w := newTwin(t)
	for _, query := range []string{"SELECT HEX('%s')", "SELECT HEX('%s'), 1e0"} {
		m := w.open(t, w.cf(t, "query = "+query))
		if got := outcome(m.Lookup(t.Context(), "a\x00'b")); !strings.HasPrefix(got, `found "61002762`) {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// TestTrace: a person can see what was asked.
func TestTrace(t *testing.T) {
	w := newTwin(t)
	path := w.cf(t, "query = SELECT v FROM kv WHERE k='%s' AND '%u'<>''\ndomain = example.com\n")
	m := w.open(t, path)
	var steps []lookup.Step
	ctx := contextWithTrace(t, &steps)
	for _, key := range []string{"user@example.com", "user@other.example"} {
		if _, _, err := m.Lookup(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	if len(steps) != 2 {
		t.Fatalf("%+v", steps)
	}
	first, second := steps[0], steps[1]
	if want := `SELECT v FROM kv WHERE k= ?  AND  ? <>'' ["user@example.com" "user"]`; first.Note != want {
		t.Errorf("note %s, want %s", first.Note, want)
	}
	if first.Map != path || first.Source != "database" || first.Rows != 2 || !first.Found || first.Duration <= 0 {
		t.Errorf("%+v", first)
	}
	if second.Source != "rule" || second.Found || second.Note != "not in a domain of the table" {
		t.Errorf("%+v", second)
	}
}

// TestCharset: the session speaks the file's character set.
func TestCharset(t *testing.T) {
	w := newTwin(t)
	m := w.open(t, w.cf(t, "charset = latin1\nquery = SELECT v FROM latin WHERE k='%s'"))
	if got := outcome(m.Lookup(t.Context(), "user@example.com")); got != "permanent error" {
		t.Errorf("latin1 value: %s", got)
	}
	m = w.open(t, w.cf(t, "charset = UTF8MB4\nquery = SELECT @@character_set_client, c_zint FROM types WHERE k='%s'"))
	if got := outcome(m.Lookup(t.Context(), "a")); got != `found "utf8mb4,00042"` {
		t.Errorf("utf8mb4: %s", got)
	}
	m = w.open(t, w.cf(t, "charset = nosuch\nquery = SELECT '%s'"))
	if got := outcome(m.Lookup(t.Context(), "a")); got != "temporary error" {
		t.Errorf("unknown charset: %s", got)
	}
}

// BenchmarkLookup: one key after the other, by both ways.
func BenchmarkLookup(b *testing.B) {
	w := newTwin(b)
	for _, c := range []struct{ name, query string }{
		{"prepared", "SELECT v FROM kv WHERE k='%s'"},
		{"printed", "SELECT v, 1e0 FROM kv WHERE k='%s'"},
		{"by mode", `SELECT v FROM kv WHERE k="%s"`},
	} {
		m := w.open(b, w.cf(b, "query = "+c.query))
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := m.Lookup(b.Context(), "multi"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
