package limit

import (
	"fmt"
	"testing"
	"time"

	"postern/policyd/counter"
)

func mustKeys(t testing.TB, words ...string) []Key {
	t.Helper()
	keys, err := ParseKeys(words...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func hourly(n int64) []counter.Window { return []counter.Window{{N: n, Per: time.Hour}} }

// TestWirings plays one message with three recipients through every way to
// wire Postfix: the counts are the same, whatever is asked how often. So is a
// second message on the same connection, whose instance differs in its number.
func TestWirings(t *testing.T) {
	rcpts := func(lists int, addresses ...string) (asks [][]string) {
		for _, address := range addresses {
			for range lists {
				asks = append(asks, []string{"RCPT", "recipient=" + address})
			}
		}
		return asks
	}
	three := []string{"a@x.example", "b@x.example", "c@y.example"}
	data := [][]string{{"DATA", "recipient_count=3"}}
	bdat := [][]string{{"BDAT", "recipient_count=3"}}
	eom := [][]string{{"END-OF-MESSAGE", "recipient_count=3", "size=1000"}}
	early := [][]string{{"CONNECT"}, {"EHLO"}, {"MAIL"}}
	join := func(parts ...[][]string) (all [][]string) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	for _, c := range []struct {
		name         string
		asks         [][]string
		bytes, rcpts int64 // of keys on the recipient side
	}{
		{"RCPT", rcpts(1, three...), 0, 2},
		{"DATA", data, 0, 0},
		{"BDAT", bdat, 0, 0},
		{"END-OF-MESSAGE", eom, 1000, 0},
		{"RCPT and DATA", join(rcpts(1, three...), data), 0, 2},
		{"RCPT and END-OF-MESSAGE", join(rcpts(1, three...), eom), 1000, 2},
		{"DATA and END-OF-MESSAGE", join(data, eom), 1000, 0},
		{"all", join(early, rcpts(1, three...), data, eom), 1000, 2},
		{"all, in three lists at RCPT", join(early, rcpts(3, three...), data, data, eom, eom), 1000, 2},
		{"the client repeats itself", rcpts(1, append(three, "A@x.example", "a@x.example", "b@X.example")...), 0, 2},
		{"some recipients only seen at DATA", join(rcpts(1, three[:1]...), data), 0, 1},
		{"RCPT in three lists and DATA", join(rcpts(3, three...), data), 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			check, err := New(Options{Store: l, Rules: []Rule{
				{Name: "messages", Keys: mustKeys(t, "client_address"), Windows: hourly(100)},
				{Name: "recipients", Keys: mustKeys(t, "client_address"), Count: Recipients, Windows: hourly(100)},
				{Name: "bytes", Keys: mustKeys(t, "client_address"), Count: Bytes, Windows: hourly(1e6)},
				{Name: "domain", Keys: mustKeys(t, "recipient_domain"), Count: Recipients, Windows: hourly(100)},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for message := int64(1); message <= 2; message++ {
				for _, ask := range c.asks {
					instance := fmt.Sprintf("7b1.65a0.1f2.%d", message)
					if ask[0] == "CONNECT" || ask[0] == "EHLO" {
						instance = ""
					}
					if v, err := judge(check, request(t, ask[0], instance, ask[1:]...)); err != nil || !v.Action.IsDunno() {
						t.Fatalf("%v: %v, %v", ask, v.Action, err)
					}
				}
				for _, want := range []struct {
					rule, key string
					spent     int64
				}{
					{"messages", "192.0.2.1", 1}, {"recipients", "192.0.2.1", 3},
					{"bytes", "192.0.2.1", c.bytes}, {"domain", "x.example", c.rcpts},
				} {
					if got := l.of(want.rule, want.key); got != want.spent*message {
						t.Errorf("%d messages: %s %d, want %d", message, want.rule, got, want.spent*message)
					}
				}
			}
		})
	}
}

// TestHosts has two hosts, and two listeners of one, use the same instance:
// they are different messages.
func TestHosts(t *testing.T) {
	l := newLedger()
	rules := []Rule{{Name: "client", Keys: mustKeys(t, "client_address"), Windows: hourly(100)}}
	for _, host := range []string{"mx1.example", "mx2.example"} {
		c, err := New(Options{Store: l, Rules: rules, Host: host})
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range []string{"25", "587", "25"} {
			q := request(t, "RCPT", "7b1.65a0.1f2.0")
			for i := range q.Attributes {
				if q.Attributes[i].Name == "server_port" {
					q.Attributes[i].Value = port
				}
			}
			if _, err := judge(c, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := l.of("client", "192.0.2.1"); got != 4 {
		t.Errorf("%d messages were counted, want 4: two hosts with two listeners each", got)
	}
}

// TestOneCall has several rules and several owners charged in one call of the store.
func TestOneCall(t *testing.T) {
	d := &dialogue{t: t, ledger: newLedger(), aliases: map[string][]string{"list@fwd.example": {"a@x.example", "b@x.example"}}}
	d.play("rule owner key=alias_owner limit=9/1h")
	d.play("rule client key=client_address limit=9/1h")
	d.play("RCPT a recipient=list@fwd.example")
	if d.ledger.calls != 1 || d.ledger.of("owner", "a@x.example")+d.ledger.of("owner", "b@x.example")+d.ledger.of("client", "192.0.2.1") != 3 {
		t.Errorf("%d calls, spent %v", d.ledger.calls, d.ledger.spent)
	}
}

// TestManyOwners bounds the counters of an alias with very many targets.
func TestManyOwners(t *testing.T) {
	l := newLedger()
	d := &dialogue{t: t, ledger: l, aliases: map[string][]string{}}
	for i := range 3 * maxOwners {
		d.aliases["list@fwd.example"] = append(d.aliases["list@fwd.example"], fmt.Sprintf("%d@x.example", i))
	}
	d.play("rule owner key=alias_owner limit=9/1h")
	d.play("RCPT a recipient=list@fwd.example")
	if len(l.spent) != maxOwners {
		t.Errorf("%d owners are charged, want %d", len(l.spent), maxOwners)
	}
}
