package password

import (
	"strings"
	"testing"

	"github.com/go-crypt/crypt"
)

func TestHash(t *testing.T) {
	for scheme, want := range map[string]string{
		"ARGON2ID":     "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$",
		"BLF-CRYPT":    "{BLF-CRYPT}$2b$12$",
		"SHA512-CRYPT": "{SHA512-CRYPT}$6$rounds=500000$",
		"SHA256-CRYPT": "{SHA256-CRYPT}$5$rounds=500000$",
	} {
		t.Run(scheme, func(t *testing.T) {
			const secret = "correct hörse"
			hash, err := Hash(scheme, secret)
			if err != nil || !strings.HasPrefix(hash, want) || Of(hash) != scheme {
				t.Fatalf("%s (%s), %v", hash, Of(hash), err)
			}
			if len(hash) > 255 {
				t.Errorf("%d bytes: the column holds 255", len(hash))
			}
			if again, _ := Hash(scheme, secret); again == hash {
				t.Error("the same salt twice")
			}
			digest := hash[strings.IndexByte(hash, '}')+1:]
			for password, matches := range map[string]bool{secret: true, secret + " ": false, "": false} {
				if ok, err := crypt.CheckPassword(password, digest); ok != matches || err != nil {
					t.Errorf("%q: %v, %v", password, ok, err)
				}
			}
		})
	}
}

func TestHashRefuses(t *testing.T) {
	if _, err := Hash("MD5", "x"); err == nil || !strings.Contains(err.Error(), "ARGON2ID, BLF-CRYPT") {
		t.Error(err)
	}
	long := strings.Repeat("x", 73)
	if _, err := Hash("BLF-CRYPT", long); err == nil || !strings.Contains(err.Error(), "73 bytes") {
		t.Error(err)
	}
	if _, err := Hash("SHA256-CRYPT", long); err != nil {
		t.Error(err)
	}
}

func TestScheme(t *testing.T) {
	for name, want := range map[string]string{
		"argon2id": "ARGON2ID", "{BLF-CRYPT}": "BLF-CRYPT", "SHA512-CRYPT": "SHA512-CRYPT",
		"": "", "PLAIN": "", "MD5-CRYPT": "",
	} {
		if got, err := Scheme(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}

func TestOf(t *testing.T) {
	for stored, want := range map[string]string{
		"{SHA256-CRYPT}$5$x": "SHA256-CRYPT", "{plain}x": "PLAIN", "{SHA512.HEX}x": "SHA512.HEX",
		"$6$abc": "none", "": "none", "{}x": "none", "{a b}x": "none", "x{PLAIN}": "none", "{PLAIN": "none",
		"{" + strings.Repeat("x", 31) + "}": "none", "{\x1b[31m}x": "none",
	} {
		if got := Of(stored); got != want {
			t.Errorf("%q: %q, want %q", stored, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for password, want := range map[string]string{
		"correct horse":          "",
		"grüße!!!":               "",
		"":                       "is empty",
		"short":                  "has 5 characters: 8 at least",
		"äöüäöüä":                "has 7 characters",
		"line\nfeed1":            "control characters",
		"nul\x00nul1":            "control characters",
		"bytes\xff\xff123":       "not UTF-8",
		"Alice@Example.org":      "is the name of the login",
		strings.Repeat("x", 257): "has 257 bytes: 256 at most",
		strings.Repeat("x", 256): "",
	} {
		err := Check("alice@example.org", password)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want …%s…", password, err, want)
		}
		if err != nil && len(password) > 4 && strings.Contains(err.Error(), password) {
			t.Errorf("the password is part of %q", err)
		}
	}
	if err := Check("longlogin@example.org", "LongLogin"); err == nil {
		t.Error("the name alone is a password")
	}
}
