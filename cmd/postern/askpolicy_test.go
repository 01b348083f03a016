package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/policyd"
)

// askPolicy sends a policy request and prints the action, or so many times with
// % in its values as their number: ask HOST:PORT [N] NAME=VALUE...
func askPolicy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ask HOST:PORT [N] NAME=VALUE...")
	}
	network, words, n := "tcp", args[1:], 1
	if strings.HasPrefix(args[0], "/") {
		network = "unix"
	}
	if many, err := strconv.Atoi(words[0]); err == nil {
		words, n = words[1:], many
	}
	client := policyd.NewClient(network, args[0], policyd.ClientOptions{Timeout: patience})
	defer client.Close()
	for i := range n {
		var attributes []policyd.Attribute
		for _, word := range words {
			name, value, _ := strings.Cut(word, "=")
			attributes = append(attributes, policyd.Attribute{Name: name, Value: strings.ReplaceAll(value, "%", strconv.Itoa(i+1))})
		}
		action, err := client.Ask(context.Background(), attributes)
		if err != nil {
			action = err.Error()
		}
		fmt.Fprintln(ts.Stdout(), action)
	}
}

// runMany runs a program so many times, whatever its status: many N PROGRAM ARG...
func runMany(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: many N PROGRAM ARG...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		_ = ts.Exec(args[1], args[2:]...)
	}
}

// listFiles prints every file below a folder with its mode, time and content's
// checksum: listing DIR.
func listFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listing DIR")
	}
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			content, err = os.ReadFile(path)
		}
		fmt.Fprintf(ts.Stdout(), "%s %v %v %x\n", path, info.Mode(), info.ModTime().UnixNano(), sha256.Sum256(content))
		return err
	}))
}

// writeTraffic writes records of N messages, one a second, each with a RCPT and
// a DATA request that were answered with DUNNO: traffic FILE N.
func writeTraffic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: traffic FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for i := range n {
		for _, state := range []string{"RCPT", "DATA"} {
			r := policyd.Record{At: at.Add(time.Duration(i) * time.Second), Answer: "DUNNO", Attributes: []policyd.Attribute{
				{Name: "request", Value: "smtpd_access_policy"}, {Name: "protocol_state", Value: state}, {Name: "policy_context", Value: strings.ToLower(state)},
				{Name: "client_address", Value: fmt.Sprintf("192.0.%d.%d", i/256%256, i%256)}, {Name: "sender", Value: fmt.Sprintf("a%d@x.test", i%5000)},
				{Name: "recipient", Value: "info@fwd.test"}, {Name: "recipient_count", Value: "1"}, {Name: "instance", Value: strconv.Itoa(i)},
			}}
			_, err := f.WriteString(r.String())
			ts.Check(err)
		}
	}
	ts.Check(f.Close())
}
