package srsd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/internal/lookup"
	"postern/srsd/srs"
)

const longSender = "a.very.long.local.part.of.a.newsletter+recipient=someone@news.example.com"

func lookUp(t *testing.T, m lookup.Map, key string) string {
	t.Helper()
	value, found, err := m.Lookup(context.Background(), key)
	switch {
	case lookup.IsPermanent(err):
		return "PERM " + err.Error()
	case err != nil:
		return "TEMP " + err.Error()
	case !found:
		return "NOTFOUND " + value
	}
	return value
}

// TestHybridEmbedsWhatFits goes through the lengths around the limit.
func TestHybridEmbedsWhatFits(t *testing.T) {
	store := newMemory()
	face := Modern{Engine: native(t, func(e *Engine) { e.Envelope, e.Store = Hybrid, store })}
	const overhead = len("SRS0=HHHH=TT=x.example=")
	for length := 1; length < 80; length++ {
		sender := strings.Repeat("u", length) + "@x.example"
		before := len(store.rows)
		rewritten := lookUp(t, face.Forward(), sender)
		local, _, _ := strings.Cut(rewritten, "@")
		if len(local) > 64 {
			t.Errorf("%d octets of user: the new local part has %d", length, len(local))
		}
		if stored, fits := len(store.rows) > before, length+overhead <= 64; stored == fits {
			t.Errorf("%d octets of user: stored %v", length, stored)
		}
		if back := lookUp(t, face.Reverse(), strings.ToLower(rewritten)); back != sender {
			t.Errorf("%q came back as %q", sender, back)
		}
	}
}

// TestHybridStoresWhatCannotBeEmbedded takes senders that PostSRSd mangles, or
// whose bounces Postfix would refuse.
func TestHybridStoresWhatCannotBeEmbedded(t *testing.T) {
	face := Modern{Engine: native(t, func(e *Engine) { e.Envelope, e.Store = Hybrid, newMemory() })}
	for _, sender := range []string{
		`"a@b"@c.example`, `"john doe"@c.example`, "x@a=b.example",
		"user%dept@c.example", "dept!user@c.example", // routes, to Postfix
		"SRS0=" + strings.Repeat("o", 70) + "@f.example", // another forwarder's, too long to wrap
		strings.Repeat("l", 502) + "@x.example",
	} {
		rewritten := lookUp(t, face.Forward(), sender)
		if local, _, _ := strings.Cut(rewritten, "@"); !strings.Contains(local, "=1=") || len(local) > 64 {
			t.Errorf("%q became %q", sender, rewritten)
		}
		if back := lookUp(t, face.Reverse(), rewritten); back != sender {
			t.Errorf("%q came back as %q", sender, back)
		}
	}
}

// TestHybridStoresNoNUL: a sender that no table could give back stays as it is.
func TestHybridStoresNoNUL(t *testing.T) {
	store := newMemory()
	face := Modern{Engine: native(t, func(e *Engine) { e.Envelope, e.Store = Hybrid, store })}
	if got := lookUp(t, face.Forward(), "a\x00b@c.example"); !strings.HasPrefix(got, "NOTFOUND ") || len(store.rows) > 0 {
		t.Errorf("%q, stored: %v", got, store.rows)
	}
}

// TestStoreDown shows that embedding goes on.
func TestStoreDown(t *testing.T) {
	store := newMemory()
	engine := native(t, func(e *Engine) { e.Envelope, e.Store = Hybrid, store })
	face := Modern{Engine: engine}
	stored := lookUp(t, face.Forward(), longSender)
	store.down = errDown
	for _, test := range []struct {
		m         lookup.Map
		key, want string
	}{
		{face.Forward(), "friend@x.example", "SRS0=*"},
		{face.Forward(), longSender, "TEMP store: down"},
		{face.Reverse(), stored, "TEMP store: down"},
		{Classic{Engine: engine}.Forward(), longSender, "TEMP store: down"},
		{Classic{Engine: engine}.Reverse(), stored, "TEMP store: down"},
		{Recipients{engine}, stored, "TEMP store: down"},
		{face.Reverse(), lookUp(t, face.Forward(), "friend@x.example"), "friend@x.example"},
		{face.Reverse(), "someone@srs.example.org", "NOTFOUND Not an SRS address."},
	} {
		if got := lookUp(t, test.m, test.key); got != test.want && !(strings.HasSuffix(test.want, "*") && strings.HasPrefix(got, test.want[:len(test.want)-1])) {
			t.Errorf("%q: got %q, want %q", test.key, got, test.want)
		}
	}
}

