package srs

import (
	"errors"
	"strings"
	"testing"
)

// seed gives a fuzzer all addresses of the tables.
func seed(f *testing.F) {
	for _, file := range []string{"testdata/vectors.tsv", "testdata/odd.tsv"} {
		for _, v := range readVectors(f, file) {
			f.Add(v.given)
		}
	}
	for _, address := range []string{"", "SRS0", "SRS1", "SRS", "@", "SRS0=\x00=\x00", "SRS1=====@", "\xff\xfe@\xff"} {
		f.Add(address)
	}
}

// FuzzForward: what is made is an SRS address within the limit and leads back.
func FuzzForward(f *testing.F) {
	seed(f)
	keys := keysOf("tops3cr3t")
	strict, plain := mustNew(f, Options{Strict: true}), mustNew(f, Options{})
	f.Fuzz(func(t *testing.T, address string) {
		made, err := plain.Forward(keys, newYear(), address)
		checkMade(t, made, err)
		made, err = strict.Forward(keys, newYear(), address)
		checkMade(t, made, err)
		if err != nil {
			return
		}
		back, err := strict.Reverse(keys, newYear(), made)
		if err != nil {
			t.Fatalf("%q does not lead back: %v", made, err)
		}
		switch {
		case hasTag(made, tag0):
			if back != address {
				t.Fatalf("%q led back to %q", address, back)
			}
		case hasTag(address, tag0):
			if back != tag0+address[len(tag0):] {
				t.Fatalf("%q led back to %q", address, back)
			}
		case !hasTag(back, tag0):
			t.Fatalf("%q led back to %q", address, back)
		}
	})
}

func checkMade(t *testing.T, made string, err error) {
	t.Helper()
	if err != nil {
		if !errors.As(err, new(Error)) || made != "" {
			t.Fatalf("%q with the error %v", made, err)
		}
		return
	}
	if !IsSRS(made) || len(made) > defaultLength || !strings.HasSuffix(made, "@example.com") {
		t.Fatalf("made %q", made)
	}
}

// FuzzReverse: what verifies is the same address when it is forwarded again.
// Hashes have one character, so that a fuzzer gets past them.
func FuzzReverse(f *testing.F) {
	seed(f)
	keys := keysOf("tops3cr3t")
	r := mustNew(f, Options{HashLength: 1, HashMinimum: 1, Strict: true})
	f.Fuzz(func(t *testing.T, address string) {
		back, err := r.Reverse(keys, newYear(), address)
		if (err == nil) == errors.As(err, new(Error)) || (err == nil) == (back == "") {
			t.Fatalf("got %q with the error %v", back, err)
		}
		if err != nil || hasTag(address, tag1) || IsSRS(back) {
			return
		}
		again, err := r.Forward(keys, newYear(), back)
		if errors.Is(err, NotEmbeddable) || errors.Is(err, TooLong) {
			return
		}
		if err != nil {
			t.Fatalf("%q is not forwarded again: %v", back, err)
		}
		if home, err := r.Reverse(keys, newYear(), again); home != back || err != nil {
			t.Fatalf("%q: then %q, now %q, %v", address, back, home, err)
		}
	})
}
