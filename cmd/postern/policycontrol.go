package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"postern/policyd"
)

// errNoPolicy is what a daemon without a policyd block says.
var errNoPolicy = errors.New("this daemon runs no policy: it has no policyd block")

// routePolicy adds what the control socket of a policy daemon answers:
//
//	POST /policy?request=TEXT             what would be answered, and why
//	GET  /policy/record                   live requests with their answers, until the client leaves
//	GET  /policy/greylist                 the rows of the greylist
//	POST /policy/greylist?client=&sender=&recipient=   lets a sender pass now
func (s *service) routePolicy(mux *http.ServeMux) {
	mux.HandleFunc("POST /policy", s.servePolicy)
	mux.HandleFunc("GET /policy/record", s.serveRecord)
	mux.HandleFunc("GET /policy/greylist", s.serveGreylist)
	mux.HandleFunc("POST /policy/greylist", s.serveRelease)
}

func (s *service) servePolicy(w http.ResponseWriter, r *http.Request) {
	p := s.current.Load().policy
	if p == nil {
		http.Error(w, errNoPolicy.Error(), http.StatusNotFound)
		return
	}
	q, err := policyd.Parse(r.FormValue("request"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p.explain(r.Context(), q)) // the peer is gone, then
}

// serveRecord streams records. What the client does not take in time is lost:
// it never holds up mail.
func (s *service) serveRecord(w http.ResponseWriter, r *http.Request) {
	if s.current.Load().policy == nil {
		http.Error(w, errNoPolicy.Error(), http.StatusNotFound)
		return
	}
	listening, stop := s.works.recorder.Listen()
	defer func() {
		if n := stop(); n > 0 {
			s.log.Warn("policy record: requests were left out, the reader was too slow", "requests", n)
		}
	}()
	flush := http.NewResponseController(w)
	_ = flush.Flush() // the client knows that it is heard
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			writeRest(w, listening.C)
			return
		case record := <-listening.C:
			if _, err := fmt.Fprint(w, record); err != nil || flush.Flush() != nil {
				return
			}
		}
	}
}

// writeRest writes what has been answered and waits.
func writeRest(w io.Writer, records <-chan string) {
	for {
		select {
		case record := <-records:
			if _, err := fmt.Fprint(w, record); err != nil {
				return
			}
		default:
			return
		}
	}
}
