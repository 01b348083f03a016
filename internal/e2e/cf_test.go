//go:build integration

package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"postern/internal/scratch"
)

// cfSchema is tables as people have them.
const cfSchema = `
CREATE TABLE kv (k VARCHAR(200) NOT NULL, v VARCHAR(300), w VARCHAR(300), n INT, active TINYINT(1) DEFAULT 1, KEY (k)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
CREATE TABLE bin (k VARCHAR(200) NOT NULL, v VARCHAR(300), KEY (k)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE virtual_users (id INT PRIMARY KEY AUTO_INCREMENT, domain_id INT, email VARCHAR(100), password VARCHAR(100));
CREATE TABLE virtual_domains (id INT PRIMARY KEY, name VARCHAR(100));
INSERT INTO virtual_domains VALUES (1, 'example.com'), (2, 'b.c');
INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'user@example.com', 'x'), (2, 'o''brien@b.c', 'x');
INSERT INTO kv (k, v, w, n, active) VALUES ('user@example.com','v1@t.test','w1',1,1), ('user','lone','w2',2,1), ('example.com','dom','w3',3,1),
 ('user+tag@example.com','ext@t.test',NULL,4,1), ('multi','m1@t.test','x',5,1), ('multi','m2','y',6,1), ('multi','m1@t.test','',7,1), ('null',NULL,NULL,NULL,1),
 ('empty','','q',8,1), ('off@b.c','gone','w',9,0), ('o''brien@b.c','quote@t.test','w',10,1), ('back\\slash@b.c','back','w',11,1), ('"john doe"@b.c','john','w',12,1),
 ('josé@b.c','accent','w',13,1), ('100%@b.c','percent','w',14,1), ('a_b@b.c','under','w',15,1), ('x@y@b.c','two ats','w',16,1), ('<>','null sender','w',17,1), ('*','star','w',18,1),
 ('@b.c','whole domain','w',19,1), ('comma','a, b','c,d',20,1), ('blank',' ','w',21,1), ('42','number','w',42,1);
INSERT INTO bin SELECT k, v FROM kv;
CREATE PROCEDURE resolve(IN key_ VARCHAR(400)) SELECT v FROM kv WHERE k = key_ AND active = 1;
`

// cfKeys are lines for postmap -q -: no empty ones, no line breaks.
var cfKeys = []string{
	"user@example.com", "USER@Example.COM", "user+tag@example.com", "User+TAG@example.com", "user", "USER", "example.com", "Example.Com", "nosuch@example.com",
	"multi", "null", "empty", "off@b.c", "o'brien@b.c", "O'Brien@B.C", `back\slash@b.c`, `"john doe"@b.c`, "john doe@b.c", "josé@b.c", "jose@b.c", "JOSÉ@b.c",
	"100%@b.c", "a_b@b.c", "axb@b.c", "x@y@b.c", "<>", `""`, "*", "@", "@b.c", "b.c", "user@", "a@b", "u@mail.sub.example.com", "u@a..b.c", ".b.c", "comma", "blank", "42",
	"042", "' OR '1'='1", `\' OR 1=1 --`, "%s", "%u@%d", "user@[192.0.2.1]", "straße@b.c", "STRASSE@b.c", "ﬀ@b.c", "ä@bücher.test", "user @example.com", "user@example.com.",
	strings.Repeat("l", 300) + "@b.c",
}

