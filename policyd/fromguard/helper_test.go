package fromguard_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/logtest"
	"postern/internal/lookup"
	"postern/internal/milter/miltertest"
	"postern/policyd/fromguard"
)

func TestMain(m *testing.M) { miltertest.Main(m) }

// agreed is the answer to the option negotiation: headers, MAIL and the end of
// the message are wanted, and nothing is changed.
const agreed = "optneg 00000002" + "00000000" + "0000035a"

// senders is the map: rows as sender-login-maps has them, and trouble.
func senders(_ context.Context, key string) (string, bool, error) {
	local, domain, _ := strings.Cut(key, "@")
	switch {
	case domain == "away.test":
		return "", false, errors.New("database is away")
	case local == "panic":
		panic("map")
	case key != lookup.Fold(key):
		return "", false, fmt.Errorf("asked for %q, which is not folded", key)
	case key == "alice@fwd.test", strings.HasPrefix(key, "alice+") && domain == "fwd.test", key == "alice@münchen.test":
		return "alice", true, nil
	case key == "alice@xn--bcher-kva.test", key == "alice@bücher2.test", key == "alice@strasse.test", key == "alice@xn--strae2-eta.test":
		return "alice", true, nil
	case key == "shared@c.test":
		return "bob, Alice\tzoe", true, nil
	case key == "carol@d.test":
		return "carol@d.test", true, nil
	case key == "single@b.test":
		return "bob", true, nil
	case domain == "b.test":
		return "ceo", true, nil
	case domain == "all.test":
		return "alice", true, nil
	}
	return "", false, nil
}

// rig is a Handler under test with what it counts and logs.
type rig struct {
	handler  fromguard.Handler
	registry *prometheus.Registry
	logged   logtest.Log
}

func newRig(o fromguard.Options) *rig {
	r := &rig{registry: prometheus.NewRegistry()}
	if o.Senders == nil {
		o.Senders = lookup.Func(senders)
	}
	guard := fromguard.New(o)
	r.handler = fromguard.Handler{
		Guard:   func() *fromguard.Guard { return guard },
		Log:     slog.New(slog.NewTextHandler(&r.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: fromguard.NewMetrics(r.registry),
		NewID:   func() string { return "ID" },
	}
	return r
}

// connect serves one end of a pipe; done is closed when ServeConn returns.
func (r *rig) connect(t testing.TB, ctx context.Context) (p *miltertest.Peer, done chan struct{}) {
	ours, theirs := net.Pipe()
	done = make(chan struct{})
	go func() {
		defer close(done)
		defer ours.Close() // as the core does
		r.handler.ServeConn(ctx, ours)
	}()
	t.Cleanup(func() { theirs.Close(); <-done })
	return miltertest.NewPeer(t, theirs), done
}

// counted is "from/passed=1 message/passed=1", sorted.
func (r *rig) counted(t *testing.T) string {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, family := range families {
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if m.Counter.GetValue() == 0 {
				continue
			}
			name := labels["header"] + "/" + labels["action"]
			if name == "/" {
				name = "malformed"
			}
			words = append(words, fmt.Sprintf("%s=%v", name, m.Counter.GetValue()))
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
