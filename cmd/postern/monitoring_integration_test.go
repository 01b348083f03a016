//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/policyd"
	"postern/socketmap"
	"postern/tcptable"
)

// promtool runs a check and returns what it says.
func promtool(t *testing.T, dir, input string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestPromtoolRules(t *testing.T) {
	dir := filepath.Dir(rulesFile)
	for _, args := range [][]string{
		{"check", "rules", "postern.rules.yml"},
		{"test", "rules", "postern.rules.test.yml"},
	} {
		if out, err := promtool(t, dir, "", args...); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestPrometheus has a Prometheus scrape a running postern: promtool likes what
// it reads, every rule can be evaluated, and every panel of the board shows
// something.
func TestPrometheus(t *testing.T) {
	path, at := monitored(t)
	background(t, "postern", "serve", "--config", path)
	awaitPage(t, at["METRICS"]+"/readyz")
	prometheus := startPrometheus(t, at["METRICS"])
	traffic(t, at)

	_, text, err := page(at["METRICS"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := promtool(t, "", text, "check", "metrics"); err != nil || out != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	panelsShow(t, prometheus)
	rulesWork(t, prometheus)
}

// silent are the questions, by panel and legend, that have no answer as long as
// all is well or nothing has happened yet.
func silent() []string {
	return []string{"Alerts that fire: __auto", "Waits: seconds each", "Reloads: {{table}} {{result}}"}
}

// panelsShow asks what the panels ask until each has an answer.
func panelsShow(t *testing.T, prometheus string) {
	t.Helper()
	variables := strings.NewReplacer("$__rate_interval", "20s", "$job", ".*", "$instance", ".*", "$map", ".*")
	for _, p := range readBoard(t).all() {
		for _, target := range p.Targets {
			expr, show := variables.Replace(target.Expr), !slices.Contains(silent(), p.Title+": "+target.LegendFormat)
			var n int
			var err error
			for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
				if n, err = seriesOf(prometheus, expr); err != nil || n > 0 || !show {
					break
				}
			}
			if err != nil || show && n == 0 {
				t.Errorf("%s: %d series, %v: %s", p.Title, n, err, expr)
			}
		}
	}
	for _, a := range readBoard(t).Annotations.List {
		if _, err := seriesOf(prometheus, variables.Replace(a.Expr)); a.Expr != "" && err != nil {
			t.Errorf("annotation %s: %v", a.Name, err)
		}
	}
}

// seriesOf is the number of series that an expression has now.
func seriesOf(prometheus, expr string) (int, error) {
	var answer struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if err := fetch(prometheus+"/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		return 0, err
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("%s", answer.Error)
	}
	return len(answer.Data.Result), nil
}

// rulesWork waits until every rule was evaluated and says what went wrong, and
// which alert fires without a reason.
func rulesWork(t *testing.T, prometheus string) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Type, Health, LastError, State string }
			}
		}
	}
	evaluated := func() bool {
		if err := fetch(prometheus+"/api/v1/rules", &answer); err != nil {
			t.Fatal(err)
		}
		for _, g := range answer.Data.Groups {
			for _, r := range g.Rules {
				if r.Health == "unknown" {
					return false
				}
			}
		}
		return len(answer.Data.Groups) > 0
	}
	for end := time.Now().Add(patience); !evaluated(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the rules are not evaluated")
		}
	}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				t.Errorf("%s: %s: %s", r.Name, r.Health, r.LastError)
			}
			if r.Type == "alerting" && r.State == "firing" {
				t.Errorf("%s fires", r.Name)
			}
		}
	}
}

func fetch(address string, answer any) error {
	resp, err := http.Get("http://" + address)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(answer)
}

// startPrometheus scrapes a target each second, with our rules.
func startPrometheus(t *testing.T, target string) (address string) {
	t.Helper()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	configuration := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: postern
    static_configs: [{targets: [%q]}]
`, rules, target)
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	address = (&ports{}).address(t)
	background(t, "prometheus", "--config.file="+path, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	awaitPage(t, address+"/-/ready")
	return address
}

// traffic asks whatever is counted, until the end of the test.
func traffic(t *testing.T, at map[string]string) {
	maps := socketmap.NewClient("tcp", at["SOCKETMAP"], "virtual", socketmap.ClientOptions{Timeout: patience})
	policy := policyd.NewClient("tcp", at["POLICY"], policyd.ClientOptions{Timeout: patience})
	once := func(ctx context.Context, n int) {
		for _, name := range []string{"virtual", "virtual-aliases", "legacy", "srs-forward", "srs-reverse"} {
			for _, key := range []string{"info@fwd.test", "nobody@fwd.test", "friend@example.net"} {
				_, _, _ = maps.Named(name).Lookup(ctx, key) // what comes of it is counted; some of it is trouble
			}
		}
		table := tcptable.NewClient("tcp", at["TCPTABLE"], tcptable.ClientOptions{Timeout: patience}) // new each time: one shall end
		_, _, _ = table.Lookup(ctx, "info@fwd.test")
		_ = table.Close()
		for _, chain := range []string{"gate", "rcpt", "data"} {
			login := ""
			if n < 5 { // some are over the limit, and not so many that an alert fires
				login = "jo"
			}
			_, _ = policy.Ask(ctx, []policyd.Attribute{
				{Name: "request", Value: "smtpd_access_policy"}, {Name: "policy_context", Value: chain},
				{Name: "protocol_state", Value: map[string]string{"data": "DATA"}[chain]},
				{Name: "client_address", Value: "192.0.2.1"}, {Name: "helo_name", Value: "mx.example.com"},
				{Name: "sender", Value: []string{"a@example.com", "a@banned.test"}[n%2]}, {Name: "recipient", Value: "info@fwd.test"}, {Name: "recipient_count", Value: "1"},
				{Name: "sasl_username", Value: login}, {Name: "instance", Value: strconv.Itoa(n)},
			})
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			once(ctx, n)
			select {
			case <-ctx.Done():
			case <-time.After(300 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() {
		stop()
		done.Wait()
		_, _ = maps.Close(), policy.Close()
	})
}

// background runs a program until the end of the test, which shows what it
// said if the test has failed.
func background(t *testing.T, name string, args ...string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		if !overdue.Stop() {
			t.Errorf("%s did not end: %v", name, err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", name, said.String()[max(0, said.Len()-4000):])
		}
	})
}

// awaitPage waits until an address answers 200.
func awaitPage(t *testing.T, address string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if status, _, err := page(address); err == nil && status == http.StatusOK {
			return
		}
	}
	t.Fatalf("%s: waited in vain", address)
}
