package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"postern/internal/store"
)

// TestMain lets the scripts run this very binary as postern.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": main})
}

// TestScripts plays the command lines of testdata/script.
func TestScripts(t *testing.T) { playScripts(t, "testdata/script") }

// playScripts plays the command lines of a folder with variables NAME=VALUE.
func playScripts(t *testing.T, dir string, variables ...string) {
	free := &ports{} // of all scripts: some run at the same time
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Values[processesKey{}] = &processes{}
			env.Vars = append(env.Vars, variables...)
			env.Setenv("LONG", strings.Repeat("x", 10_000))
			env.Setenv("K513", strings.Repeat("x", 513))
			env.Setenv("BINARY", "a\xff\x01b")
			return pickPorts(env, free)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sqlite":    runSQLite,
			"status":    wantStatus,
			"ready":     awaitReady,
			"await":     awaitText,
			"get":       getPage,
			"signal":    sendSignal,
			"until":     awaitOutput,
			"expand":    expandFile,
			"tcptable":  askTCPTable,
			"socketmap": askSocketmap,
			"send":      sendBytes,
			"ask":       askPolicy,
			"guard":     askGuard,
			"many":      runMany,
			"listing":   listFiles,
			"traffic":   writeTraffic,
			"workers":   looked((*processes).workers),
			"gone":      looked((*processes).gone),
			"keep":      looked((*processes).keep),
			"stop":      looked((*processes).stop),
			"manage":    looked((*processes).manage),
			"notified":  looked((*processes).notified),
		},
	})
}

// runSQLite makes an embedded store and runs SQL in it: sqlite FILE SQLFILE.
func runSQLite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE SQLFILE")
	}
	path := ts.MkAbs(args[0])
	ts.Check(store.InitSQLite(path))
	s, err := store.Open(store.Options{Driver: "sqlite", Path: path, MaxConnections: 1}, nil)
	ts.Check(err)
	defer s.Close()
	_, err = s.DB().ExecContext(context.Background(), ts.ReadFile(args[1]))
	ts.Check(err)
}

// wantStatus runs postern and compares its exit status: status N ARG...
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARG...")
	}
	got := 0
	if err := ts.Exec("postern", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("postern %v: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if want := args[0]; want != strconv.Itoa(got) {
		ts.Fatalf("postern %v: exit status %d, want %s", args[1:], got, want)
	}
}

// pickPorts names free ports in $METRICS, $SOCKETMAP, $FORWARD, $REVERSE,
// $MILTER, $POLICY and $OTHER, their numbers alone in $METRICS_PORT and so on,
// and in $METRICS_1 to _4 those behind, where daemons that run alone have
// their metrics.
func pickPorts(env *testscript.Env, free *ports) error {
	for _, name := range []string{"METRICS", "SOCKETMAP", "FORWARD", "REVERSE", "MILTER", "POLICY", "OTHER"} {
		port, err := free.next(4)
		if err != nil {
			return err
		}
		env.Setenv(name, loopback(port))
		env.Setenv(name+"_PORT", strconv.Itoa(port))
		for aside := 1; aside <= 4; aside++ {
			env.Setenv(fmt.Sprintf("%s_%d", name, aside), loopback(port+aside))
		}
	}
	return nil
}

// expandFile puts variables into files: expand FILE...
func expandFile(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// sendSignal sends a signal to what runs in the background: signal HUP.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal NAME")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(unix.SignalNum("SIG" + args[0])))
	}
}
