package counter

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// paidFor is how long a payment is remembered at least; see the package
// comment.
const paidFor = time.Hour

// payID names what was paid: a hash of rule, key, message and perhaps unit, so
// that a payment has one size, and no address.
type payID [16]byte

// payments remembers what messages paid, in two generations: what is used
// moves into the young one, and the old one is dropped as a whole. So a payment
// lives for one to two spans after its last use, and none is ever searched for.
type payments struct {
	max        int // of one generation
	young, old map[payID]int64
	since      int64 // when the young one began
	forgotten  func()
}

func newPayments(maximum int, forgotten func()) *payments {
	return &payments{max: maximum, young: map[payID]int64{}, forgotten: forgotten}
}

func (p *payments) get(id payID) int64 {
	if paid, ok := p.young[id]; ok {
		return paid
	}
	return p.old[id]
}

// set remembers, from now on.
func (p *payments) set(id payID, paid, now int64) {
	if len(p.young) >= p.max {
		if _, ok := p.young[id]; !ok {
			p.begin(p.young, now)
			p.forgotten()
		}
	}
	p.young[id] = paid
}

// age drops what is too old. Every call does it first.
func (p *payments) age(now int64) {
	switch age := now - p.since; {
	case age >= 2*int64(paidFor):
		p.begin(nil, now)
	case age >= int64(paidFor):
		p.begin(p.young, now)
	}
}

// begin begins a new generation.
func (p *payments) begin(old map[payID]int64, now int64) {
	p.old, p.young, p.since = old, map[payID]int64{}, now
}

func (p *payments) clear() {
	p.begin(nil, 0)
}

// appendPart appends a string so that no other list of strings looks the same.
func appendPart(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func hashed(parts []byte) payID {
	sum := sha256.Sum256(parts)
	return payID(sum[:])
}
