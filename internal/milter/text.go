package milter

import "fmt"

// most is how many bytes of an address, or other text of a peer, are logged.
const most = 200

// Clipped bounds text of a peer to 200 bytes, for an attribute of the log,
// whose handler escapes it.
func Clipped(text string) string {
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// Shorten bounds and escapes text of a peer for an error.
func Shorten(text string) string {
	return fmt.Sprintf("%q", Clipped(text))
}

// IsControl tells the ASCII control characters.
func IsControl(r rune) bool { return r < ' ' || r == 0x7f }
