package statuspage

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	askTime  = 10 * time.Second // for an answer
	askBody  = 64 << 10         // of a form, in bytes
	askAtOne = 2                // questions answered at a time
)

// Ask is who answers the form. All fields must be set; [NewAsk] makes one.
type Ask struct {
	On     func() bool     // by the configuration in force
	Maps   func() []string // names that can be asked
	Lookup func(ctx context.Context, name, key string) (string, error)
	Policy func(ctx context.Context, request string) (string, error)

	turns chan struct{}
}

// NewAsk is a, ready to be asked.
func NewAsk(a Ask) *Ask {
	a.turns = make(chan struct{}, askAtOne)
	return &a
}

func (a *Ask) on() bool { return a != nil && a.On() }

// question is what the form holds.
type question struct{ Kind, Map, Key, Request string }

// result is what is shown of an answer.
type result struct {
	About  string
	Text   string
	Failed bool
}

var errBusy = errors.New("two questions are being answered already: try again in a moment")

// answer takes a form.
func (p Page) answer(w http.ResponseWriter, r *http.Request) {
	if !p.Ask.on() {
		say(w, http.StatusForbidden, "the form is switched off: metrics.ask in the configuration switches it on")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, askBody)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			say(w, http.StatusRequestEntityTooLarge, "the form is larger than 64 KiB")
			return
		}
		say(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	asked := question{
		Kind: r.PostForm.Get("kind"), Map: r.PostForm.Get("map"),
		Key: strings.TrimSpace(r.PostForm.Get("key")), Request: r.PostForm.Get("request"),
	}
	text, err := p.Ask.ask(r.Context(), asked)
	shown, status := &result{About: asked.about(), Text: text}, http.StatusOK
	if err != nil {
		shown.Text, shown.Failed = err.Error(), true
	}
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	}
	p.write(w, status, request{result: shown, asked: asked})
}

// ask waits for nobody: who floods the form gets no more than two answers at a
// time.
func (a *Ask) ask(ctx context.Context, q question) (string, error) {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	default:
		return "", errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch q.Kind {
	case "lookup":
		if q.Key == "" {
			return "", errors.New("a key is missing: write what Postfix would look up, such as user@example.org")
		}
		return a.Lookup(ctx, q.Map, q.Key)
	case "policy":
		return a.Policy(ctx, strings.ReplaceAll(q.Request, "\r\n", "\n"))
	}
	return "", errors.New("a form of another page")
}

func (q question) about() string {
	if q.Kind == "policy" {
		return "policy request"
	}
	return q.Map + " " + q.Key
}
