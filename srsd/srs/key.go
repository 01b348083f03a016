package srs

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"sync"
)

// Alphabet is how a hash is written. When addresses are read, the two are one.
type Alphabet int

const (
	// Base64URL ends in "-_" (RFC 4648, section 5), as PostSRSd writes it since 2.2.6.
	Base64URL Alphabet = iota
	// Base64 ends in "+/" (RFC 4648, section 4), as PostSRSd wrote it before.
	// Only these hashes verify there.
	Base64
)

func (a Alphabet) encoding() *base64.Encoding {
	if a == Base64 {
		return base64.RawStdEncoding
	}
	return base64.RawURLEncoding
}

// hashMax is the length of an HMAC-SHA1 in base64 without padding.
const hashMax = 27

// Key is one secret, made ready to hash with. It is safe for concurrent use.
type Key struct {
	empty bool
	pool  sync.Pool // of *digester
}

// NewKey makes a Key of the octets of secret, which is copied. In PostSRSd's
// secret file that is one line without its end; blanks count. A key of an
// empty secret, which everybody knows, signs nothing and verifies nothing.
func NewKey(secret []byte) *Key {
	own := append([]byte(nil), secret...)
	k := &Key{empty: len(own) == 0}
	k.pool.New = func() any { return &digester{mac: hmac.New(sha1.New, own)} }
	return k
}

// Keys are the secrets in use. The first one signs, all of them verify.
type Keys []*Key

// signing is the key that signs, or nil.
func (keys Keys) signing() *Key {
	if len(keys) == 0 || keys[0].empty {
		return nil
	}
	return keys[0]
}

// verify returns nil if given, of at most hashMax octets, is how the hash of
// fields by one of the keys begins, in either alphabet and any case; BadHash if
// it is not, and NoSecrets if there is no key to tell by.
func (keys Keys) verify(given string, fields ...string) error {
	var got, want [hashMax]byte
	for i := range len(given) {
		got[i] = foldHash(given[i])
	}
	usable := false
	for _, k := range keys {
		if k.empty {
			continue
		}
		usable = true
		k.sign(&want, Base64URL, fields...)
		// As foldHash does for what is in this alphabet, but with no
		// branch that depends on the secret.
		for i := range want {
			want[i] |= caseBit
		}
		if subtle.ConstantTimeCompare(got[:len(given)], want[:len(given)]) == 1 {
			return nil
		}
	}
	if !usable {
		return NoSecrets
	}
	return BadHash
}

const caseBit = 'a' - 'A'

// foldHash makes one of all that a character of a hash may be written as: its
// two cases and, for the last two of the alphabet, their twins. What is in
// neither alphabet becomes 0, which no hash has.
func foldHash(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c | caseBit
	case c == '-', c == '+':
		return '-' | caseBit
	case c == '_', c == '/':
		return '_' | caseBit
	}
	return 0
}

// sign writes the whole hash of fields to b.
func (k *Key) sign(b *[hashMax]byte, a Alphabet, fields ...string) {
	d := k.pool.Get().(*digester)
	a.encoding().Encode(b[:], d.sum(fields))
	k.pool.Put(d)
}

// digester is an HMAC with the space for what goes in and what comes out.
type digester struct {
	mac    hash.Hash
	text   []byte
	digest [sha1.Size]byte
}

// sum is the HMAC of the fields in lower case, one behind the other. Only
// ASCII letters have a case here.
func (d *digester) sum(fields []string) []byte {
	d.text = d.text[:0]
	for _, field := range fields {
		d.text = append(d.text, field...)
	}
	for i, c := range d.text {
		if 'A' <= c && c <= 'Z' {
			d.text[i] = c | caseBit
		}
	}
	d.mac.Reset()
	d.mac.Write(d.text)
	return d.mac.Sum(d.digest[:0])
}
