package socketmap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"postern/internal/dialog"
	"postern/internal/lookup"
	"postern/socketmap"
)

// FuzzConversation plays whatever a peer may send. Every reply must parse,
// there must be as many as requests were read, each must be the answer to its
// request, and portions make no difference.
func FuzzConversation(f *testing.F) {
	f.Add([]byte("24:aliases user@example.com,19:domains example.com,"))
	f.Add([]byte("6:m \xff\x00ab,6:m abc\n,"))
	f.Add([]byte("2:m ,0:,"))
	f.Add([]byte("10:m temp-abc,5:m  a ,01:m,"))
	f.Add([]byte("10:m why\nwhy\n\n,4:x yz,"))
	f.Add([]byte("99999999999:"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var asked []string
		echo := func(_ context.Context, key string) (string, bool, error) {
			asked = append(asked, key)
			return mirror(key)
		}
		h := &socketmap.Handler{Maps: func() lookup.Set { return lookup.Set{"m": lookup.Func(echo)} },
			Limits: socketmap.Limits{Request: 100, Key: 90, Reply: 80}}
		replies, err := dialog.Run(h, bytes.NewReader(in))
		if again, _ := dialog.Run(h, iotest.OneByteReader(bytes.NewReader(in))); again != replies {
			t.Fatalf("in one piece %q, byte by byte %q", replies, again)
		}
		all := parseAll(t, replies)
		if malformed := errors.Is(err, socketmap.ErrMalformed); malformed {
			if len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "PERM ") {
				t.Fatalf("malformed request, but replies %q", all)
			}
			all = all[:len(all)-1]
		} else if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		inStep(t, asked[:len(asked)/2], all)
	})
}

// mirror makes the answer from the key, so that an answer tells its question.
func mirror(key string) (string, bool, error) {
	switch {
	case strings.HasPrefix(key, "temp"):
		return "", false, errors.New(key)
	case strings.HasPrefix(key, "why"):
		return key, false, nil
	}
	return "=" + key, true, nil
}

// inStep checks the replies of the map m against the keys it was asked; the
// others are PERM.
func inStep(t *testing.T, keys, replies []string) {
	t.Helper()
	for _, reply := range replies {
		value, isOK := strings.CutPrefix(reply, "OK =")
		switch {
		case strings.HasPrefix(reply, "PERM unknown map"), strings.HasPrefix(reply, "PERM key is longer"):
			continue
		case len(keys) == 0:
			t.Fatalf("reply %q without a question", reply)
		case isOK && value != keys[0]:
			t.Fatalf("asked %q, replied %q", keys[0], reply)
		}
		keys = keys[1:]
	}
	if len(keys) > 0 {
		t.Fatalf("no reply to %q", keys)
	}
}

// parseAll splits replies the way Postfix reads them.
func parseAll(t *testing.T, replies string) (all []string) {
	t.Helper()
	for replies != "" {
		digits, rest, _ := strings.Cut(replies, ":")
		n, err := strconv.Atoi(digits)
		if err != nil || n >= len(rest) || rest[n] != ',' {
			t.Fatalf("no netstring: %.100q", replies)
		}
		payload := rest[:n]
		word, text, space := strings.Cut(payload, " ")
		if !space || !strings.Contains("OK NOTFOUND TEMP TIMEOUT PERM", word) || word == "OK" && (text == "" || strings.Contains(text, "\x00")) {
			t.Fatalf("reply %q", payload)
		}
		all = append(all, payload)
		replies = rest[n+1:]
	}
	return all
}
