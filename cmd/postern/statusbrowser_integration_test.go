//go:build integration

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	dialogs "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var updateScreenshot = flag.Bool("update", false, "write docs/status.png anew")

// tab is a headless Chromium that takes down what it asks for and complains of.
type tab struct {
	ctx context.Context

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// openTab fails where there is no Chromium.
func openTab(t *testing.T) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.WindowSize(1100, 900))
	ctx, closeBrowser := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(closeBrowser)
	b := &tab{}
	var closeTab context.CancelFunc
	b.ctx, closeTab = chromedp.NewContext(ctx, chromedp.WithListener(b.hear))
	t.Cleanup(closeTab)
	if err := chromedp.Do(b.ctx); err != nil { // it lives as long as this context
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, browserlog.Enable, cdp.Empty{})
	return b
}

// call sends a command of the protocol.
func call[P, R any](t *testing.T, b *tab, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *browserlog.EventEntryAdded:
		b.complaints = append(b.complaints, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console "+e.Type.String())
	case *dialogs.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "dialog "+e.Message)
	}
}

func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// await waits until an expression is true in the page, which may be another
// one meanwhile.
func (b *tab) await(t *testing.T, expression string) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var so bool
		if so, err = b.holds(expression); err == nil && so {
			return
		}
	}
	t.Fatalf("it does not become true that %s (%v)", expression, err)
}

// holds asks once; of a page that goes away meanwhile there may be no answer.
func (b *tab) holds(expression string) (bool, error) {
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
}

