package srs

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// hashOf is the hash by its definition.
func hashOf(secret, message string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))[:hashMax]
}

func TestHash(t *testing.T) {
	r := mustNew(t, Options{Alphabet: Base64, HashLength: hashMax})
	secrets := []string{"a", "tops3cr3t", "\x00\xff\r\n", " ", strings.Repeat("k", 63), strings.Repeat("k", 64), strings.Repeat("k", 65), strings.Repeat("long ", 300)}
	for _, secret := range secrets {
		got, err := r.Forward(keysOf(secret), newYear(), "U\xc4\xe4[@Z`{.COM")
		want := "SRS0=" + hashOf(secret, "2wz`{.comu\xc4\xe4[") + "=2W=Z`{.COM=U\xc4\xe4[@example.com"
		if got != want || err != nil {
			t.Errorf("secret %.70q: got %q, %v, want %q", secret, got, err, want)
		}
		got, err = r.Forward(keysOf(secret), newYear(), "srs0+U@Z.COM")
		want = "SRS1=" + hashOf(secret, "z.com+u") + "=Z.COM=+U@example.com"
		if got != want || err != nil {
			t.Errorf("secret %.70q: got %q, %v, want %q", secret, got, err, want)
		}
	}
}

func TestNewKeyCopies(t *testing.T) {
	secret := []byte("tops3cr3t")
	keys := Keys{NewKey(secret)}
	clear(secret)
	got, err := mustNew(t, Options{}).Forward(keys, newYear(), "test@otherdomain.com")
	if !strings.HasPrefix(got, "SRS0=vmyz=") || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	keys := keysOf("tops3cr3t")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, keys[0]); strings.Contains(got, "tops3cr3t") || strings.Contains(got, "746f7073") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestKeys(t *testing.T) {
	r := mustNew(t, Options{})
	signed := func(secret string) string {
		address, err := r.Forward(keysOf(secret), newYear(), "test@otherdomain.com")
		if err != nil {
			t.Fatal(err)
		}
		return address
	}
	empty := signedWithNothing(t)
	cases := []struct {
		name    string
		keys    Keys
		address string
		want    error
	}{
		{"only", keysOf("a"), signed("a"), nil},
		{"first", keysOf("a", "b", "c"), signed("a"), nil},
		{"middle", keysOf("a", "b", "c"), signed("b"), nil},
		{"last", keysOf("a", "b", "c"), signed("c"), nil},
		{"other", keysOf("a", "b", "c"), signed("d"), BadHash},
		{"case counts", keysOf("a"), signed("A"), BadHash},
		{"blanks count", keysOf("a"), signed("a "), BadHash},
		{"none", nil, signed("a"), NoSecrets},
		{"none, syntax first", nil, "SRS0=a=2W=host", NoUser0},
		{"none, age first", nil, "SRS0=aaaa=AA=host=user", OutOfDate},
		{"empty", keysOf(""), empty, NoSecrets},
		{"empty and another", keysOf("", "a"), empty, BadHash},
		{"beside an empty one", keysOf("", "a"), signed("a"), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := r.Reverse(c.keys, newYear(), c.address); !errors.Is(err, c.want) {
				t.Errorf("%s: got %s, %v, want %v", c.address, got, err, c.want)
			}
		})
	}
}

// signedWithNothing is what anybody can make.
func signedWithNothing(t *testing.T) string {
	t.Helper()
	return "SRS0=" + hashOf("", "2wotherdomain.comtest")[:4] + "=2W=otherdomain.com=test@example.com"
}

func TestFirstKeySigns(t *testing.T) {
	r := mustNew(t, Options{})
	for _, address := range []string{"test@otherdomain.com", "SRS0=a@b.com", "SRS1=a=b==c@d.com"} {
		ab, err1 := r.Forward(keysOf("a", "b"), newYear(), address)
		a, err2 := r.Forward(keysOf("a"), newYear(), address)
		b, err3 := r.Forward(keysOf("b"), newYear(), address)
		if ab != a || ab == b || errors.Join(err1, err2, err3) != nil {
			t.Errorf("%s: of a and b %s, of a %s, of b %s", address, ab, a, b)
		}
		for _, none := range []Keys{nil, {}, keysOf(""), keysOf("", "a")} {
			if got, err := r.Forward(none, newYear(), address); !errors.Is(err, NoSecrets) {
				t.Errorf("%s without a secret: got %s, %v", address, got, err)
			}
		}
	}
}

// TestFold compares every pair of a hash's character and an octet.
func TestFold(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	twin := map[byte]byte{'-': '+', '_': '/'}
	for _, h := range []byte(alphabet) {
		for c := range 256 {
			given := byte(c)
			same := given == twin[h] && given != 0 || strings.EqualFold(string(rune(given)), string(rune(h))) && given < 0x80
			if got := foldHash(given) == h|caseBit; got != same {
				t.Errorf("hash has %q, given is %q: equal is %v, want %v", h, given, got, same)
			}
		}
	}
}

// TestConcurrent has many use the same keys for different addresses.
func TestConcurrent(t *testing.T) {
	r := mustNew(t, Options{HashLength: 20})
	keys := keysOf("new", "tops3cr3t")
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 300 {
				sender := fmt.Sprintf("user%d@host%d.example", i, g)
				address, err := r.Forward(keys[g%2:], newYear(), sender)
				if err != nil {
					t.Error(err)
					return
				}
				if back, err := r.Reverse(keys, newYear(), address); back != sender || err != nil {
					t.Errorf("%s: got %s, %v, want %s", address, back, err, sender)
					return
				}
			}
		})
	}
	wait.Wait()
}
