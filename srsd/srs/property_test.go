package srs

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// combinations are rewriters of every separator, alphabet and some lengths.
func combinations(t *testing.T) []*Rewriter {
	var all []*Rewriter
	for _, separator := range []byte("=+-") {
		for _, alphabet := range []Alphabet{Base64URL, Base64} {
			for _, length := range []int{4, 5, 20, hashMax} {
				all = append(all, mustNew(t, Options{Separator: separator, Alphabet: alphabet, HashLength: length}))
			}
		}
	}
	return all
}

// randomSender is any octets around one "@" that are no SRS address, with no
// "=" in the domain.
func randomSender(random *rand.Rand) string {
	octets := func(n int, without string) string {
		b := make([]byte, random.IntN(n))
		for i := range b {
			for b[i] = byte(random.Uint32()); strings.IndexByte(without, b[i]) >= 0; {
				b[i]++
			}
		}
		return string(b)
	}
	return octets(100, "@") + "@" + octets(100, "@=")
}

func TestForwardAndBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := keysOf("first", "second")
	all := combinations(t)
	for range 5000 {
		sender := randomSender(random)
		then := time.Unix(random.Int64N(1<<34), 0)
		now := then.Add(time.Duration(random.Int64N(MaxAgeDays*secondsPerDay)) * time.Second)
		r := all[random.IntN(len(all))]
		once, err := r.Forward(keys, then, sender)
		if err != nil {
			t.Fatalf("%q: %v", sender, err)
		}
		twice, err := r.Forward(keys[1:], then, once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if twice[:4] != tag1 {
			t.Fatalf("%q is not SRS1", twice)
		}
		back, err := r.Reverse(keys, now, twice)
		if want := tag0 + once[4:]; back != want || err != nil {
			t.Fatalf("%q: got %q, %v, want %q", twice, back, err, want)
		}
		if back, err = r.Reverse(keys, now, back); back != sender || err != nil {
			t.Fatalf("%q: got %q, %v, want %q", once, back, err, sender)
		}
	}
}

// TestFlippedCharacter changes each octet of what is signed, and the hash, to
// every other value. Only what is said to be equal may verify. The hash is so
// long that chance plays no part.
func TestFlippedCharacter(t *testing.T) {
	keys := keysOf("tops3cr3t")
	r := mustNew(t, Options{HashLength: 20})
	for _, sender := range []string{"Test.1@Other-Domain.com", "SRS0+opaque=string@otherdomain.com"} {
		address, err := r.Forward(keys, newYear(), sender)
		if err != nil {
			t.Fatal(err)
		}
		local := address[:strings.IndexByte(address, '@')]
		for i := len(tag0) + 1; i < len(local); i++ {
			for c := range 256 {
				flipped := local[:i] + string([]byte{byte(c)}) + local[i+1:]
				inHash := i < len(tag0)+1+20
				_, err := r.Reverse(keys, newYear(), flipped)
				if equal := equalOctets(local[i], byte(c), inHash); (err == nil) != equal {
					t.Errorf("%q for %q: %v", flipped, local, err)
				}
			}
		}
	}
}

// TestFlippedShortHash does so with the hashes of four characters in use.
func TestFlippedShortHash(t *testing.T) {
	keys := keysOf("tops3cr3t")
	r := mustNew(t, Options{})
	const local = "SRS0=-3_5=2W=somedomain.com=hash234"
	for i := len(tag0) + 1; i < len(tag0)+1+4; i++ {
		for c := range 256 {
			flipped := local[:i] + string([]byte{byte(c)}) + local[i+1:]
			_, err := r.Reverse(keys, newYear(), flipped)
			if equal := equalOctets(local[i], byte(c), true); (err == nil) != equal {
				t.Errorf("%q: %v", flipped, err)
			}
		}
	}
}

// equalOctets says what is equal: ASCII letters in any case and, in hashes,
// the ends of the two alphabets.
func equalOctets(a, b byte, inHash bool) bool {
	fold := func(c byte) byte {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case inHash && c == '+':
			return '-'
		case inHash && c == '/':
			return '_'
		}
		return c
	}
	return fold(a) == fold(b)
}

func TestAnyCaseVerifies(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	keys := keysOf("tops3cr3t")
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+"
	name := func() string {
		b := make([]byte, 1+random.IntN(20))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	for _, r := range combinations(t) {
		for range 100 {
			sender := name() + "@" + name()
			once, err1 := r.Forward(keys, newYear(), sender)
			twice, err2 := r.Forward(keys, newYear(), once)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			for _, address := range []string{once, twice} {
				want, err := r.Reverse(keys, newYear(), address)
				if err != nil {
					t.Fatal(err)
				}
				for _, as := range []func(string) string{strings.ToLower, strings.ToUpper} {
					got, err := r.Reverse(keys, newYear(), as(address))
					if !strings.EqualFold(got, want) || err != nil {
						t.Fatalf("%s: got %s, %v, want %s in any case", as(address), got, err, want)
					}
				}
			}
		}
	}
}

// TestHashLengths gives each address every length of its hash.
func TestHashLengths(t *testing.T) {
	keys := keysOf("tops3cr3t")
	whole := mustNew(t, Options{HashLength: hashMax})
	full, err := whole.Forward(keys, newYear(), "test@otherdomain.com")
	if err != nil {
		t.Fatal(err)
	}
	hash, rest := full[5:5+hashMax], full[5+hashMax:]
	for length := 1; length <= hashMax; length++ {
		for least := 1; least <= length; least++ {
			r := mustNew(t, Options{HashLength: length, HashMinimum: least})
			if made, _ := r.Forward(keys, newYear(), "test@otherdomain.com"); made != "SRS0="+hash[:length]+rest {
				t.Fatalf("length %d: made %s", length, made)
			}
			for n := range hashMax + 1 {
				_, err := r.Reverse(keys, newYear(), "SRS0="+hash[:n]+rest)
				if (err == nil) != (n >= least) || err != nil && !errors.Is(err, ShortHash) {
					t.Fatalf("length %d, minimum %d, %d given: %v", length, least, n, err)
				}
				_, err = r.Reverse(keys, newYear(), "SRS0="+hash[:n]+"!"+rest)
				if n >= length && err != nil || n < length && n+1 >= least && !errors.Is(err, BadHash) {
					t.Fatalf("length %d, minimum %d, %d given and one wrong: %v", length, least, n, err)
				}
			}
		}
	}
}

// TestWhatIsNotSigned pins what the package's manual says an attacker can do:
// these verify with every implementation, as nothing divides the hashed fields.
func TestWhatIsNotSigned(t *testing.T) {
	keys := keysOf("tops3cr3t")
	r := mustNew(t, Options{HashLength: 20})
	for address, want := range map[string]string{
		"SRS0=vmyz7BwaV7BFsJiaZTJe=2W=otherdomain.com=test@example.com": "test@otherdomain.com",
		"SRS0=vmyz7BwaV7BFsJiaZTJe=2W=otherdomain.co=mtest@example.com": "mtest@otherdomain.co",
		"SRS1=vmyz7BwaV7BFsJiaZTJe=2Wotherdomain.com=test@example.com":  "SRS0test@2Wotherdomain.com",
	} {
		if got, err := r.Reverse(keys, newYear(), address); got != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", address, got, err, want)
		}
	}
}
