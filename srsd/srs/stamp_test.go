package srs

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	day := func(n int64) time.Time { return time.Unix(n*secondsPerDay, 0) }
	cases := []struct {
		now  time.Time
		want string
	}{
		{day(0), "AA"},
		{day(1).Add(-time.Nanosecond), "AA"},
		{day(1), "AB"},
		{day(31), "A7"},
		{day(32), "BA"},
		{day(1023), "77"},
		{day(1024), "AA"},
		{day(18262), "2W"},
		{newYear(), "2W"},
		{newYear().In(time.FixedZone("west", -11*3600)), "2W"},
		{newYear().In(time.FixedZone("east", 14*3600)), "2W"},
		{day(0).Add(-time.Second), "77"},
		{day(-1024), "AA"},
		{time.Time{}, "WG"}, // day -719162
		{time.Unix(math.MaxInt64, 0), Stamp(time.Unix(math.MaxInt64%(stampDays*secondsPerDay), 0))},
		{time.Unix(math.MinInt64, 0), Stamp(time.Unix(math.MinInt64%(stampDays*secondsPerDay), 0))},
	}
	for _, c := range cases {
		if got := Stamp(c.now); got != c.want {
			t.Errorf("%v: got %s, want %s", c.now, got, c.want)
		}
	}
}

// TestAge asks for every stamp on every day of a round.
func TestAge(t *testing.T) {
	for _, early := range []int{0, 1, 2, 21} {
		t.Run(fmt.Sprint(early), func(t *testing.T) {
			for today := range int64(stampDays) {
				now := time.Unix((today+17*stampDays)*secondsPerDay, 0)
				good := map[string]bool{}
				for age := -early; age <= 21; age++ {
					good[Stamp(now.AddDate(0, 0, -age))] = true
				}
				for n := range int64(stampDays) {
					stamp := Stamp(time.Unix(n*secondsPerDay, 0))
					err := checkStamp(stamp, now, early)
					if (err == nil) != good[stamp] || err != nil && !errors.Is(err, OutOfDate) {
						t.Fatalf("day %d, stamp of day %d: %v", today, n, err)
					}
				}
			}
		})
	}
}

// TestStampCharacters gives every pair of octets a look.
func TestStampCharacters(t *testing.T) {
	digits := stampAlphabet + strings.ToLower(stampAlphabet[:26])
	for a := range 256 {
		for b := range 256 {
			stamp := string([]byte{byte(a), byte(b)})
			legal := strings.IndexByte(digits, stamp[0]) >= 0 && strings.IndexByte(digits, stamp[1]) >= 0
			if err := checkStamp(stamp, newYear(), 0); errors.Is(err, BadStamp) == legal {
				t.Fatalf("%q: %v", stamp, err)
			}
			if upper := strings.ToUpper(stamp); legal && checkStamp(stamp, newYear(), 0) != checkStamp(upper, newYear(), 0) {
				t.Fatalf("%q is not %q", stamp, upper)
			}
		}
	}
}

// TestLongStamp is about a stamp that says a day so far ahead that a loop over
// rounds of 1024 days would run for minutes. Here the length alone decides.
func TestLongStamp(t *testing.T) {
	r := mustNew(t, Options{})
	for _, stamp := range []string{"", "2", "2W2", "777777777", strings.Repeat("7", 400), "!!!!!!!!!"} {
		_, err := r.Reverse(keysOf("tops3cr3t"), newYear(), "SRS0=vmyz="+stamp+"=otherdomain.com=test@example.com")
		if !errors.Is(err, OutOfDate) {
			t.Errorf("%q: got %v, want %v", stamp, err, OutOfDate)
		}
	}
}
