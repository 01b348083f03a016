package milter_test

import (
	"bytes"
	"net"
	"reflect"
	"testing"

	gomilter "github.com/emersion/go-milter"

	"postern/internal/milter/miltertest"
)

// postfixLike is a connection on which go-milter's client offers all that
// Postfix does. The client itself refuses to speak version 2 with CHGFROM.
type postfixLike struct {
	net.Conn
	offered bool
}

func (c *postfixLike) Write(p []byte) (int, error) {
	if !c.offered && len(p) >= 13 && p[4] == 'O' {
		c.offered = true
		p = bytes.Clone(p)
		p[12] |= 0x40
	}
	return c.Conn.Write(p)
}

// dialRig connects to a rig.
type dialRig struct {
	t *testing.T
	r *rig
}

func (d dialRig) Dial(string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); d.r.handler.ServeConn(d.t.Context(), ours) }()
	d.t.Cleanup(func() { theirs.Close(); <-done })
	return &postfixLike{Conn: theirs}, nil
}

// TestLibraryClient talks to the milter with go-milter's client, which we have
// no part in.
func TestLibraryClient(t *testing.T) {
	r := newRig(fakeRules())
	client := gomilter.NewClientWithOptions("", "", gomilter.ClientOptions{
		Dialer: dialRig{t, r}, ActionMask: gomilter.OptAddRcpt | gomilter.OptRemoveRcpt,
		ReadTimeout: miltertest.Patience, WriteTimeout: miltertest.Patience,
	})
	s, err := client.Session()
	if err != nil {
		t.Fatal(err)
	}
	wantAction := func(want gomilter.Action) func(*gomilter.Action, error) {
		return func(got *gomilter.Action, err error) {
			t.Helper()
			if err != nil || *got != want {
				t.Fatalf("got %+v, %v; want %+v", got, err, want)
			}
		}
	}
	goOn := wantAction(gomilter.Action{Code: gomilter.ActContinue})
	goOn(s.Conn("client.example", gomilter.FamilyInet, 25, "192.0.2.1"))
	goOn(s.Helo("client.example"))
	if err := s.Macros(gomilter.CodeMail, "i", "4AbC"); err != nil {
		t.Fatal(err)
	}
	goOn(s.Mail("a@far.example", []string{"SIZE=10", "BODY=8BITMIME"}))
	goOn(s.Rcpt("fwd+b=out.example@srs.example", nil))
	wantAction(gomilter.Action{Code: gomilter.ActReplyCode, SMTPCode: 550, SMTPText: "5.1.1 <forged@srs.example>: forged, 100%% sure"})(s.Rcpt("forged@srs.example", nil))
	goOn(s.Rcpt("c@home.example", []string{"NOTIFY=NEVER"}))
	goOn(s.HeaderField("Subject", "hello"))
	goOn(s.HeaderEnd())
	goOn(s.BodyChunk([]byte("hello\r\n")))
	changes, action, err := s.End()
	if err != nil || action.Code != gomilter.ActAccept {
		t.Fatalf("end: %+v, %v", action, err)
	}
	want := []gomilter.ModifyAction{
		{Code: gomilter.ActDelRcpt, Rcpt: "<fwd+b=out.example@srs.example>"},
		{Code: gomilter.ActAddRcpt, Rcpt: "<b@out.example>"},
		{Code: gomilter.ActChangeFrom, From: "<fwd+a=far.example@srs.example>", FromArgs: []string{""}},
	}
	if !reflect.DeepEqual(changes, want) {
		t.Errorf("changes %+v, want %+v", changes, want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