// TestNativeRules are the differences from PostSRSd.
func TestNativeRules(t *testing.T) {
	engine := native(t, func(e *Engine) {
		e.Local = domains{"own.example", ".below.example"}
		e.Hosted = func(_ context.Context, domain string) (bool, error) {
			if domain == "dead.example" {
				return false, errors.New("database: down")
			}
			return domain == "hosted.example", nil
		}
	})
	face := Modern{Engine: engine}
	valid := lookUp(t, face.Forward(), "friend@x.example")
	user, _, _ := strings.Cut(valid, "@")
	for _, test := range []struct {
		m         lookup.Map
		key, want string
	}{
		{face.Reverse(), valid, "friend@x.example"},
		{face.Reverse(), strings.ToUpper(valid), "FRIEND@X.EXAMPLE"},
		{face.Reverse(), user, "friend@x.example"},
		{face.Reverse(), user + "@SRS.example.ORG", "friend@x.example"},
		{face.Reverse(), user + "@elsewhere.example", "NOTFOUND Not an address of the SRS domain."},
		{face.Reverse(), user + "@srs.example.org.elsewhere.example", "NOTFOUND Not an address of the SRS domain."},
		{face.Forward(), "me@own.example", "NOTFOUND Need not rewrite local domain."},
		{face.Forward(), "me@a.below.example", "NOTFOUND Need not rewrite local domain."},
		{face.Forward(), "me@hosted.example", "NOTFOUND Need not rewrite local domain."},
		{face.Forward(), "me@dead.example", `TEMP srs: is "dead.example" a domain of ours: database: down`},
		{face.Forward(), valid, "NOTFOUND Need not rewrite local domain."},
		{face.Forward(), "", "NOTFOUND No domain."},
		{face.Reverse(), user + "@\u017frs.example.org", "NOTFOUND Not an address of the SRS domain."}, // a long s
		{face.Forward(), `"a@b"@c.example`, "NOTFOUND " + string(srs.NotEmbeddable)},
		{face.Forward(), strings.Repeat("l", 600) + "@x.example", "NOTFOUND Buffer too small."},
		{Classic{Engine: engine}.Forward(), "me@hosted.example", "NOTFOUND Need not rewrite local domain."},
		{Classic{Engine: engine}.Forward(), valid, "NOTFOUND Already rewritten"},
		{Classic{Engine: engine}.Forward(), "me@srs.example.org", "me@srs.example.org"},
	} {
		if got := lookUp(t, test.m, test.key); got != test.want {
			t.Errorf("%q: got %q, want %q", test.key, got, test.want)
		}
	}
	if malformed := lookUp(t, face.Forward(), "SRS1=@x.example"); lookUp(t, face.Reverse(), malformed) != "SRS1=@x.example" {
		t.Errorf("a malformed SRS1 sender became %q", malformed)
	}
}

// TestClocksDiffer has two hosts on both sides of midnight.
func TestClocksDiffer(t *testing.T) {
	at := func(now time.Time) Modern {
		return Modern{Engine: native(t, func(e *Engine) { e.Now = func() time.Time { return now } })}
	}
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	made := lookUp(t, at(midnight.Add(time.Second)).Forward(), "friend@x.example")
	for _, test := range []struct {
		now  time.Time
		want string
	}{
		{midnight.Add(-time.Second), "friend@x.example"},
		{midnight.AddDate(0, 0, -1), "friend@x.example"},
		{midnight.AddDate(0, 0, -1).Add(-time.Second), "NOTFOUND Time stamp out of date."},
		{midnight.AddDate(0, 0, 22).Add(-time.Second), "friend@x.example"},
		{midnight.AddDate(0, 0, 22), "NOTFOUND Time stamp out of date."},
	} {
		if got := lookUp(t, at(test.now).Reverse(), made); got != test.want {
			t.Errorf("at %v: got %q, want %q", test.now, got, test.want)
		}
	}
}

// TestBouncesAtTheDoor judges recipients, alone and with their sender.
func TestBouncesAtTheDoor(t *testing.T) {
	store := newMemory()
	engine := native(t, func(e *Engine) { e.Envelope, e.Store = Hybrid, store })
	face := Modern{Engine: engine}
	valid, stored := lookUp(t, face.Forward(), "friend@x.example"), lookUp(t, face.Forward(), longSender)
	clear(store.rows)
	forged := strings.Replace(valid, "x.example", "y.example", 1)
	old := lookUp(t, Modern{Engine: native(t, func(e *Engine) {
		e.Now = func() time.Time { return noon.AddDate(0, 0, -30) }
	})}.Forward(), "friend@x.example")
	const needSender = "554 5.7.1 only bounces are taken at this address, and they have no sender (MAIL FROM:<>)"
	for _, test := range []struct{ name, recipient, bounce, mail string }{
		{"valid", valid, "OK", needSender},
		{"lower-cased", strings.ToLower(valid), "OK", needSender},
		{"forged", forged, "550 5.1.1 this bounce address was not made here: its signature is wrong", ""},
		{"expired", old, "550 5.1.1 this bounce address has expired: bounces are taken for 21 days", ""},
		{"forgotten", stored, "550 5.1.1 this bounce address is not known here, or no more", ""},
		{"malformed", "SRS0=x@srs.example.org", "550 5.1.1 this is no bounce address: No timestamp in SRS0 address.", ""},
		{"foreign", strings.Replace(valid, "srs.example.org", "other.example", 1), "", ""},
		{"plain", "postmaster@srs.example.org", "", ""},
		{"no SRS", "srs0@srs.example.org", "", ""},
		{"elsewhere", "friend@x.example", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.mail == "" {
				test.mail = test.bounce
			}
			verdict := Verdict{Recipients: Recipients{engine}}
			for sender, want := range map[string]string{"": test.bounce, "<>": test.bounce, "someone@x.example": test.mail} {
				if got, err := verdict.Judge(context.Background(), sender, test.recipient); got != want || err != nil {
					t.Errorf("from <%s>: got %q, %v, want %q", sender, got, err, want)
				}
			}
			verdict.AnySender = true
			if got, err := verdict.Judge(context.Background(), "someone@x.example", test.recipient); got != test.bounce || err != nil {
				t.Errorf("any sender: got %q, %v, want %q", got, err, test.bounce)
			}
		})
	}
	verdict := Verdict{Recipients: lookup.Broken(errDown)}
	if got, err := verdict.Judge(context.Background(), "", valid); !errors.Is(err, errDown) {
		t.Errorf("srsd away: got %q, %v", got, err)
	}
}
