package statuspage

import (
	"bytes"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"postern/internal/status"
)

var update = flag.Bool("update", false, "write the pages in testdata anew")

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// busy is a daemon that has everything, and something in trouble.
func busy() status.Snapshot {
	return status.Snapshot{
		Daemon: "serve", Version: "1.0.0", Host: "mx1.example.org", PID: 4711, Now: noon(), Started: noon().Add(-50 * time.Hour),
		Health: []status.Health{
			{Name: "database 192.0.2.5/maildb", State: status.Poor, Text: "refuses us: known addresses are answered from memory"},
			{Name: "table alias", State: status.Good},
			{Name: "table domain", State: status.Good},
			{Name: "redis 192.0.2.6:6379", State: status.Bad, Text: "is away"},
			{Name: "policy", State: status.Good},
		},
		Lookups: []status.Lookups{
			{Map: "virtual", Found: 1234567, NotFound: 89, PerSecond: 12.345, Mean: 0.000012},
			{Map: "legacy", Found: 1, Trouble: 2, PerSecond: 0.004, Mean: 0.25},
			{Map: "forward"},
		},
		Cache:       &status.Cache{Entries: 1000, Hits: 0.987, Stale: 3, Total: 54321},
		Tables:      []status.Table{{Name: "alias", Rows: 20000, Loaded: true, Age: 1.5}, {Name: "domain", Rows: 12, Loaded: true, Age: 90000}, {Name: "api_bans"}},
		Database:    []status.Database{{Name: "192.0.2.5/maildb", Trouble: "refuses us", Open: 3, InUse: 1, Max: 16}, {Name: "192.0.2.8/legacy", Up: true, Max: 4}},
		Connections: []status.Connection{{Daemon: "policyd", Open: 2, Total: 100}},
		SRS:         []status.Count{{Name: "forward ok", Total: 17, PerMinute: 0.5}},
		Rules:       []status.Count{{Name: "rate_limits login defer", Total: 9, PerMinute: 3}},
		Decisions: []status.Decision{
			{At: noon().Add(-time.Minute), ID: "K7QX2M9A", Action: "defer_if_permit", Mode: "enforce", Check: "greylist", Rule: "early", Reason: "passes in 30s", Client: "2001:db8::25", Sender: "j***@example.com", Recipient: "i***@example.org"},
			{At: noon().Add(-30 * time.Hour), ID: "K7QX2M9B", Action: "reject", Mode: "shadow", Check: "bans", Client: "192.0.2.7", Login: "alice", QueueID: "4ABC"},
		},
		Series: []status.Series{
			{Name: "lookups", Unit: "per second", Step: 5 * time.Second, Values: []float64{0, 5, 10, 12.3}},
			{Name: "trouble", Unit: "per second", Step: 5 * time.Second, Values: []float64{0, 0, 1, 0}},
			{Name: "hits", Unit: "share", Step: 5 * time.Second, Values: []float64{0.5, 0.987}},
		},
	}
}

// hostile has markup in every text.
func hostile() status.Snapshot {
	const x = `"><script>alert(1)</script>'&` + "\x00\u202e"
	return status.Snapshot{
		Daemon: x, Version: x, Host: x, Now: noon(), Started: noon(), NotReady: x,
		Health:      []status.Health{{Name: x, State: status.Poor, Text: x}, {Name: "table " + x, State: status.Good}, {Name: x, State: `"onload="`}},
		Lookups:     []status.Lookups{{Map: x, Found: 1}, {Map: x}},
		Tables:      []status.Table{{Name: x}},
		Database:    []status.Database{{Name: x}},
		Connections: []status.Connection{{Daemon: x}},
		SRS:         []status.Count{{Name: x}},
		Rules:       []status.Count{{Name: x}},
		Decisions:   []status.Decision{{ID: x, Action: x, Mode: x, Check: x, Rule: x, Reason: x, Client: x, Sender: x, Recipient: x, Login: x, QueueID: x}},
		Series:      []status.Series{{Name: "lookups", Unit: x, Values: []float64{-1, 1e300}}, {Name: "srs"}},
	}
}

func of(s status.Snapshot) Page { return Page{Snapshot: func() status.Snapshot { return s }} }

