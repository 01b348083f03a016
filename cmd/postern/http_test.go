package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// getPage prints a page: get HOST:PORT/PATH.
func getPage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get HOST:PORT/PATH")
	}
	_, text, err := page(args[0])
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), text)
}

// awaitReady waits until a daemon's /readyz says yes: ready HOST:PORT.
func awaitReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready HOST:PORT")
	}
	await(ts, args[0]+"/readyz", func(status int, _ string) bool { return status == http.StatusOK })
}

// awaitText waits until a page matches: await HOST:PORT/PATH REGEXP.
func awaitText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await HOST:PORT/PATH REGEXP")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	await(ts, args[0], func(_ int, text string) bool { return pattern.MatchString(text) })
}

func await(ts *testscript.TestScript, url string, done func(status int, text string) bool) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if status, text, err := page(url); err == nil && done(status, text) {
			return
		}
	}
	ts.Fatalf("%s: waited in vain", url)
}

func page(url string) (status int, text string, err error) {
	resp, err := http.Get("http://" + url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
