//go:build integration

package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"postern/internal/lookup"
)

// twinTable is a table of the data set: the query of its .cf file and the
// class under which postern searches it.
type twinTable struct {
	name, query, class string
}

// twinTables are asked by both sides; several columns, a split address and a
// catch-all that ignores the local part are among them, as real sites have it.
var twinTables = []twinTable{
	{"virtual1", "query = SELECT v FROM rows_ WHERE t='virtual1' AND k='%s'", "virtual"},
	{"virtual2", "query = SELECT v FROM split WHERE t='virtual2' AND local='%u' AND domain='%d' ORDER BY v", "virtual"},
	{"virtual3", "query = SELECT v FROM rows_ WHERE t='virtual3' AND k='@%d'", "virtual"},
	{"canonical", "query = SELECT v FROM rows_ WHERE t='canonical' AND k='%s'", "canonical"},
	{"scanon", "query = SELECT v FROM rows_ WHERE t='scanon' AND k='%s'\nresult_format = %s", "canonical"},
	{"rcanon", "table = rows_\nselect_field = v\nwhere_field = k\nadditional_conditions = AND t='rcanon'", "canonical"},
	{"saccess", "query = SELECT v FROM rows_ WHERE t='saccess' AND k='%s'", "access-address"},
	{"raccess", "query = SELECT v FROM rows_ WHERE t='raccess' AND k='%s'", "access-address"},
	{"client", "query = SELECT v FROM rows_ WHERE t='client' AND k='%s'", "access-domain"},
	{"helo", "query = SELECT v FROM rows_ WHERE t='helo' AND k='%s'", "access-domain"},
	{"transport", "query = SELECT v FROM rows_ WHERE t='transport' AND k='%s'", "transport"},
	{"login1", "query = SELECT v FROM rows_ WHERE t='login1' AND k='%s' ORDER BY v", "sender-login"},
	{"login2", "query = SELECT v FROM split WHERE t='login2' AND local='%u' AND domain='%d'", "sender-login"},
	{"relay", "query = SELECT 1 FROM rows_ WHERE t='relay' AND k='%s'", "domain"},
	{"relayrcpt", "query = SELECT v FROM rows_ WHERE t='relayrcpt' AND k='%s'", "address"},
	{"localrcpt", "query = SELECT v FROM rows_ WHERE t='localrcpt' AND k='%s'", "address"},
	{"bcc", "query = SELECT v FROM rows_ WHERE t='bcc' AND k='%s'", "address"},
}

// twinLists are the parameters that name several tables.
var twinLists = map[string][]string{
	"virtual": {"virtual1", "virtual2", "virtual3"},
	"pair":    {"virtual2", "virtual1"},
	"login":   {"login1", "login2"},
}

const twinSchema = `
CREATE TABLE rows_ (t VARCHAR(20) NOT NULL, k VARCHAR(320) NOT NULL, v VARCHAR(500) NOT NULL, KEY (t, k))
	DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE TABLE split (t VARCHAR(20) NOT NULL, local VARCHAR(250) NOT NULL, domain VARCHAR(250) NOT NULL, v VARCHAR(500) NOT NULL,
	KEY (t, domain, local)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
`

// Local parts as SMTP spells them, and domains by what they are to Postfix.
var (
	twinLocals = []string{"info", "bob", "Sales", "o'brien", "jos.e", `"john doe"`, `"a@b"`, `"x+y z"`, "owner-list", "list-request",
		"x", "50-off", "back`tick", "under_score", "postmaster", "straße", "dotted.name", "we#ird"}
	twinTags    = []string{"", "", "", "+Tag", "+x", "-y+z", "+", "+a+B"}
	twinVirtual = []string{"a.test", "b.test", "sub.a.test", "c.test", "origin.test"}
	twinRelay   = []string{"relay.test", "sub.relay.test", "deep.er.relay.test"}
	twinOther   = []string{"loc.test", "far.test", "mail.far.test"}
)

func twinDomains() []string { return slices.Concat(twinVirtual, twinRelay, twinOther) }

// twinRows builds the rows from a seed.
type twinRows struct {
	random      *rand.Rand
	rows, split [][]string
	seen        map[string]bool
	number      int
	branch      string // HOST:PORT of the second sink
}

func newTwinRows(seed uint64, branch string) *twinRows {
	b := &twinRows{random: rand.New(rand.NewPCG(seed, 1)), seen: map[string]bool{}, branch: branch}
	b.fill()
	b.fixed()
	return b
}

// add puts a row into a table; key as a folded form.
func (b *twinRows) add(table, key, value string) {
	key = lookup.Fold(key)
	if b.seen[table+" "+key] && b.random.IntN(4) > 0 {
		return // every fourth time a key has several rows
	}
	b.seen[table+" "+key] = true
	if table != "virtual2" && table != "login2" {
		b.rows = append(b.rows, []string{table, key, value})
	} else if at := strings.LastIndexByte(key, '@'); at >= 0 {
		b.split = append(b.split, []string{table, key[:at], key[at+1:], value})
	}
}

