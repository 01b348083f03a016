package counter

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"sync"
	"time"
)

// namesPrefix has the hash tag by which a Cluster keeps all in one slot, and
// the version of the layout.
const namesPrefix = "{postern}1:"

// names are those of keys in Redis: no person can be read from them.
type names struct {
	macs sync.Pool // of hash.Hash
	by   string    // which secret
}

func newNames(secret []byte) *names {
	if len(secret) == 0 {
		secret = []byte("postern counters")
	}
	n := &names{}
	n.macs.New = func() any { return hmac.New(sha256.New, secret) }
	n.by = n.hash("postern counters of this secret")[:6]
	return n
}

func (n *names) hash(s string) string {
	mac := n.macs.Get().(hash.Hash)
	defer n.macs.Put(mac)
	mac.Reset()
	var room [64 + sha256.Size]byte
	mac.Write(append(room[:0], s...))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(room[:0])[:16])
}

// field names a rule and key in the hash of a message.
func (n *names) field(rule, key string) string { return rule + ":" + n.hash(key) }

func counterName(field string, per time.Duration) string {
	return namesPrefix + "c:" + field + ":" + strconv.FormatInt(microseconds(per), 10)
}

func (n *names) message(message string) string { return namesPrefix + "m:" + n.hash(message) }

func batchName(id string) string { return namesPrefix + "b:" + id }

const hostsName = namesPrefix + "hosts"
