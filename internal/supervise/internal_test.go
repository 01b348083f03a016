package supervise

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"
)

func TestNextPause(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name              string
		last, lived, want time.Duration
	}{
		{"first death", 0, time.Hour, 100 * ms},
		{"died at once, for the first time", 0, 0, 100 * ms},
		{"did not start again", 100 * ms, 0, 200 * ms},
		{"again", 200 * ms, 5 * s, 400 * ms},
		{"and again", 25600 * ms, 0, 30 * s},
		{"no longer than that", 30 * s, 29 * s, 30 * s},
		{"has served meanwhile", 30 * s, 31 * s, 100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nextPause(c.last, c.lived); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestTame(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "database: gone", "database: gone"},
		{"lines", "one\ntwo\n", "one; two"},
		{"escapes", "\x1b[2Jall is well\r\x00", "\ufffd[2Jall is well\ufffd\ufffd"},
		{"no text", "\xff\xfe", "\ufffd"},
		{"long", strings.Repeat("a", 1<<20), strings.Repeat("a", maxFault) + "…"},
		{"umlaut", "größer", "größer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tame(c.text); got != c.want {
				t.Errorf("%.100q, want %.100q", got, c.want)
			}
		})
	}
}

// A worker may say anything, the parent has privileges: nothing it says may
// end the parent, or fill its memory.
func FuzzReports(f *testing.F) {
	frame := func(text string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	f.Add(frame(`{"ready":true}`))
	f.Add(append(frame(`{"fault":"no\nsuch \u0000 file"}`), frame(`{"applied":-1}`)...))
	f.Add(frame(`{"applied":99999999999999999999}`))
	f.Add(frame(`[]`))
	f.Add(frame(``))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, '{'})
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		c := &child{
			control:  &control{Conn: ours},
			ready:    make(chan struct{}),
			news:     make(chan struct{}, 1),
			reported: make(chan struct{}),
		}
		go c.listen()
		go func() {
			theirs.Write(said) // fails when listen has heard enough
			theirs.Close()
		}()
		<-c.reported
		ours.Close()
		if len(c.fault) > 3*maxFault+len("…") || strings.ContainsAny(c.fault, "\n\x00\x1b") {
			t.Errorf("%q", c.fault)
		}
	})
}

func TestMessageLimits(t *testing.T) {
	ours, theirs, err := newControl()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	other, err := controlOf(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.send(report{Fault: strings.Repeat("a", maxReport)}, time.Second); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := ours.receive(&r, maxReport); err == nil || !strings.Contains(err.Error(), "at most 65536 are taken") {
		t.Errorf("a report without measure: %v", err)
	}
	other.Close()
}
