package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	"postern/policyd"
)

// BenchmarkPolicy is a decision from the bytes of a request to those of its reply.
func BenchmarkPolicy(b *testing.B) {
	h, err := policyHandler(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	r, w := bufio.NewReader(&mails{crowd: new(crowd), questions: policyQuestions()}), bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeRequest(b.Context(), r, w); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPolicyRequests(t *testing.T) {
	instances := map[string]bool{}
	stream := &mails{crowd: new(crowd), questions: policyQuestions()[:300]}
	for range 600 {
		buf := make([]byte, 4096)
		n, _ := stream.Read(buf)
		q, err := policyd.Parse(string(buf[:n]))
		if err != nil {
			t.Fatal(err)
		}
		if !q.Client.IsValid() || q.State != "RCPT" || len(q.Attributes) != 29 || n < 600 || n > 1000 {
			t.Fatalf("%d bytes: %q", n, buf[:n])
		}
		instances[q.Instance] = true
	}
	if len(instances) != 600 {
		t.Errorf("%d instances of 600 requests, want each its own", len(instances))
	}
}

// TestPolicyHandler: the bans are there, the rules count, and what is asked
// about passes.
func TestPolicyHandler(t *testing.T) {
	h, err := policyHandler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(text string) string {
		var reply strings.Builder
		w := bufio.NewWriter(&reply)
		if err := h.ServeRequest(t.Context(), bufio.NewReader(strings.NewReader(text)), w); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		return reply.String()
	}
	for _, i := range []int{0, 1, policyMails - 1} {
		if got := ask(policyRequest(i)); got != policyReply {
			t.Errorf("mail %d: %q", i, got)
		}
	}
	for from, to := range map[string]string{
		"sender=newsletter+7@lists7.example.net": "sender=user7@mail7.example", "client_address=203.0.7.25": "client_address=10.0.7.1",
		"sender=newsletter": "sender=a@d7.spam.example\nsasl_sender=", "recipient=user": "recipient=name7@fwd00001.test\nstress=",
	} {
		if got := ask(strings.Replace(policyRequest(7), from, to, 1)); !strings.HasPrefix(got, "action=554 ") {
			t.Errorf("%s: %q, want a refusal", to, got)
		}
	}
	q, err := policyd.Parse(policyRequest(5)) // nothing was asked about it before
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.Policy().Explain(t.Context(), q)
	if err != nil || len(d.Steps) < 2 || strings.Count(strings.Join(d.Steps[len(d.Steps)-1].Notes, "\n"), "costs 1 of 100000 messages per hour, would leave 99999,") != 2 {
		t.Errorf("%+v, %v, want what is left of the limits", d.Steps, err)
	}
}

func TestPolicyBlock(t *testing.T) {
	got := policyBlock("memory", "unix:/a", "inet:b")
	if !strings.Contains(got, `listen: ["unix:/a", "inet:b"]`) || !strings.Contains(got, `state: "memory"`) {
		t.Error(got)
	}
}

func TestReadLines(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("a=b\nc=d\n\n\ne=f\n"))
	for i, want := range []error{nil, nil, io.EOF} {
		if err := readLines(r); !errors.Is(err, want) {
			t.Errorf("request %d: %v, want %v", i, err, want)
		}
	}
}

func TestSerial(t *testing.T) {
	c := new(crowd)
	q := question{ask: []byte("n=00000000."), serial: 2}
	for _, want := range []string{"n=00000001.", "n=00000002."} {
		if got := string(c.numbered(&q, make([]byte, 64))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if string(q.ask) != "n=00000000." {
		t.Errorf("the question became %q", q.ask)
	}
	if got := c.numbered(&question{ask: []byte("n=1")}, nil); string(got) != "n=1" {
		t.Errorf("%q, want it as it is", got)
	}
}
