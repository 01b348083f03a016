package socketmap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

func TestReadNetstring(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"0:,", "", nil},
		{"3:abc,", "abc", nil},
		{"3:a,:,", "a,:", nil},
		{"20:" + strings.Repeat("x", 20) + ",", strings.Repeat("x", 20), nil},
		{"40:" + strings.Repeat("x", 40) + ",", strings.Repeat("x", 40), nil},
		{"41:" + strings.Repeat("x", 41) + ",", "", ErrMalformed},
		{"00:,", "", ErrMalformed},
		{"01:a,", "", ErrMalformed},
		{":,", "", ErrMalformed},
		{"-1:,", "", ErrMalformed},
		{"1a:,", "", ErrMalformed},
		{"3:abcd", "", ErrMalformed},
		{"40:" + strings.Repeat("x", 41), "", ErrMalformed},
		{"99999999999999999999999999:", "", ErrMalformed},
		{"", "", io.EOF},
		{"3", "", io.ErrUnexpectedEOF},
		{"3:", "", io.ErrUnexpectedEOF},
		{"3:abc", "", io.ErrUnexpectedEOF},
		{"40:abc", "", io.ErrUnexpectedEOF},
	} {
		t.Run(c.in, func(t *testing.T) {
			r := bufio.NewReaderSize(strings.NewReader(c.in), 32) // a payload of 40 does not fit
			got, err := readNetstring(r, 40, false)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func TestReadPaddedNetstring(t *testing.T) {
	for _, c := range []struct {
		in, want string
		err      error
	}{
		{"0:,", "", nil},
		{"3:abc,", "abc", nil},
		{":,", "", nil},
		{"00:,", "", nil},
		{"003:abc,", "abc", nil},
		{strings.Repeat("0", 5000) + "40:" + strings.Repeat("x", 40) + ",", strings.Repeat("x", 40), nil},
		{"0041:", "", ErrMalformed},
		{":a", "", ErrMalformed},
		{"-1:,", "", ErrMalformed},
		{"0x3:abc,", "", ErrMalformed},
		{"", "", io.EOF},
		{"00", "", io.ErrUnexpectedEOF},
		{":", "", io.ErrUnexpectedEOF},
	} {
		t.Run(fmt.Sprintf("%.40q", c.in), func(t *testing.T) {
			got, err := readNetstring(bufio.NewReaderSize(strings.NewReader(c.in), 32), 40, true)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

// TestLengthIsRefusedBeforeTheRestIsRead: not one byte after the digit that
// takes the length past the limit.
func TestLengthIsRefusedBeforeTheRestIsRead(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("4000000000:"))
	if _, err := readNetstring(r, 100, false); !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "0000000:" {
		t.Errorf("left in the stream: %q", rest)
	}
}

func TestLastWordParses(t *testing.T) {
	reply, err := readNetstring(bufio.NewReader(strings.NewReader(lastWord)), 1000, false)
	if err != nil || !strings.HasPrefix(reply, "TIMEOUT ") {
		t.Errorf("%q, %v", reply, err)
	}
}

func FuzzNetstring(f *testing.F) {
	for _, seed := range []string{"0:,", "3:abc,", "24:aliases user@example.com,", ":,", "01:a,", "-1:,", "999999999999999999999:", "3:abcd", "3:ab"} {
		f.Add([]byte(seed))
	}
	const limit = 64
	f.Fuzz(func(t *testing.T, in []byte) {
		small, err := readNetstring(bufio.NewReaderSize(bytes.NewReader(in), 16), limit, false)
		large, errLarge := readNetstring(bufio.NewReader(bytes.NewReader(in)), limit, false)
		if small != large || (err == nil) != (errLarge == nil) {
			t.Fatalf("small buffer %q, %v; large buffer %q, %v", small, err, large, errLarge)
		}
		if err != nil {
			return
		}
		if again := strconv.Itoa(len(large)) + ":" + large + ","; !bytes.HasPrefix(in, []byte(again)) || len(large) > limit {
			t.Fatalf("read %q from %q", large, in)
		}
	})
}
