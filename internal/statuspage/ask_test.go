package statuspage

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

func contextAt(ctx context.Context, local net.Addr) context.Context {
	return context.WithValue(ctx, http.LocalAddrContextKey, local)
}

// asking is p with a form that answers what it was asked.
func asking(p Page) Page {
	p.Ask = NewAsk(Ask{
		On:   func() bool { return true },
		Maps: func() []string { return []string{"forward", "virtual"} },
		Lookup: func(_ context.Context, name, key string) (string, error) {
			return "looked up " + name + " <" + key + ">", nil
		},
		Policy: func(_ context.Context, request string) (string, error) {
			if request == "" {
				return "", errors.New("no <request>")
			}
			return "judged " + request, nil
		},
	})
	return p
}

func form(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func post(p Page, host, body string) *httptest.ResponseRecorder { return serve(p, form(body), host) }

func TestAnswers(t *testing.T) {
	for _, test := range []struct{ form, want string }{
		{"kind=lookup&map=virtual&key=+jane@example.org+", "looked up virtual &lt;jane@example.org&gt;"},
		{"kind=lookup&map=virtual&key=%3Cscript%3E", "&lt;script&gt;"},
		{"kind=lookup&map=virtual&key=", "a key is missing"},
		{"kind=policy&request=" + url.QueryEscape("sender=a\r\nclient_address=b\r\n"), "judged sender=a\nclient_address=b\n"},
		{"kind=policy", "no &lt;request&gt;"},
		{"kind=other", "a form of another page"},
	} {
		w := post(asking(of(busy())), "localhost", test.form)
		if w.Code != 200 || !strings.Contains(w.Body.String(), test.want) || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%s: %d, no %q in %s", test.form, w.Code, test.want, w.Body)
		}
	}
}

func TestSwitchedOff(t *testing.T) {
	off := asking(of(busy()))
	off.Ask.On = func() bool { return false }
	for what, p := range map[string]Page{"off": off, "none": of(busy())} {
		w := post(p, "localhost", "kind=lookup&map=virtual&key=a")
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "metrics.ask") {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
		body := get(p, "/?ask", "localhost").Body.String()
		if strings.Contains(body, "<form") || strings.Contains(body, `href="/?ask"`) {
			t.Errorf("%s: there is a form", what)
		}
	}
}

func TestOtherSites(t *testing.T) {
	for _, test := range []struct {
		header, value string
		want          int
	}{
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Sec-Fetch-Site", "none", 200},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Origin", "http://localhost", 200},
		{"Origin", "http://evil.test", 403},
		{"Origin", "null", 403},
	} {
		r := form("kind=lookup&map=virtual&key=a")
		r.Header.Set(test.header, test.value)
		if w := serve(asking(of(busy())), r, "localhost"); w.Code != test.want {
			t.Errorf("%s: %s: %d, want %d", test.header, test.value, w.Code, test.want)
		}
	}
}

func TestLargeForm(t *testing.T) {
	w := post(asking(of(busy())), "localhost", "kind=policy&request="+strings.Repeat("x", askBody))
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", w.Code)
	}
	if w := post(asking(of(busy())), "localhost", "kind=%zz"); w.Code != http.StatusBadRequest {
		t.Errorf("a form that is none: %d", w.Code)
	}
}

// TestAskedAtOnce: two wait for their answers, a third is sent away, and a
// question that gets no answer ends in time.
func TestAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := asking(of(busy()))
		p.Ask.Lookup = func(ctx context.Context, _, _ string) (string, error) {
			<-ctx.Done()
			return "", context.Cause(ctx)
		}
		answers := make(chan *httptest.ResponseRecorder, askAtOne)
		for range askAtOne {
			go func() { answers <- post(p, "localhost", "kind=lookup&map=virtual&key=a") }()
		}
		synctest.Wait()
		w := post(p, "localhost", "kind=lookup&map=virtual&key=a")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("the third: %d", w.Code)
		}
		for range askAtOne {
			if w := <-answers; !strings.Contains(w.Body.String(), "deadline exceeded") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if w := post(p, "localhost", "kind=policy&request=a"); w.Code != 200 {
			t.Errorf("after them: %d", w.Code)
		}
	})
}
