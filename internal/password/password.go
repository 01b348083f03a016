// Package password makes password hashes that Dovecot verifies, with the
// scheme in front: {ARGON2ID}$argon2id$….
//
// # Schemes
//
// Offered is what Dovecot 2.3 and 2.4 verify as Debian builds them, with no
// setting of their own, strongest first:
//
//	ARGON2ID      64 MiB, 3 passes, 1 lane: what doveadm pw -s ARGON2ID makes, and
//	              a quarter of the memory that a Dovecot process may have
//	BLF-CRYPT     bcrypt, cost 12; it reads 72 bytes of a password
//	SHA512-CRYPT  500,000 rounds, for what else reads the table by crypt(3)
//	SHA256-CRYPT  500,000 rounds, the same
//
// A hash without a scheme in front is read differently by different versions
// of Dovecot, so none is ever written. Older hashes in the table stay valid;
// Of tells what they are.
//
// # Passwords
//
// Check holds a new password to what can be typed, sent and hashed: 8
// characters at least (NIST SP 800-63B, 3.1.1.2), 256 bytes at most so that SASL
// PLAIN fits a line of SMTP, no control characters, and not the login itself.
// There is no rule about digits or capitals: they make worse passwords.
//
// # Limits
//
// Unicode is hashed as it was typed, without normalization, as Dovecot compares
// it.
package password

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// Default is the scheme of a new hash.
const Default = "ARGON2ID"

// What a password may measure.
const (
	minCharacters  = 8
	maxBytes       = 256
	maxBcryptBytes = 72
)

// Schemes are the schemes that Hash knows, strongest first.
func Schemes() []string { return []string{Default, "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT"} }

// Scheme returns the scheme of a name in any case, with braces or without.
func Scheme(name string) (string, error) {
	scheme := strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}"))
	if !slices.Contains(Schemes(), scheme) {
		return "", fmt.Errorf("scheme %.50q: write %s", name, strings.Join(Schemes(), ", "))
	}
	return scheme, nil
}

// Check says what is wrong with a new password of a login, and what would be
// right. The error does not hold the password.
func Check(login, password string) error {
	local, _, _ := strings.Cut(login, "@")
	switch {
	case password == "":
		return errors.New("password: is empty")
	case !utf8.ValidString(password):
		return errors.New("password: is not UTF-8")
	case strings.ContainsFunc(password, unicode.IsControl):
		return errors.New("password: has control characters, which many programs cannot send: write one line of text")
	case utf8.RuneCountInString(password) < minCharacters:
		return fmt.Errorf("password: has %d characters: %d at least", utf8.RuneCountInString(password), minCharacters)
	case len(password) > maxBytes:
		return fmt.Errorf("password: has %d bytes: %d at most", len(password), maxBytes)
	case strings.EqualFold(password, login) || strings.EqualFold(password, local):
		return errors.New("password: is the name of the login: choose another")
	}
	return nil
}

// Hash returns the hash of a password with the scheme in front, as Dovecot
// reads it from a table. The scheme is one of Schemes.
func Hash(scheme, password string) (string, error) {
	if scheme == "BLF-CRYPT" && len(password) > maxBcryptBytes {
		return "", fmt.Errorf("password: has %d bytes: BLF-CRYPT reads %d and passes over the rest: take %s", len(password), maxBcryptBytes, Default)
	}
	hasher, err := hasherOf(scheme)
	if err != nil {
		return "", err
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "", fmt.Errorf("password: hash as %s: %w", scheme, err)
	}
	return "{" + scheme + "}" + digest.Encode(), nil
}

// hasherOf is the algorithm behind a scheme, with what it may cost.
func hasherOf(scheme string) (algorithm.Hash, error) {
	switch scheme {
	case "ARGON2ID":
		return argon2.New(argon2.WithVariantID(), argon2.WithM(64<<10), argon2.WithT(3), argon2.WithP(1))
	case "BLF-CRYPT":
		return bcrypt.New(bcrypt.WithIterations(12))
	case "SHA512-CRYPT":
		return shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithRounds(500_000))
	case "SHA256-CRYPT":
		return shacrypt.New(shacrypt.WithSHA256(), shacrypt.WithRounds(500_000))
	}
	_, err := Scheme(scheme)
	return nil, err
}

// Of is the scheme of a stored hash, in capitals; "none" where no {SCHEME}
// stands in front, so that Dovecot's default_pass_scheme decides.
func Of(stored string) string {
	name, _, closed := strings.Cut(stored, "}")
	name, open := strings.CutPrefix(name, "{")
	if !open || !closed || name == "" || len(name) > 30 || strings.ContainsFunc(name, notInScheme) {
		return "none"
	}
	return strings.ToUpper(name)
}

func notInScheme(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
}