// cfVariants are the parameters of mysql_table(5) files, in the ways people
// write them.
var cfVariants = []struct{ name, lines string }{
	{"plain", "query = SELECT v FROM kv WHERE k='%s' AND active='1'"},
	{"semicolon", "query = SELECT v FROM kv WHERE k='%s';"},
	{"limit", "query = SELECT v FROM kv WHERE k='%s' ORDER BY n LIMIT 1"},
	{"double quotes", `query = SELECT v FROM kv WHERE k="%s"`},
	{"continued", "query = SELECT v\n  # a remark\n  FROM kv\n\n\tWHERE k='%s'"},
	{"binary collation", "query = SELECT v FROM bin WHERE k='%s'"},
	{"user part", "query = SELECT v FROM kv WHERE k='%u'"},
	{"domain part", "query = SELECT v FROM kv WHERE k='%d'"},
	{"user and domain", "query = SELECT v FROM kv WHERE k=CONCAT('%u','@','%d')"},
	{"catch-all", "query = SELECT v FROM kv WHERE k='@%d'"},
	{"first label", "query = SELECT CONCAT('tld-','%1')"},
	{"three labels", "query = SELECT CONCAT('%3','|','%2','|','%1')"},
	{"percent", "query = SELECT v FROM kv WHERE k LIKE '%s%%' ORDER BY n LIMIT 3"},
	{"upper case codes", "query = SELECT '%S', '%U', '%D'"},
	{"constant", "query = SELECT 'DUNNO'"},
	{"echo", "query = SELECT '%s', HEX('%s'), LENGTH('%s')"},
	{"several columns", "query = SELECT v, w, n FROM kv WHERE k='%s' ORDER BY n"},
	{"result_format", "query = SELECT v FROM kv WHERE k='%s' ORDER BY n\nresult_format = REJECT %s from %S"},
	{"result_format parts", "query = SELECT v FROM kv WHERE k='%s' ORDER BY n\nresult_format = <%u|%d|%U|%D|%%>"},
	{"result_format labels", "query = SELECT v FROM kv WHERE k='%s'\nresult_format = smtp:[%2.%1]"},
	{"result_format with domain of the value", "query = SELECT v, w FROM kv WHERE k='%s' ORDER BY n\nresult_format = %d"},
	{"domain", "query = SELECT '%s'\ndomain = example.com, B.C"},
	{"domain, one", "query = SELECT v FROM kv WHERE k='%s'\ndomain = b.c"},
	{"expansion_limit held", "query = SELECT v FROM kv WHERE k='%s'\nexpansion_limit = 3"},
	{"legacy", "table = kv\nselect_field = v\nwhere_field = k"},
	{"legacy with conditions", "table = kv\nselect_field = v\nwhere_field = k\nadditional_conditions = AND active = 1 ORDER BY n"},
	{"query wins over legacy", "query = SELECT w FROM kv WHERE k='%s' ORDER BY n\ntable = kv\nselect_field = v\nwhere_field = k"},
	{"join", "query = SELECT CONCAT(d.name, '/', u.email) FROM virtual_users u JOIN virtual_domains d ON d.id = u.domain_id WHERE u.email='%s'"},
	{"email2email", "query = SELECT email FROM virtual_users WHERE email='%s'"},
	{"subselect", "query = SELECT 1 FROM virtual_users WHERE domain_id=(SELECT id FROM virtual_domains WHERE name='%d') AND email='%s'"},
	{"union", "query = SELECT v FROM kv WHERE k='%s' UNION SELECT 'more' FROM dual WHERE '%u' = 'user' ORDER BY 1"},
	{"case and null", "query = SELECT IF('%u'='user', NULL, v), IFNULL(w, 'none') FROM kv WHERE k='%s' ORDER BY n"},
	{"number", "query = SELECT v FROM kv WHERE n='%s'"},
	{"regexp", "query = SELECT 'match' FROM dual WHERE '%s' REGEXP '^[a-z]+@'"},
	{"procedure", "query = CALL resolve('%s')\nrequire_result_set = yes"},
	{"aggregate", "query = SELECT GROUP_CONCAT(v ORDER BY n SEPARATOR ',') FROM kv WHERE k='%s'"},
	{"latin1", "query = SELECT v FROM kv WHERE k='%s'\ncharset = utf8mb4"},
	{"repeated name", "query = SELECT 1\nquery = SELECT v FROM kv WHERE k='%s'\nexpansion_limit = 0"},
	{"unknown names", "nonsense = yes\nquery = SELECT v FROM kv WHERE k='%s'\ntimeout = 3"},
}

// TestCFFiles: postmap gets the same lines from a mysql_table(5) file and from
// postern, which serves the same file over the wire.
func TestCFFiles(t *testing.T) {
	db := newDatabase(t, false, false)
	db.exec(t, cfSchema)
	dir := openFolder(t)
	maps := "maps:\n"
	paths := make([]string, len(cfVariants))
	for i, v := range cfVariants {
		paths[i] = db.cf(t, dir, fmt.Sprintf("v%d", i), v.lines)
		maps += fmt.Sprintf("  v%d: {cf: %s, search: exact}\n", i, paths[i])
	}
	for i, v := range cfTroubles {
		maps += fmt.Sprintf("  t%d: {cf: %s}\n", i, db.cf(t, dir, fmt.Sprintf("t%d", i), v.lines))
	}
	d := newDaemon(t, maps)
	d.start(t)
	p := postmapper(t)
	hits, files := 0, 0
	for i, v := range cfVariants {
		t.Run(v.name, func(t *testing.T) {
			want := p.stream(t, "mysql:"+paths[i])
			got := p.stream(t, d.socketmap(fmt.Sprintf("v%d", i)))
			files++
			hits += strings.Count(want, "\n")
			if want != got {
				t.Errorf("mysql:\n%s\npostern:\n%s", want, got)
			}
		})
	}
	t.Logf("%d files, %d keys, %d hits", files, len(cfKeys), hits)
	if hits < files*3 {
		t.Error("too few hits: this compares nothing")
	}
	for i, v := range cfTroubles {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel() // postmap sleeps a second after each error
			for _, table := range []string{"mysql:" + dir + fmt.Sprintf("/t%d.cf", i), d.socketmap(fmt.Sprintf("t%d", i))} {
				out, err := p.mta.Run(t.Context(), "postmap", "-q", "multi", table)
				if err == nil || !strings.Contains(out, "query error") {
					t.Errorf("%s: %q %v, want a query error", table, out, err)
				}
			}
		})
	}
}

// cfTroubles are errors on both sides.
var cfTroubles = []struct{ name, lines string }{
	{"expansion_limit exceeded", "query = SELECT v FROM kv WHERE k='%s'\nexpansion_limit = 2"},
	{"unknown column", "query = SELECT nosuch FROM kv WHERE k='%s'"},
	{"unknown table", "query = SELECT v FROM nosuch WHERE k='%s'"},
	{"syntax", "query = SELEC v FROM kv WHERE k='%s'"},
}

// mapper runs postmap.
type mapper struct{ mta *scratch.Postfix }

func postmapper(t *testing.T) mapper {
	t.Helper()
	return mapper{startPostfix(t, map[string]string{})}
}

// stream asks for all keys at once. Only trouble is an error: postmap ends
// with 1 where it has found nothing, and says nothing then.
func (m mapper) stream(t *testing.T, table string) string {
	t.Helper()
	out, err := m.mta.RunInput(t.Context(), strings.Join(cfKeys, "\n")+"\n", "postmap", "-q", "-", table)
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == 1 && out == "" {
		return ""
	}
	if err != nil {
		t.Fatalf("postmap -q - %s: %v: %s", table, err, out)
	}
	var found strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "postmap: warning") { // an empty column, a name given twice: on one side only
			found.WriteString(line)
		}
	}
	return found.String()
}
