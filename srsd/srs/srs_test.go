package srs

import (
	"testing"
	"time"
)

func TestSmoke(t *testing.T) {
	r, err := New(Options{Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	k := Keys{NewKey([]byte("tops3cr3t"))}
	now := time.Unix(1577836860, 0)
	for in, want := range map[string]string{
		"test@otherdomain.com":               "SRS0=vmyz=2W=otherdomain.com=test@example.com",
		"hash234@somedomain.com":             "SRS0=-3_5=2W=somedomain.com=hash234@example.com",
		"SRS0=opaque+string@otherdomain.com": "SRS1=chaI=otherdomain.com==opaque+string@example.com",
	} {
		got, err := r.Forward(k, now, in)
		if err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
		back, err := r.Reverse(k, now, got)
		if err != nil || back != in {
			t.Errorf("%s: back %s, %v", in, back, err)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	r, _ := New(Options{Domain: "example.com"})
	k := Keys{NewKey([]byte("tops3cr3t"))}
	now := time.Unix(1577836860, 0)
	b.ReportAllocs()
	for b.Loop() {
		r.Forward(k, now, "test@otherdomain.com")
	}
}

func BenchmarkReverse(b *testing.B) {
	r, _ := New(Options{Domain: "example.com"})
	k := Keys{NewKey([]byte("tops3cr3t"))}
	now := time.Unix(1577836860, 0)
	b.ReportAllocs()
	for b.Loop() {
		r.Reverse(k, now, "SRS0=vmyz=2W=otherdomain.com=test@example.com")
	}
}