// evaluate is what an expression comes to in the page.
func evaluate[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// took returns what was asked for and complained of since the last call.
func (b *tab) took() (requests, complaints []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	requests, complaints = b.requests, b.complaints
	b.requests, b.complaints = nil, nil
	return requests, complaints
}

// quiet fails if the browser complained, or asked anybody else.
func (b *tab) quiet(t *testing.T, at string) {
	t.Helper()
	requests, complaints := b.took()
	for _, request := range requests {
		u, err := url.Parse(request)
		if err != nil || u.Host != at && u.Scheme != "data" {
			t.Errorf("a request for %s", request)
		}
	}
	if len(requests) == 0 {
		t.Error("no request was seen")
	}
	if len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

// TestStatusPageInABrowser is the page of a running daemon in Chromium, with a
// form and without.
func TestStatusPageInABrowser(t *testing.T) {
	s := startServed(t, true, "")
	minutes(t, s)
	b := openTab(t)
	home := "http://" + s.metrics
	t.Run("desktop", func(t *testing.T) { b.desktop(t, s) })
	t.Run("comes anew", func(t *testing.T) { b.comesAnew(t, s) })
	t.Run("dark", func(t *testing.T) { b.dark(t, s) })
	for _, path := range []string{"/", "/?ask"} {
		for _, width := range []int64{320, 360, 414, 768} {
			t.Run(fmt.Sprintf("%d pixels %s", width, path), func(t *testing.T) {
				b.do(t, chromedp.EmulateViewport(width, 740, chromedp.EmulateMobile), chromedp.Navigate(home+path))
				if got := evaluate[int64](t, b, `document.documentElement.scrollWidth`); got > width {
					t.Errorf("the page is %d pixels wide: %s", got, evaluate[string](t, b, widest))
				}
				b.quiet(t, s.metrics)
			})
		}
	}
	t.Run("form", func(t *testing.T) { b.form(t, s) })
	t.Run("another site", func(t *testing.T) { b.anotherSite(t, s) })
	t.Run("switched off", func(t *testing.T) { b.switchedOff(t) })
}

// minutes has traffic for as long as it takes to see lines in the charts, whose
// samples are five seconds apart: two of them, or, for the picture, more.
func minutes(t *testing.T, s *served) {
	t.Helper()
	rounds := []int{12, 12}
	if *updateScreenshot {
		rounds = []int{3, 4, 6, 9, 11, 10, 12, 14, 9, 7, 8, 6, 5, 7, 9, 13, 16, 15, 11, 9, 8, 10, 7, 6, 8, 9}
	}
	for _, n := range rounds {
		s.traffic(t, n)
		time.Sleep(5 * time.Second)
	}
}

// widest names what sticks out.
const widest = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.tagName + "." + e.className).join(" ")`

func (b *tab) desktop(t *testing.T, s *served) {
	for end := time.Now().Add(patience); ; s.traffic(t, 12) { // until the samples are there
		b.do(t, chromedp.EmulateViewport(1100, 1000), chromedp.Navigate("http://"+s.metrics+"/?paused"))
		lines := evaluate[int](t, b, `document.querySelectorAll("svg[role=img][aria-label] polyline").length`)
		if lines >= 4 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d lines in charts", lines)
		}
	}
	if got := evaluate[string](t, b, `document.querySelector("h1").innerText`); !strings.HasPrefix(got, "postern") {
		t.Errorf("heading %q", got)
	}
	if got := evaluate[string](t, b, `getComputedStyle(document.querySelector("section")).borderRadius`); got != "8px" {
		t.Errorf("the style is not in force: %s", got)
	}
	if got := evaluate[string](t, b, `document.documentElement.lang`); got != "en" {
		t.Errorf("lang %q", got)
	}
	if got := evaluate[int](t, b, `[...document.querySelectorAll("th")].filter(e => !e.scope).length`); got != 0 {
		t.Errorf("%d headers of tables without a scope", got)
	}
	if text := evaluate[string](t, b, `document.documentElement.outerHTML`); strings.Contains(text, ".secret") || strings.Contains(text, "<script") || strings.Contains(text, "<img") {
		t.Errorf("an address in full, or markup of a stranger: %s", text)
	}
	b.quiet(t, s.metrics)
	if *updateScreenshot {
		b.do(t, chromedp.EmulateViewport(1100, 880))
		shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		writeScreenshot(t, "../../docs/status.png", shot)
	}
}

// writeScreenshot compresses it well: it is committed.
func writeScreenshot(t *testing.T, file string, shot []byte) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, picture); err != nil {
		t.Fatal(err)
	}
	if small.Len() > 200<<10 {
		t.Fatalf("the picture has %d bytes: too many to be committed", small.Len())
	}
	if err := os.WriteFile(file, small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// comesAnew waits for the page to be fetched a second time by itself.
func (b *tab) comesAnew(t *testing.T, s *served) {
	b.do(t, chromedp.Navigate("http://"+s.metrics+"/"))
	const now = `document.querySelector("header time").dateTime`
	first := evaluate[string](t, b, now)
	b.await(t, now+` !== "`+first+`"`)
	b.quiet(t, s.metrics)
}

func (b *tab) dark(t *testing.T, s *served) {
	const background = `getComputedStyle(document.body).backgroundColor`
	colors := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		b.do(t, chromedp.Navigate("http://"+s.metrics+"/?paused"))
		colors[scheme] = evaluate[string](t, b, background)
	}
	if colors["light"] != "rgb(246, 247, 248)" || colors["dark"] != "rgb(20, 23, 26)" {
		t.Errorf("backgrounds %v", colors)
	}
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	b.quiet(t, s.metrics)
}

func (b *tab) form(t *testing.T, s *served) {
	const answer = `document.querySelector(".result pre").innerText`
	b.do(t, chromedp.EmulateViewport(1100, 1000), chromedp.Navigate("http://"+s.metrics+"/"), chromedp.Click(chromedp.CSS(`a[href="/?ask"]`)))
	b.await(t, `document.querySelector("#key") !== null`)
	b.do(t, chromedp.SetValue(chromedp.CSS("#map"), "virtual"), chromedp.SendKeys(chromedp.CSS("#key"), "info@example.org"), chromedp.Submit(chromedp.CSS("#key")))
	b.await(t, `document.querySelector(".result") !== null`)
	if got := evaluate[string](t, b, answer); !strings.Contains(got, `= "boss@example.net"`) || !strings.Contains(got, "alias") {
		t.Errorf("the lookup came to %s", got)
	}
	b.do(t, chromedp.SetValue(chromedp.CSS("#request"), "policy_context=rcpt\nprotocol_state=RCPT\nsender=a@banned.test\nrecipient=info@example.org\nclient_address=192.0.2.1"),
		chromedp.Submit(chromedp.CSS("#request")))
	b.await(t, `document.querySelector(".result h3").innerText.includes("policy request")`)
	if got := evaluate[string](t, b, answer); !strings.Contains(got, "554 5.7.1") || !strings.Contains(got, "by check bans") {
		t.Errorf("the policy came to %s", got)
	}
	if evaluate[bool](t, b, `document.querySelector("meta[http-equiv=refresh]") !== null`) {
		t.Error("the page comes anew while the form is in use")
	}
	b.quiet(t, s.metrics)
}

// anotherSite has a page of another origin, and one of the same host on another
// port, send the form.
func (b *tab) anotherSite(t *testing.T, s *served) {
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<link rel="icon" href="data:,"><form method="post" action="http://%s/"><input name="kind" value="lookup"><input name="map" value="virtual"><input name="key" value="info@example.org"></form>`, s.metrics)
	}))
	defer evil.Close()
	for _, at := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		b.do(t, chromedp.Navigate(at), chromedp.Submit(chromedp.CSS("form")))
		b.await(t, `location.host === "`+s.metrics+`" && document.readyState === "complete"`)
		if got := evaluate[string](t, b, `document.body.innerText`); !strings.Contains(got, "sent by another site") || strings.Contains(got, "boss@") {
			t.Errorf("from %s: %s", at, got)
		}
	}
	b.took() // a refusal is a complaint
}

func (b *tab) switchedOff(t *testing.T) {
	s := startServed(t, false, "")
	for _, path := range []string{"/", "/?ask"} {
		b.do(t, chromedp.Navigate("http://"+s.metrics+path))
		if evaluate[int](t, b, `document.querySelectorAll("form, input, a[href*=ask]").length`) != 0 {
			t.Errorf("%s has a form", path)
		}
		b.quiet(t, s.metrics)
	}
	request, err := http.NewRequest("POST", "http://"+s.metrics+"/", strings.NewReader("kind=lookup&map=virtual&key=info@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if code, _, text := fetchPage(t, http.DefaultClient, request); code != http.StatusForbidden || !strings.Contains(text, "metrics.ask") {
		t.Errorf("POST: %d %s", code, text)
	}
}
