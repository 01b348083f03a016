// Command install installs the Debian packages that are named and missing:
//
//	go run ./internal/debian/install postfix mariadb-server
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"postern/internal/debian"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: install PACKAGE…")
		os.Exit(2)
	}
	if err := debian.Install(ctx, os.Stderr, os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
