package limit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postern/internal/duration"
	"postern/internal/lookup"
	"postern/policyd"
	"postern/policyd/counter"
)

// TestDialogues plays the files of testdata/dialogues. Their lines:
//
//	rule NAME WORD=VALUE …       a rule: key, count, limit (several apart by commas), action, mode, fail,
//	                             recipients, ipv4, ipv6, text, states, exempt, exempt_list, exempt_logins, exempt_clients
//	delimiter +                  recipient_delimiter
//	limit KEY = VALUE            a row of the map of limits, which every rule then has; "trouble" fails
//	alias ADDRESS = ADDRESS, …   where an alias leads; all of fwd.example is hosted
//	store away|back              the store fails, or not any more
//	aliases away|back            the map of aliases fails, or not any more
//	wait NAME DURATION           how long what the rule refuses must wait; else 150s
//	full NAME                    the store has no room for the rule's counters
//	STATE INSTANCE WORD=VALUE …  a request; INSTANCE - is empty. It has a client_address unless it names one
//	-> ACTION                    its answer; "error …" for none
//	~> NAME ACTION               a verdict in shadow, in order
//	= NAME KEY AMOUNT            what a key has spent
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatalf("dialogues are missing: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d := &dialogue{t: t, ledger: newLedger(), aliases: map[string][]string{}, limits: map[string]string{}}
			for n, line := range strings.Split(string(text), "\n") {
				d.line = n + 1
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					d.play(line)
				}
			}
			d.quiet()
			if d.requests == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}

type dialogue struct {
	t            *testing.T
	line         int
	rules        []Rule
	delimiter    string
	limits       map[string]string
	aliases      map[string][]string
	aliasTrouble error
	ledger       *ledger
	check        *Check
	answer       string
	shadows      []string
	requests     int
}

func (d *dialogue) fatalf(format string, args ...any) {
	d.t.Helper()
	d.t.Fatalf("line %d: %s", d.line, fmt.Sprintf(format, args...))
}

func (d *dialogue) play(line string) {
	d.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "rule":
		d.quiet()
		d.rules, d.check = append(d.rules, d.rule(rest)), nil
	case "delimiter":
		d.delimiter = rest
	case "limit":
		key, value, _ := strings.Cut(rest, " = ")
		d.limits[key] = value
	case "alias":
		address, value, _ := strings.Cut(rest, " = ")
		d.aliases[address] = strings.Split(value, ", ")
	case "store":
		d.ledger.err = trouble(rest, "the store is away")
	case "aliases":
		d.aliasTrouble = trouble(rest, "the aliases are away")
	case "wait":
		rule, wait, _ := strings.Cut(rest, " ")
		d.ledger.waits[rule], _ = duration.Parse(wait)
	case "full":
		d.ledger.full[rest] = true
	case "->":
		if d.answer != rest {
			d.fatalf("got  %s\nwant %s", d.answer, rest)
		}
		d.answer = ""
	case "~>":
		if len(d.shadows) == 0 || d.shadows[0] != rest {
			d.fatalf("shadows %q, want %q", d.shadows, rest)
		}
		d.shadows = d.shadows[1:]
	case "=":
		fields := strings.Fields(rest)
		key := strings.ReplaceAll(fields[1], "|", pairSeparator)
		if got := strconv.FormatInt(d.ledger.of(fields[0], key), 10); got != fields[2] {
			d.fatalf("%s has spent %s under %s, want %s: %v", key, got, fields[0], fields[2], d.ledger.spent)
		}
	default:
		d.quiet()
		d.ask(word, rest)
	}
}

// quiet checks that nothing was answered that the file does not tell.
func (d *dialogue) quiet() {
	d.t.Helper()
	if d.answer != "" || len(d.shadows) > 0 {
		d.fatalf("before it: not expected: %q, shadows %q", d.answer, d.shadows)
	}
}

func trouble(word, text string) error {
	if word == "away" {
		return errors.New(text)
	}
	return nil
}

