package srs

import (
	"strings"
	"time"
)

// Reverse returns the address that an SRS address was made of: the original
// sender of an SRS0 address, the SRS0 address at the first forwarder of an
// SRS1 address. The domain of the address is not looked at and may be missing:
// whether it is ours is for the caller to say. Errors are of type Error.
//
// The checks come in PostSRSd's order: syntax, time stamp, hash. Where there is
// no key, NoSecrets stands for PostSRSd's BadHash, as not knowing is trouble of
// ours and no fault of the address.
func (r *Rewriter) Reverse(keys Keys, now time.Time, address string) (string, error) {
	if !IsSRS(address) {
		return "", NotSRS
	}
	if len(address) > r.maxLength {
		return "", TooLong
	}
	local, _, _ := strings.Cut(address, "@")
	text := local[len(tag0)+1:]
	if hasTag(local, tag1) {
		return r.reverse1(keys, text)
	}
	return r.reverse0(keys, now, text)
}

func (r *Rewriter) reverse0(keys Keys, now time.Time, text string) (string, error) {
	hash, stamp, host, user, err := parse0(text)
	if err != nil {
		return "", err
	}
	if err := checkStamp(stamp, now, r.early); err != nil {
		return "", err
	}
	if err := r.checkHash(keys, hash, stamp, host, user); err != nil {
		return "", err
	}
	return user + "@" + host, nil
}

func (r *Rewriter) reverse1(keys Keys, text string) (string, error) {
	hash, host, rest, err := parse1(text)
	if err != nil {
		return "", err
	}
	if err := r.checkHash(keys, hash, host, rest); err != nil {
		return "", err
	}
	return tag0 + rest + "@" + host, nil
}

func (r *Rewriter) checkHash(keys Keys, given string, fields ...string) error {
	if len(given) < r.hashMinimum {
		return ShortHash
	}
	return keys.verify(given[:min(len(given), r.hashLength)], fields...)
}