func (b *twinRows) chance(percent int) bool { return b.random.IntN(100) < percent }

func (b *twinRows) pick(list ...string) string { return list[b.random.IntN(len(list))] }

// fill makes, for each domain and local part, some of the rows that could be
// asked for.
func (b *twinRows) fill() {
	for i, domain := range twinDomains() {
		for _, local := range twinLocals {
			for _, tag := range []string{"", "+tag", "+x"} {
				b.address(i, extended(local, tag), domain, tag == "")
			}
			if b.chance(15) {
				b.add("saccess", local+"@", b.verdict())
				b.add("raccess", extended(local, "+tag")+"@", b.verdict())
			}
		}
		b.domain(i, domain)
	}
}

// address makes rows of one whole address.
func (b *twinRows) address(i int, local, domain string, plain bool) {
	full, rare := local+"@"+domain, 4
	if plain {
		rare = 12
	}
	for _, c := range []struct {
		table   string
		percent int
		value   func(int) string
	}{
		{"virtual1", 3 * rare, b.alias}, {"virtual2", 2 * rare, b.alias},
		{"canonical", rare / 3, b.rename}, {"scanon", rare, b.rename}, {"rcanon", rare, b.rename},
		{"saccess", rare / 2, b.anyVerdict}, {"raccess", rare / 2, b.anyVerdict},
		{"transport", rare / 2, b.anyTransport}, {"bcc", rare / 2, b.copyTo},
		{"login1", rare, b.owner}, {"login2", rare / 2, b.owner},
		{"relayrcpt", 4 * rare, constantly("x")}, {"localrcpt", 3 * rare, constantly("x")},
	} {
		if b.chance(c.percent) {
			b.add(c.table, full, c.value(i))
		}
	}
	if domain == "origin.test" || domain == "loc.test" {
		for _, table := range []string{"virtual1", "rcanon", "localrcpt", "login1"} {
			if b.chance(rare) {
				b.add(table, local, b.loneValue(table, i))
			}
		}
	}
}

func constantly(value string) func(int) string { return func(int) string { return value } }

// loneValue is a value for a key that is a local part alone.
func (b *twinRows) loneValue(table string, i int) string {
	switch table {
	case "virtual1":
		return b.alias(i)
	case "rcanon":
		return b.rename(i)
	case "login1":
		return b.owner(i)
	}
	return "x"
}

// domain makes rows of a whole domain and of what lies above it.
func (b *twinRows) domain(i int, domain string) {
	if i%3 == 1 {
		b.add("virtual1", "@"+domain, b.pick("@c.test", "@far.test", "all@far.test", "all@far.test, @c.test"))
	}
	if domain == "c.test" {
		b.add("virtual3", "@"+domain, "every@far.test")
	}
	for _, table := range []string{"scanon", "rcanon"} {
		if b.chance(20) {
			b.add(table, "@"+domain, b.pick("@renamed.far.test", "one@far.test"))
		}
	}
	if b.chance(10) {
		b.add("login2", "@"+domain, b.owner(i))
	}
	if b.chance(30) {
		b.add("bcc", "@"+domain, b.copyTo(i))
	}
}

