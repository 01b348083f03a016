package statuspage

import (
	"bytes"
	"cmp"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"postern/internal/status"
)

// Page answers GET and POST on the one path that it has. Snapshot must be set.
type Page struct {
	Snapshot func() status.Snapshot
	Ask      *Ask            // nil: no form
	Names    func() []string // host names that the listener is known by; nil: none

	template *template.Template
}

// Handler is the page as a handler.
func (p Page) Handler() http.Handler {
	p.template = parsed()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", p.show)
	mux.Handle("POST /", p.onlyOurs(http.HandlerFunc(p.answer)))
	return p.guarded(mux)
}

// guarded sets what holds for every answer, and turns away who came by a name
// that is not ours.
func (p Page) guarded(next http.Handler) http.Handler {
	allowed := policy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", allowed)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if (r.Method == http.MethodPost || onLoopback(r)) && !p.knows(r.Host) {
			say(w, http.StatusMisdirectedRequest, "this page is not known by that name: use its IP address, or localhost")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyOurs refuses a form that another site has the browser send.
func (p Page) onlyOurs(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusForbidden, "this form was sent by another site")
	}))
	return guard.Handler(next)
}

func (p Page) show(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.write(w, http.StatusOK, request{form: query.Has("ask"), paused: query.Has("paused")})
}

// request is what somebody wants to see.
type request struct {
	form   bool    // the form
	paused bool    // it shall not come anew
	result *result // an answer
	asked  question
}

// write makes the whole page before any of it is sent.
func (p Page) write(w http.ResponseWriter, status int, r request) {
	v := newView(p.Snapshot())
	v.Style, v.CanAsk = style(), p.Ask.on()
	v.Asking = v.CanAsk && (r.form || r.result != nil)
	v.Refresh = !v.Asking && !r.paused
	v.Result, v.Asked = r.result, r.asked
	if v.Asking {
		v.Maps = p.Ask.Maps()
		v.Asked.Map = cmp.Or(v.Asked.Map, "virtual")
	}
	var out bytes.Buffer
	if err := p.template.Execute(&out, v); err != nil {
		say(w, http.StatusInternalServerError, "status page: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // the peer is gone, then
}

// knows reports a Host that no stranger can have made up: rebinding needs a
// name in his DNS.
func (p Page) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	if p.Names == nil {
		return false
	}
	for _, known := range p.Names() {
		if known != "" && name == strings.ToLower(known) {
			return true
		}
	}
	return false
}

// onLoopback reports a request that came by an address of this host alone.
func onLoopback(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return true
	}
	at, err := netip.ParseAddrPort(local.String())
	return err != nil || at.Addr().Unmap().IsLoopback()
}

// say answers with one line.
func say(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, strings.Join(strings.Fields(line), " ")+"\n")
}
