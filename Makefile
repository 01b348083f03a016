# postern: everything a maintainer types.
#
#   make build     bin/postern, one static binary
#   make demo      a forwarding stack from nothing, until Ctrl-C (DEMO_ARGS=--once: one mail, then exit)
#   make unit      the tests that need no installed server
#   make test      all tests; installs the Debian packages they need (root)
#   make e2e-trixie  the shipped configuration with all daemons, and the package, inside Debian 13 (root)
#   make bench     the benchmarks, as ratios against the stock stack (root)
#   make check     gofmt, go vet, staticcheck, go.mod
#   make configure CONFIGURE_ARGS='--hostname … --srs-domain … --operator … --database-password-file F --out DIR'
#   make install   DESTDIR= PREFIX=/usr/local: program, units, pages of the manual, completions, docs; no configuration
#   make deb       bin/postern_VERSION_ARCH.deb; ARCH=arm64 is built on any machine. The same commit makes the same bytes
#   make image     a container image with docker

PREFIX   ?= /usr/local
GO       ?= go
FUZZTIME ?= 5s
# Servers compete for the machine, and so would more packages at a time.
PARALLEL ?= 2

ifndef VERSION
VERSION := $(shell deploy/version || echo unknown)
endif
COMMIT  := $(shell git rev-parse HEAD 2>/dev/null | cut -c1-12 | grep . || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

# The package: for which machine, by whom, and of which time, that of the commit.
ARCH       ?= $(shell $(GO) env GOARCH)
MAINTAINER ?= Postern Maintainers <postern@example.org>
STAGE       = bin/package/$(ARCH)
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null)
endif
export ARCH MAINTAINER STAGE VERSION SOURCE_DATE_EPOCH

# The mail programs are the ones that postern is wired to.
# gcc and libc6-dev are for the race detector, libsasl2-modules for an smtpd(8)
# that offers AUTH (Postfix only recommends it). The servers are started in
# scratch folders; the machine's own services stay as they are.
TEST_PACKAGES := gcc libc6-dev mariadb-server mariadb-client postfix postfix-mysql systemd libsasl2-modules debootstrap \
                 redis-server postsrsd curl dovecot-core dovecot-mysql opendkim opendkim-tools swaks libnet-ssleay-perl iproute2 \
                 chromium prometheus mandoc lintian w3m zsh fish

.PHONY: build demo unit test race fuzz integration e2e-trixie bench check install deb clean

build:
	$(BUILD) -o bin/postern ./cmd/postern

demo: build
	bin/postern demo $(DEMO_ARGS)

unit:
	$(GO) test ./...

test: packages race fuzz integration e2e-trixie

.PHONY: packages
packages:
	$(GO) run ./internal/debian/install $(TEST_PACKAGES)

race:
	CGO_ENABLED=1 $(GO) test -race -timeout 60m ./...

fuzz:
	.ci/fuzz $(FUZZTIME)

integration:
	CGO_ENABLED=1 $(GO) test -race -tags integration -count=1 -p $(PARALLEL) -timeout 60m ./...

# The first run makes the Debian 13 with debootstrap, from Debian's mirror.
e2e-trixie:
	POSTERN_DEBIAN=trixie CGO_ENABLED=1 $(GO) test -race -tags integration -count=1 -p $(PARALLEL) -timeout 60m ./internal/stack ./internal/packagetest/...

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

# Pages of the manual, completions and the example of the configuration.
.PHONY: pages
pages: build
	rm -rf bin/man bin/completions bin/etc
	bin/postern manual bin
	CGO_ENABLED=0 $(GO) run -trimpath -buildvcs=false ./internal/manual/write bin

install: pages
	deploy/install bin/postern '$(DESTDIR)' '$(PREFIX)'

deb: pages
	rm -rf $(STAGE)
	mkdir -p $(STAGE)
	deploy/modules >$(STAGE)/modules
	GOOS=linux GOARCH=$(ARCH) $(BUILD) -o $(STAGE)/postern ./cmd/postern
	deploy/install $(STAGE)/postern $(STAGE)/root /usr
	deploy/debian/documents $(STAGE)/root $(STAGE)/modules
	$(GO) tool -modfile=tools/go.mod nfpm package --packager deb --config deploy/nfpm.yaml --target bin/postern_$(VERSION)_$(ARCH).deb

.PHONY: image
image:
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) -t postern:$(VERSION) .

clean:
	rm -rf bin
