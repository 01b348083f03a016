package maillog

import "strings"

// maxID bounds a queue ID: seconds, microseconds, a separator and a 64-bit
// inode are 6 + 4 + 1 + 12 characters, and the seconds may grow.
const maxID = 32

// The alphabet of long IDs has no vowels (mail_queue(3)); its last letter
// separates time and inode.
const longAlphabet = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

// IsQueueID reports whether s can be the ID of a message: a short one, at
// least six hexadecimal digits, or a long one (enable_long_queue_ids).
func IsQueueID(s string) bool {
	if len(s) < 6 || len(s) > maxID {
		return false
	}
	return strings.Trim(s, "0123456789ABCDEF") == "" || isLong(s)
}

// isLong demands ten characters of time, the separator, and the inode.
func isLong(s string) bool {
	if strings.Trim(s, longAlphabet) != "" {
		return false
	}
	at := strings.LastIndexByte(s, 'z')
	return at >= 10 && at < len(s)-1
}