// rule reads NAME WORD=VALUE …; text is the last word and takes the rest.
func (d *dialogue) rule(line string) Rule {
	line, text, _ := strings.Cut(line, " text=")
	fields := strings.Fields(line)
	r := Rule{Name: fields[0], Text: text}
	for _, field := range fields[1:] {
		word, value, _ := strings.Cut(field, "=")
		var err error
		switch word {
		case "key":
			r.Keys, err = ParseKeys(value)
		case "count":
			r.Count = Count(value)
		case "limit":
			r.Windows, _, err = parseOwn(nil, value)
		case "action":
			r.Action = Action(value)
		case "mode":
			r.Mode = policyd.Mode(value)
		case "fail":
			r.Fail = policyd.Fail(value)
		case "recipients":
			r.Recipients = value
		case "ipv4":
			r.IPv4Bits, err = strconv.Atoi(value)
		case "ipv6":
			r.IPv6Bits, err = strconv.Atoi(value)
		case "states":
			r.Scope.States = strings.Split(value, ",")
		case "exempt":
			r.Exempt.Keys = strings.Split(value, ",")
		case "exempt_list": // as in the configuration
			r.Exempt, err = ParseExemption(strings.Split(value, ","))
		case "exempt_logins":
			r.Exempt.Logins = strings.Split(value, ",")
		case "exempt_clients":
			r.Exempt.Clients, err = policyd.ParseNetworks(strings.Split(value, ","))
		default:
			d.fatalf("unknown word %s", word)
		}
		if err != nil {
			d.fatalf("%s: %v", field, err)
		}
	}
	return r
}

func (d *dialogue) ask(state, rest string) {
	d.t.Helper()
	d.requests++
	instance, rest, _ := strings.Cut(rest, " ")
	q := request(d.t, state, strings.TrimPrefix(instance, "-"), strings.Fields(rest)...)
	v, err := d.judge(q)
	d.answer, d.shadows = v.Action.String(), nil
	if err != nil {
		d.answer = "error " + err.Error()
	}
	for _, s := range v.Shadow {
		d.shadows = append(d.shadows, s.Rule+" "+s.Action.String())
	}
}

// request makes one as Postfix sends it.
func request(t *testing.T, state, instance string, attributes ...string) *policyd.Request {
	t.Helper()
	text := "protocol_state=" + state + "\ninstance=" + instance + "\nserver_address=192.0.2.250\nserver_port=25"
	for _, attribute := range attributes {
		text += "\n" + attribute
	}
	if !strings.Contains(text, "\nclient_address=") {
		text += "\nclient_address=192.0.2.1"
	}
	q, err := policyd.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func (d *dialogue) judge(q *policyd.Request) (policyd.Verdict, error) {
	if d.check == nil {
		d.check = d.build()
	}
	return judge(d.check, q)
}

// judge asks a check alone, both halves.
func judge(c *Check, q *policyd.Request) (policyd.Verdict, error) {
	v, err := c.Check(context.Background(), q)
	if err != nil || v.Charge == nil {
		return v, err
	}
	return v.Charge.Charge(context.Background(), q)
}

func (d *dialogue) build() *Check {
	d.t.Helper()
	rules := make([]Rule, len(d.rules))
	copy(rules, d.rules)
	for i := range rules {
		if len(d.limits) > 0 {
			rules[i].Limits = d.limitMap()
		}
	}
	c, err := New(Options{
		Rules: rules, Store: d.ledger, Host: "mx1.example", Delimiter: d.delimiter,
		Destinations: func(_ context.Context, recipient string) ([]string, error) {
			return d.aliases[lookup.Fold(recipient)], d.aliasTrouble
		},
		Known: func(_ context.Context, recipient string) (bool, bool, error) {
			_, known := d.aliases[lookup.Fold(recipient)]
			return strings.HasSuffix(recipient, "@fwd.example"), known, d.aliasTrouble
		},
	})
	if err != nil {
		d.fatalf("%v", err)
	}
	return c
}

func (d *dialogue) limitMap() lookup.Map {
	return lookup.Func(func(_ context.Context, key string) (string, bool, error) {
		value, found := d.limits[key]
		switch value {
		case "trouble":
			return "", false, errors.New("the database is away")
		case "unsure":
			return "", false, lookup.Unsure(errors.New("the database is away"))
		}
		return value, found, nil
	})
}

var _ counter.Store = (*ledger)(nil)
