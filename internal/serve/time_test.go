package serve_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"postern/internal/serve"
)

// The limits answer to Postfix; a change here must answer to it too.
func TestLimitsExceedThoseOfPostfix(t *testing.T) {
	const (
		ioTimeout     = 100 * time.Second  // DICT_SOCKMAP_DEF_TIMEOUT, DICT_TCP_TMOUT, smtpd_policy_service_timeout
		socketmapIdle = 10 * time.Second   // DICT_SOCKMAP_DEF_MAX_IDLE
		socketmapTTL  = 100 * time.Second  // DICT_SOCKMAP_DEF_MAX_TTL
		policyTTL     = 1000 * time.Second // smtpd_policy_service_max_ttl
		processLimit  = 100                // default_process_limit
		systemdKills  = 90 * time.Second   // TimeoutStopSec= of systemd.service(5)
	)
	l := serve.DefaultLimits()
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"Idle exceeds socketmap's life", l.Idle > socketmapTTL},
		{"Idle exceeds a policy client's life", l.Idle > policyTTL},
		{"Request covers a write of Postfix", l.Request >= ioTimeout},
		{"Write covers a read of Postfix", l.Write >= ioTimeout},
		{"Spare is no shorter than Postfix's own idle close", l.Spare >= socketmapIdle},
		{"a new peer has 10 s", l.FirstRequest == 10*time.Second},
		{"Connections cover the processes of ten services", l.Connections >= 10*processLimit},
		{"a stop ends before systemd kills", l.LameDuck+l.Drain < systemdKills/2},
	} {
		if !tt.ok {
			t.Errorf("%s: not so in %+v", tt.name, l)
		}
	}
}

func TestTimeLimits(t *testing.T) {
	tests := []struct {
		name, send, receive, end string
		after, atMost            time.Duration
	}{
		{"nothing is asked", "", "", "unasked", 10 * time.Second, 10 * time.Second},
		{"first request unfinished", "hal", "", "unasked", 10 * time.Second, 10 * time.Second},
		{"later request unfinished", "a\nhal", "A\n", "timeout", 100 * time.Second, 100 * time.Second},
		{"idle", "a\n", "A\n", "idle", 3600 * time.Second, 4500 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := newPipes()
				v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
				c := ln.dial()
				began := time.Now()
				send(t, c, tt.send)
				want(t, c, tt.receive)
				wantClosed(t, c)
				if d := time.Since(began); d < tt.after || d > tt.atMost {
					t.Errorf("closed after %v, want %v to %v", d, tt.after, tt.atMost)
				}
				v.stopped()
				v.wantEnd(tt.end, 1)
			})
		})
	}
}

// A trickle of bytes buys no time: the limit is for the request, not a read.
func TestTrickleIsNotARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		for _, tt := range []struct {
			first string
			limit time.Duration
		}{{"", 10 * time.Second}, {"a\n", 100 * time.Second}} {
			c := ln.dial()
			send(t, c, tt.first)
			want(t, c, upper(tt.first))
			began := time.Now()
			for {
				if _, err := io.WriteString(c, "x"); err != nil {
					break
				}
				time.Sleep(3 * time.Second)
			}
			if d := time.Since(began); d < tt.limit || d > tt.limit+3*time.Second {
				t.Errorf("after %q: closed after %v, want %v", tt.first, d, tt.limit)
			}
		}
		v.stopped()
		v.wantEnd("unasked", 1)
		v.wantEnd("timeout", 1)
	})
}

// A client that asks now and then is kept for ever, whatever deadlines were
// set for single requests of its.
func TestPatientClientIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		c := ln.dial()
		for i := range 200 {
			send(t, c, "sl")
			time.Sleep(time.Duration(i%100) * time.Second)
			send(t, c, "ow\n")
			want(t, c, "SLOW\n")
			time.Sleep(time.Duration(i*18) * time.Second)
			send(t, c, "fast\n")
			want(t, c, "FAST\n")
		}
		c.Close()
	})
}

// Short limits hold as well, also where Idle is shorter than Request.
func TestIdleShorterThanRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{
			Handler: serve.HandlerFunc(shout),
			Limits:  serve.Limits{Idle: 4 * time.Second, Request: 60 * time.Second},
		})
		c := ln.dial()
		send(t, c, "a\nhal")
		want(t, c, "A\n")
		time.Sleep(30 * time.Second)
		send(t, c, "f\n")
		want(t, c, "HALF\n")
		began := time.Now()
		wantClosed(t, c)
		if d := time.Since(began); d < 4*time.Second || d > 5*time.Second {
			t.Errorf("idle for %v", d)
		}
		v.stopped()
		v.wantEnd("idle", 1)
	})
}

func TestPeerThatTakesNoReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		v := start(t, ln, &serve.Server{Handler: serve.HandlerFunc(shout)})
		c := ln.dial()
		send(t, c, "a\n")
		began := time.Now()
		<-v.log.ended
		if d := time.Since(began); d < 100*time.Second || d > 200*time.Second {
			t.Errorf("given up after %v", d)
		}
		c.Close()
		v.stopped()
		v.wantEnd("write", 1)
	})
}
