package milter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/internal/logtest"
	"postern/internal/lookup"
	"postern/internal/milter/miltertest"
	"postern/srsd/milter"
)

func TestMain(m *testing.M) { miltertest.Main(m) }

var errTrouble = errors.New("database is away")

// The fakes: a sender a@x becomes fwd+a=x@srs.example and back; domains with
// "home" in them are ours, of whose addresses those with "alias" lead away.
// Some local parts are special in each rule.

func fakeForward(_ context.Context, sender string) (string, bool, error) {
	local, domain, _ := strings.Cut(sender, "@")
	switch {
	case local == "trouble":
		return "", false, errTrouble
	case local == "hopeless":
		return "", false, lookup.Permanent(errors.New("no host in SRS1 address"))
	case local == "nonsense":
		return "no address", true, nil
	case local == "split":
		return "a@srs.example\r\nb", true, nil
	case local == "bell":
		return "a\ab@srs.example", true, nil
	case local == "same":
		return sender, true, nil
	case local == "panic":
		panic("forward")
	case strings.Contains(domain, "home"):
		return "Need not rewrite local domain.", false, nil
	}
	return "fwd+" + local + "=" + domain + "@srs.example", true, nil
}

func fakeReverse(_ context.Context, recipient string) (string, bool, error) {
	local, domain, _ := strings.Cut(recipient, "@")
	switch {
	case local == "rev-trouble":
		return "", false, errTrouble
	case local == "rev-hopeless":
		return "", false, lookup.Permanent(errors.New("no database for alias"))
	case local == "rev-nonsense":
		return "nowhere", true, nil
	}
	rest, ours := strings.CutPrefix(local, "fwd+")
	user, host, whole := strings.Cut(rest, "=")
	if domain != "srs.example" || !ours || !whole {
		return "Not an SRS address.", false, nil
	}
	return user + "@" + host, true, nil
}

func fakeLocal(_ context.Context, recipient string) (bool, error) {
	switch {
	case strings.HasPrefix(recipient, "local-trouble"):
		return false, lookup.Permanent(errTrouble)
	case strings.HasPrefix(recipient, "local-panic"):
		panic("local")
	}
	_, domain, _ := strings.Cut(recipient, "@")
	return strings.Contains(domain, "home") && !strings.Contains(recipient, "alias"), nil
}

func fakeRefuse(_ context.Context, sender, recipient string) (string, error) {
	local, _, _ := strings.Cut(recipient, "@")
	switch local {
	case "forged":
		return "550 5.1.1 <" + recipient + ">: forged, 100% sure", nil
	case "expired":
		return "450 4.1.1 from <" + sender + ">:\r\nsm\xf6rg\x00", nil
	case "long":
		return "550 5.1.1 " + strings.Repeat("x", 1000), nil
	case "rude":
		return "go away", nil
	case "mixed":
		return "550 4.1.1 which?", nil
	case "refuse-trouble":
		return "", lookup.Permanent(errTrouble)
	case "refuse-panic":
		panic("refuse")
	}
	return "", nil
}

func fakeForged(_ context.Context, recipient string) (bool, error) {
	if strings.HasPrefix(recipient, "forged-trouble") {
		return false, lookup.Permanent(errTrouble)
	}
	return strings.HasPrefix(recipient, "late-forged"), nil
}

// fakeRules are all of them.
func fakeRules() milter.Rules {
	return milter.Rules{
		Forward: lookup.Func(fakeForward),
		Reverse: lookup.Func(fakeReverse),
		Local:   fakeLocal,
		Refuse:  fakeRefuse,
		Forged:  fakeForged,
	}
}

// counter is an Observer that counts.
type counter struct {
	mu sync.Mutex
	n  map[milter.Result]int
}

func (c *counter) Observe(r milter.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[milter.Result]int)
	}
	c.n[r]++
}

// String is "local=1 rewritten=2".
func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var words []string
	for _, r := range slices.Sorted(maps.Keys(c.n)) {
		words = append(words, fmt.Sprintf("%s=%d", r, c.n[r]))
	}
	return strings.Join(words, " ")
}

// rig is a Handler under test with what it counts and logs.
type rig struct {
	handler milter.Handler
	results counter
	logged  logtest.Log
}

// newRig logs from debug on, as text.
func newRig(rules milter.Rules) *rig {
	r := new(rig)
	r.handler = milter.Handler{
		Rules:    func() milter.Rules { return rules },
		NewID:    func() string { return "ID" },
		Log:      slog.New(slog.NewTextHandler(&r.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observer: &r.results,
	}
	return r
}

// connect serves one end of a pipe; done is closed when ServeConn returns.
func (r *rig) connect(t testing.TB, ctx context.Context) (p *peer, done chan struct{}) {
	ours, theirs := net.Pipe()
	done = make(chan struct{})
	go func() {
		defer close(done)
		defer ours.Close() // as the core does
		r.handler.ServeConn(ctx, ours)
	}()
	t.Cleanup(func() { theirs.Close(); <-done })
	return newPeer(t, theirs), done
}

// swap is a Reverse of addresses that stand for each other.
func swap(_ context.Context, recipient string) (string, bool, error) {
	to := map[string]string{
		"one@far.example": "two@far.example", "two@far.example": "one@far.example",
		"both-1@far.example": "both@far.example", "both-2@far.example": "both@far.example",
	}[recipient]
	return to, to != "", nil
}
