package main

import (
	"bufio"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/policyd"
	"postern/policyd/bans"
	"postern/policyd/counter"
	"postern/policyd/limit"
)

// countPolicyAllocs counts the allocations of a decision from the bytes of a
// request to those of its reply, with the checks that measurePolicy asks. The
// clients and senders were there before, the messages were not.
func (l *lab) countPolicyAllocs(ctx context.Context) error {
	h, err := policyHandler(ctx)
	if err != nil {
		return err
	}
	var reply last
	r, w := bufio.NewReader(&mails{crowd: new(crowd), questions: policyQuestions()}), bufio.NewWriter(&reply)
	var failed error
	ask := func() {
		if err := h.ServeRequest(ctx, r, w); err != nil {
			failed = err
		}
		w.Flush()
	}
	for range policyMails {
		ask()
	}
	allocs := testing.AllocsPerRun(20000, ask)
	const runs = 100_000
	began := time.Now()
	for range runs {
		ask()
	}
	took := time.Since(began) / runs
	if failed == nil && string(reply) != policyReply {
		failed = fmt.Errorf("the answer was %q", string(reply))
	}
	l.report.add("allocations of a policy decision", atMost(10), summarize([]float64{allocs}), "%s without the wire", took)
	return failed
}

// policyHandler is policyd over tables in memory, as `postern serve` puts it together.
func policyHandler(ctx context.Context) (*policyd.Handler, error) {
	tables, builtIn := loadedTables(ctx, policyTables())
	reg := prometheus.NewRegistry()
	walker := builtIn.Walker()
	banned, err := bans.New(bans.Options{Table: tables["api_bans"], Hosted: walker.Hosted, Delimiter: "+", Metrics: bans.NewMetrics(reg),
		Destinations: walker.Destinations})
	if err != nil {
		return nil, err
	}
	limits, err := limit.New(limit.Options{
		Rules: []limit.Rule{policyRule("client", "client_address"), policyRule("sender", "sender")},
		Store: counter.NewMemory(counter.MemoryOptions{Metrics: counter.NewMetrics(reg)}),
		Host:  "mx1.example", Delimiter: "+", Metrics: limit.NewMetrics(reg),
	})
	if err != nil {
		return nil, err
	}
	metrics := policyd.NewMetrics(reg)
	policy := &policyd.Policy{Metrics: metrics, Default: []policyd.Link{
		metrics.Counted(policyd.Link{Name: "bans", Check: banned, Mode: policyd.Enforce}),
		metrics.Counted(policyd.Link{Name: "rate_limits", Check: limits, Mode: policyd.Enforce}),
	}}
	return &policyd.Handler{Policy: func() *policyd.Policy { return policy }, Metrics: policy.Metrics, Tap: new(policyd.Recorder)}, nil
}

func policyRule(name, key string) limit.Rule {
	keys, _ := limit.ParseKeys(key) // New complains about none
	return limit.Rule{Name: name, Keys: keys, Windows: []counter.Window{{N: 100_000, Per: time.Hour}}}
}

// policyTables has the rows of measurePolicy.
func policyTables() map[string]fixedRows {
	all := map[string]fixedRows{"domain": {}, "alias": {}, "alias_handle": {}, "smtp_sender_acl": {}, "api_bans": {}}
	for i := range policyMails {
		all["domain"][fmt.Sprintf("fwd%05d.test", i%domains)] = "1"
		all["alias"][alias(i)] = target(i)
	}
	for i := range policyBans {
		for _, ban := range []string{
			fmt.Sprintf("email:user%d@mail%d.example", i, i%50), fmt.Sprintf("domain:d%d.spam.example", i),
			fmt.Sprintf("ip:10.%d.%d.0/24", i/256, i%256), fmt.Sprintf("name:name%d", i),
		} {
			all["api_bans"][ban] = "- spam"
		}
	}
	return all
}

// mails is a stream of questions, each in one piece and numbered.
type mails struct {
	*crowd
	questions []question
	at        int
}

// Read gives one question and never ends.
func (m *mails) Read(p []byte) (int, error) {
	q := &m.questions[m.at%len(m.questions)]
	m.at++
	return len(m.numbered(q, p)), nil
}
