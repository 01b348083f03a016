package srs

import "time"

// MaxAgeDays is how many days a time stamp may be older than today. As a
// stamp counts whole days (UTC), an address lives 21 to 22 days.
const MaxAgeDays = 21

const (
	stampLength   = 2
	stampAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	stampDays     = 1024 // day numbers that two base32 characters can hold
	secondsPerDay = 24 * 60 * 60
)

// Stamp returns the two characters that stand for the day of now (UTC).
func Stamp(now time.Time) string {
	d := dayNumber(now)
	return string([]byte{stampAlphabet[d>>5], stampAlphabet[d&31]})
}

// dayNumber is the day of now, counted from 1970-01-01 UTC, modulo 1024.
func dayNumber(now time.Time) int {
	seconds := now.Unix() % (stampDays * secondsPerDay)
	if seconds < 0 {
		seconds += stampDays * secondsPerDay
	}
	return int(seconds / secondsPerDay)
}

// checkStamp says whether stamp is a day from MaxAgeDays before now to early
// days after it. Two characters are all that is ever decoded: an attacker
// chooses the stamp, and nothing has been authenticated yet.
func checkStamp(stamp string, now time.Time, early int) error {
	if len(stamp) != stampLength {
		return OutOfDate
	}
	high, low := stampDigit(stamp[0]), stampDigit(stamp[1])
	if high < 0 || low < 0 {
		return BadStamp
	}
	age := dayNumber(now) - (high<<5 | low)
	if (age+early+stampDays)%stampDays > MaxAgeDays+early {
		return OutOfDate
	}
	return nil
}

// stampDigit is the value of a base32 character of any case, or -1.
func stampDigit(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c - 'a')
	case '2' <= c && c <= '7':
		return int(c-'2') + 26
	}
	return -1
}
