package envelope

import (
	"crypto/sha1"
	"encoding/base32"
	"strings"
)

// AliasLength is the length of every alias, in characters.
const AliasLength = 32

// MaxAddress is the longest address that is stored, in bytes. PostSRSd answers
// a longer key with "Too big.", so none of its databases holds one.
const MaxAddress = 512

// Alias is the name under which address is stored: the SHA-1 of its bytes as
// they stand (case counts), in base32 with the extended hex alphabet of RFC
// 4648 section 7, upper case, no padding.
func Alias(address string) string {
	digest := sha1.Sum([]byte(address))
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(digest[:])
}

// canonical is an alias in upper case. What has another form than [Alias]
// gives was never stored.
func canonical(alias string) (string, bool) {
	if len(alias) != AliasLength {
		return "", false
	}
	var upper strings.Builder
	for _, c := range []byte(alias) {
		if 'a' <= c && c <= 'v' {
			c -= 'a' - 'A'
		}
		if (c < '0' || c > '9') && (c < 'A' || c > 'V') {
			return "", false
		}
		upper.WriteByte(c)
	}
	return upper.String(), true
}