// get asks by loopback, with the given Host.
func get(p Page, target, host string) *httptest.ResponseRecorder {
	return serve(p, httptest.NewRequest("GET", target, nil), host)
}

func serve(p Page, r *http.Request, host string) *httptest.ResponseRecorder {
	r.Host = host
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	for name, test := range map[string]struct {
		page   Page
		target string
	}{
		"busy":    {of(busy()), "/"},
		"idle":    {of(status.Snapshot{Daemon: "srsd", Version: "1.0.0", Host: "mx1", Now: noon(), Started: noon()}), "/"},
		"hostile": {of(hostile()), "/?paused"},
		"ask":     {asking(of(busy())), "/?ask"},
	} {
		t.Run(name, func(t *testing.T) {
			w := get(test.page, test.target, "127.0.0.1:9300")
			if w.Code != 200 {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
			got := bytes.ReplaceAll(w.Body.Bytes(), []byte(styleText), []byte("…"))
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the page is not %s (-update writes it):\n%s", file, got)
			}
		})
	}
}

// TestHostileTexts parses the page as a browser does: it must have the elements
// that the template has, and no attribute that runs anything.
func TestHostileTexts(t *testing.T) {
	allowed := map[string]bool{}
	for _, name := range strings.Fields("html head meta title link style body header h1 h2 h3 p span nav a time main section ul li table thead tbody tr th td figure figcaption svg polygon polyline div footer") {
		allowed[name] = true
	}
	tokens := html.NewTokenizer(get(of(hostile()), "/", "localhost").Body)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tokens.Token()
			if !allowed[tag.Data] {
				t.Errorf("an element <%s> of a stranger", tag.Data)
			}
			for _, a := range tag.Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" {
					t.Errorf("an attribute %s=%q", a.Key, a.Val)
				}
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	for target, want := range map[string]bool{"/": true, "/?paused": false, "/?ask": false} {
		body := get(asking(of(busy())), target, "localhost").Body.String()
		if got := strings.Contains(body, `http-equiv="refresh"`); got != want {
			t.Errorf("%s comes anew: %v", target, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	w := get(of(busy()), "/", "localhost")
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"X-Frame-Options": "DENY", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %s", policy)
	}
}

func TestHosts(t *testing.T) {
	p := asking(of(busy()))
	p.Names = func() []string { return []string{"", "MX1.example.org"} }
	for _, test := range []struct {
		host string
		ok   bool
	}{
		{"127.0.0.1:9300", true}, {"127.0.0.1", true}, {"[::1]:9300", true}, {"[::1]", true}, {"192.0.2.1:80", true},
		{"localhost:9300", true}, {"LOCALHOST.", true}, {"mx1.example.org:9300", true}, {"mx1.example.org", true},
		{"evil.test:9300", false}, {"127.0.0.1.evil.test", false}, {"localhost.evil.test:80", false}, {"", false}, {"mx1.example.org.evil.test", false},
	} {
		if got := get(p, "/", test.host).Code == 200; got != test.ok {
			t.Errorf("GET by %q: %v", test.host, got)
		}
		if got := post(p, test.host, "kind=lookup&map=virtual&key=a").Code == 200; got != test.ok {
			t.Errorf("POST by %q: %v", test.host, got)
		}
	}
}

// TestHostsOfANetwork: whoever reaches the listener need not rebind a name, but
// the form stays strict.
func TestHostsOfANetwork(t *testing.T) {
	at := func(method string) *http.Request {
		r := httptest.NewRequest(method, "/", strings.NewReader("kind=lookup&map=virtual&key=a"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r.WithContext(contextAt(r.Context(), &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9300}))
	}
	p := asking(of(busy()))
	if w := serve(p, at("GET"), "monitoring.example.net"); w.Code != 200 {
		t.Errorf("GET: %d", w.Code)
	}
	if w := serve(p, at("POST"), "monitoring.example.net"); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestOtherMethods(t *testing.T) {
	for _, method := range []string{"PUT", "DELETE", "OPTIONS"} {
		if w := serve(of(busy()), httptest.NewRequest(method, "/", nil), "localhost"); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if w := serve(of(busy()), httptest.NewRequest("HEAD", "/", nil), "localhost"); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}
