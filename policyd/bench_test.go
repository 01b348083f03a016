package policyd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"postern/internal/dialog"
)

// recipientRequest is what Postfix 3.7.11 sends for RCPT TO.
const recipientRequest = `request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=2001:db8:17:4::25
client_name=mail-yw1-f172.example.net
client_port=51718
reverse_client_name=mail-yw1-f172.example.net
server_address=2001:db8::1
server_port=25
helo_name=mail-yw1-f172.example.net
sender=newsletter+id=4711@lists.example.net
recipient=somebody@example.com
recipient_count=0
queue_id=
instance=1d4b.6560c0a1.9b2f1.0
size=48213
etrn_domain=
stress=
sasl_method=
sasl_username=
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=TLSv1.3
encryption_cipher=TLS_AES_256_GCM_SHA384
encryption_keysize=256
policy_context=rcpt

`

// BenchmarkRead is a request without a wire: in one piece, and larger than the
// buffer it is read through.
func BenchmarkRead(b *testing.B) {
	for _, buffer := range []int{4096, 256} {
		b.Run(fmt.Sprintf("buffer=%d", buffer), func(b *testing.B) {
			r := bufio.NewReaderSize(&endless{text: recipientRequest}, buffer)
			b.ReportAllocs()
			for b.Loop() {
				q := newRequest()
				if err := q.read(r, Limits{}); err != nil {
					b.Fatal(err)
				}
				q.release()
			}
		})
	}
}

// BenchmarkEcho is the least that a server can do with a request.
func BenchmarkEcho(b *testing.B) {
	r, w := bufio.NewReader(&endless{text: recipientRequest}), bufio.NewWriter(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := (bare{}).ServeRequest(b.Context(), r, w); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandler is a request with its reply: of a chain without checks, and
// of one that refuses.
func BenchmarkHandler(b *testing.B) {
	for name, policy := range map[string]*Policy{"dunno": {}, "refuse": {Default: []Link{{Name: "no", Check: refuses{}}}}} {
		b.Run(name, func(b *testing.B) {
			policy.Metrics = NewMetrics(prometheus.NewRegistry())
			h := &Handler{Policy: func() *Policy { return policy }, Metrics: policy.Metrics}
			r, w := bufio.NewReader(&endless{text: recipientRequest}), bufio.NewWriter(io.Discard)
			b.ReportAllocs()
			for b.Loop() {
				if err := h.ServeRequest(b.Context(), r, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSocket sets the handler beside the least that a server of the same
// framing can do, over the same sockets.
func BenchmarkSocket(b *testing.B) {
	h := &Handler{Policy: func() *Policy { return new(Policy) }}
	for _, connections := range []int{1, 8, 64} {
		for _, server := range []struct {
			name    string
			handler dialog.Handler
		}{{"echo", bare{}}, {"handler", h}} {
			b.Run(fmt.Sprintf("unix/%d/%s", connections, server.name), func(b *testing.B) {
				dialog.Rush(b, "unix", server.handler, connections, recipientRequest, len("action=DUNNO\n\n"))
			})
		}
	}
}

// bare reads up to an empty line and says DUNNO.
type bare struct{}

func (bare) ServeRequest(_ context.Context, r *bufio.Reader, w *bufio.Writer) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 1 {
			_, err := w.WriteString("action=DUNNO\n\n")
			return err
		}
	}
}

// endless is the same request for ever, in one piece each time.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

type refuses struct{}

func (refuses) Check(context.Context, *Request) (Verdict, error) {
	return Verdict{Action: Action{"554", "5.7.1 no", "reject"}, Rule: "all"}, nil
}
