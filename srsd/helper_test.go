package srsd

import (
	"context"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/srsd/srs"
)

// domains are a set of local domains.
type domains []string

func (d domains) Contains(domain string) bool {
	for _, own := range d {
		if strings.HasPrefix(own, ".") && len(domain) > len(own) && strings.EqualFold(domain[len(domain)-len(own):], own) || strings.EqualFold(own, domain) {
			return true
		}
	}
	return false
}

// testAlias is the alias that PostSRSd 2.x gives a sender.
func testAlias(address string) string {
	sum := sha1.Sum([]byte(address))
	return base32.HexEncoding.EncodeToString(sum[:])
}

// memory is a store that can fail.
type memory struct {
	mu   sync.Mutex
	rows map[string]string
	down error
}

func newMemory() *memory { return &memory{rows: map[string]string{}} }

func (m *memory) Put(_ context.Context, alias, address string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.rows[alias] = address
	}
	return m.down
}

func (m *memory) Get(_ context.Context, alias string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	address, found := m.rows[strings.ToUpper(alias)]
	return address, found, m.down
}

var errDown = errors.New("store: down")

// noon is a day in the life of the tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// native is an engine with the options of the native face.
func native(t *testing.T, change func(*Engine)) *Engine {
	t.Helper()
	rewriter, err := srs.New(srs.Options{Domain: "srs.example.org", Early: 1, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{
		Rewriter: rewriter, Ring: NewRing([]Secret{{Text: []byte("tops3cr3t")}}), Domain: "srs.example.org",
		Now: func() time.Time { return noon }, Alias: testAlias, OwnDomain: true,
	}
	if change != nil {
		change(e)
	}
	return e
}
