# postern: everything a maintainer types.
#
#   make build     bin/postern, one static binary
#   make demo      a forwarding stack from nothing, until Ctrl-C (DEMO_ARGS=--once: one mail, then exit)
#   make unit      the tests that need no installed server
#   make test      all tests; installs the Debian packages they need (root)
#   make e2e-trixie  the shipped configuration with all daemons, inside Debian 13 (root)
#   make bench     the benchmarks, as ratios against the stock stack (root)
#   make check     gofmt, go vet, staticcheck, go.mod
#   make configure CONFIGURE_ARGS='--hostname … --srs-domain … --operator … --database-password-file F --out DIR'
#   make install   DESTDIR= PREFIX=/usr/local
#   make deb       a Debian package

PREFIX   ?= /usr/local
GO       ?= go
FUZZTIME ?= 5s
# Servers compete for the machine, and so would more packages at a time.
PARALLEL ?= 2

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# The mail programs are the ones that postern is wired to.
# gcc and libc6-dev are for the race detector, libsasl2-modules for an smtpd(8)
# that offers AUTH (Postfix only recommends it). The servers are started in
# scratch folders; the machine's own services stay as they are.
TEST_PACKAGES := gcc libc6-dev mariadb-server mariadb-client postfix postfix-mysql systemd libsasl2-modules debootstrap \
                 redis-server postsrsd curl dovecot-core dovecot-mysql opendkim opendkim-tools swaks libnet-ssleay-perl iproute2 \
                 chromium prometheus mandoc lintian w3m

.PHONY: build demo unit test race fuzz integration e2e-trixie bench check install deb clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/postern ./cmd/postern

demo: build
	bin/postern demo $(DEMO_ARGS)

unit:
	$(GO) test ./...

test: packages race fuzz integration e2e-trixie

.PHONY: packages
packages:
	$(GO) run ./internal/debian/install $(TEST_PACKAGES)

race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...

fuzz:
	.ci/fuzz $(FUZZTIME)

integration:
	CGO_ENABLED=1 $(GO) test -race -tags integration -count=1 -p $(PARALLEL) -timeout 30m ./...

# The first run makes the Debian 13 with debootstrap, from Debian's mirror.
e2e-trixie:
	POSTERN_DEBIAN=trixie CGO_ENABLED=1 $(GO) test -race -tags integration -count=1 -timeout 30m ./internal/stack

bench: packages
	$(GO) run ./internal/bench $(BENCH_ARGS)

check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w is due for:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags integration ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -tags integration ./...
	.ci/go-mod

# The configuration of Postfix, Dovecot, OpenDKIM and postern for one site.
.PHONY: configure
configure:
	@$(GO) run ./internal/site/configure $(CONFIGURE_ARGS)

install: build
	install -D -m 0755 bin/postern $(DESTDIR)$(PREFIX)/bin/postern
	install -D -m 0644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/postern/LICENSE

deb:
	@echo "make deb: there is no Debian package yet; make install DESTDIR=… PREFIX=/usr does the same without one" >&2; exit 1

clean:
	rm -rf bin
