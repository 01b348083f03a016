package doctor

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestConverse speaks each protocol with a peer that answers, and with peers
// that do not.
func TestConverse(t *testing.T) {
	for _, test := range []struct {
		protocol, reply, want string
		silent                bool
	}{
		{"socketmap", "9:NOTFOUND ,", "NOTFOUND ", false},
		{"socketmap", "5:TEMP ,", "TEMP ", false},
		{"socketmap", "x:OK", "", true},
		{"socketmap", "999999999:", "", true},
		{"socketmap", "20:OK", "", true},
		{"socketmap", "", "", true},
		{"policy", "action=DUNNO\n\n", "action=DUNNO", false},
		{"policy", "", "", true},
		{"tcp", "500 not found\n", "500 not found", false},
		{"sasl", "VERSION\t1\t2\nMECH\tPLAIN\n", "VERSION\t1\t2", false},
		{"sasl", "220 mx ESMTP\n", "", true},
		{"milter", "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00", "O", false},
		{"milter", "HTTP/1.1 400", "", true},
		{"", "", "", false},
	} {
		t.Run(test.protocol+" "+test.reply, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				r := bufio.NewReader(theirs)
				go io.Copy(io.Discard, r)
				io.WriteString(theirs, test.reply)
				theirs.Close()
			}()
			ours.SetDeadline(time.Now().Add(time.Minute))
			got, err := converse(ours, Question{Protocol: test.protocol, Map: "virtual", Key: "a@b.example"})
			if got != test.want && !test.silent || (err != nil) != test.silent && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestParseOpenDKIM(t *testing.T) {
	o := ParseOpenDKIM([]byte("# x\nMode\ts # sign\n\nSenderMacro  {mail_addr}\nmode sv\n"))
	if o.values["mode"] != "sv" || o.lines["mode"] != 5 || o.values["sendermacro"] != "{mail_addr}" {
		t.Errorf("%v", o)
	}
}

func TestPermits(t *testing.T) {
	for value, want := range map[string]bool{"OK": true, "ok text": true, "permit_mynetworks": true, "1": true, "": false, "DUNNO": false,
		"REJECT no": false, "550 5.7.1 no": false, "450": false, "DEFER_IF_PERMIT": false, "srs_bounces": false} {
		if got := permits(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if !valuesPermit("# OK OK\nkey\n  OK\n") || valuesPermit("# a OK\nok REJECT\n") {
		t.Error("values of a source file are misread")
	}
}

func TestReferences(t *testing.T) {
	got := strings.Join(references(referencePattern(), "$a ${b} $(c) $$d ${e?x} ${f:y} ${{$g} == {h} ? {i} : {$j}} $1 $a"), " ")
	if got != "a b c g j" {
		t.Errorf("%s", got)
	}
}