// fixed are the rows that a run must have whatever the seed says.
func (b *twinRows) fixed() {
	for _, row := range [][3]string{
		{"relay", "relay.test", "1"}, {"relayrcpt", "@deep.er.relay.test", "x"}, {"localrcpt", "any", "x"},
		{"transport", "deep.er.relay.test", "smtp:[" + strings.Replace(b.branch, ":", "]:", 1)},
		{"transport", ".relay.test", "smtp:[" + strings.Replace(b.branch, ":", "]:", 1)},
		{"transport", "banned.far.test", "error:5.7.1 domain banned"}, {"transport", ".banned.far.test", "error:5.7.1 below banned"},
		{"transport", "slow.far.test", "retry:4.4.1 come later"},
		{"virtual1", "banned@a.test", "x@banned.far.test"}, {"virtual1", "below@a.test", "x@sub.banned.far.test"},
		{"virtual1", "slow@a.test", "x@slow.far.test, y@far.test"}, {"virtual1", "loop@a.test", "pool@a.test"},
		{"virtual1", "pool@a.test", "loop@a.test"}, {"virtual1", "self@a.test", "self@a.test, other@far.test"},
		{"virtual1", "keep@a.test", `"quoted part"@far.test, kept@far.test`}, {"virtual1", "odd@a.test", `<a b "c" "d"@far.test>, (x) e@far.test`},
		{"virtual1", "grp@a.test", "g: a@far.test, b@far.test;"}, {"virtual1", "route@a.test", "<@r.far.test:a@far.test>"},
		{"virtual1", "lit@a.test", "a@[192.0.2.1]"}, {"virtual1", "none@a.test", "(nobody)"}, {"virtual1", "bare@a.test", "keep"},
		{"virtual1", "dom@a.test", "@b.test"}, {"virtual2", "two@b.test", "one@far.test"}, {"virtual1", "two@b.test", "other@far.test"},
		{"virtual1", "two+tag@b.test", "tagged@far.test"}, {"virtual2", "first@a.test", "by-second-table@far.test"},
		{"virtual1", "@a.test", "caught@far.test"}, {"virtual1", "first+keep@a.test", "by-extension@far.test"},
		{"virtual2", "multi@a.test", "m1@far.test"}, {"virtual1", "ü@a.test", "umlaut@far.test"}, {"virtual1", "äöü@far.test", "x@far.test"},
		{"canonical", "both@far.test", "both-ways@far.test"}, {"scanon", "once@far.test", "twice@far.test"},
		{"scanon", "twice@far.test", "thrice@far.test"}, {"scanon", "ring1@far.test", "ring2@far.test"}, {"scanon", "ring2@far.test", "ring1@far.test"},
		{"saccess", "<>", "PREPEND X-Null: sender"}, {"saccess", "evil.far.test", "REJECT whole domain"}, {"saccess", "test", "PREPEND X-TLD: test"},
		{"saccess", "spam+tag@", "REJECT local part with extension"}, {"saccess", "spam@", "REJECT local part"},
		{"raccess", "refused@a.test", "550 5.7.1 refused"}, {"raccess", "later@a.test", "450 4.7.1 later"},
		{"raccess", "moved@a.test", "REDIRECT elsewhere@far.test"}, {"raccess", "lost@a.test", "DISCARD by table"},
		{"client", "bad.client.test", "REJECT client name"}, {"client", "192.0.2", "REJECT client net"}, {"client", "198.51.100.7", "REJECT client"},
		{"client", "good.bad.client.test", "OK"}, {"helo", "evil.helo.test", "REJECT helo"}, {"helo", "helo.test", "PREPEND X-Helo: seen"},
		{"login1", "shared@a.test", "alice, bob"}, {"login1", "shared@b.test", "Alice Bob"}, {"login2", "@b.test", "bob"},
		{"login1", "mine@a.test", "alice"}, {"login1", `"john doe"@far.test`, "alice"}, {"login1", "john doe@b.test", "bob"},
	} {
		b.seen[row[0]+" "+row[1]] = false // whatever is there, this row is too
		b.add(row[0], row[1], row[2])
	}
}

// alias leads to strangers, to addresses of later domains or to both. Nothing
// leads backwards, so nothing but the fixed rows goes in circles.
func (b *twinRows) alias(i int) string {
	b.number++
	far := fmt.Sprintf("t%d@far.test", b.number)
	later := twinDomains()[min(i+1+b.random.IntN(3), len(twinDomains())-1)]
	chain := b.pick(twinLocals...) + "@" + later
	return b.pick(far, far, far+","+chain, chain, strings.ToUpper(far), fmt.Sprintf(`"t %d"@far.test`, b.number),
		fmt.Sprintf("Name <t%d@far.test>", b.number), far+" n"+far, fmt.Sprintf("t%d+own@far.test", b.number), chain+" , "+far)
}

func (b *twinRows) rename(int) string {
	b.number++
	return b.pick(fmt.Sprintf("c%d@far.test", b.number), fmt.Sprintf("C%d@Renamed.far.test", b.number), fmt.Sprintf(`"c %d"@far.test`, b.number),
		fmt.Sprintf("c%d", b.number), fmt.Sprintf("c%d+own@far.test", b.number))
}

func (b *twinRows) anyVerdict(int) string { return b.verdict() }

func (b *twinRows) verdict() string {
	b.number++
	return b.pick("REJECT via %d", "OK", "DUNNO", "PREPEND X-Via: %d", "450 4.7.1 later via %d", "554 5.7.1 never via %d", "WARN via %d")
}

func (b *twinRows) anyTransport(int) string {
	b.number++
	branch := "smtp:[" + strings.Replace(b.branch, ":", "]:", 1)
	return b.pick(branch, branch, fmt.Sprintf("error:5.7.1 via %d", b.number), "relay:", ":")
}

func (b *twinRows) copyTo(int) string {
	b.number++
	return fmt.Sprintf("copy%d@far.test", b.number)
}

func (b *twinRows) owner(int) string {
	return b.pick("alice", "bob", "alice,bob", "bob, ALICE", "carol", "alice carol")
}

// sql is all rows as statements.
func (b *twinRows) sql() string {
	for i, row := range b.rows { // %d stands for a number in verdicts
		b.rows[i][2] = strings.ReplaceAll(row[2], "%d", fmt.Sprint(i))
	}
	return twinSchema + insert("rows_", b.rows) + insert("split", b.split)
}

// extended puts an extension behind a local part, within its quotes.
func extended(local, tag string) string {
	if inner, quoted := strings.CutSuffix(local, `"`); quoted {
		return inner + tag + `"`
	}
	return local + tag
}
