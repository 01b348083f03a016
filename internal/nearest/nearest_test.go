package nearest_test

import (
	"testing"

	"postern/internal/nearest"
)

func TestWord(t *testing.T) {
	known := []string{"sender", "recipient", "recipient_count", "size", "server_port"}
	for word, want := range map[string]string{
		"sender": "sender", "sendr": "sender", "senders": "sender", "sneder": "sender", "Sender": "sender",
		"recipent": "recipient", "recipients_count": "recipient_count", "siz": "size",
		"": "", "x": "", "greylist": "",
	} {
		if got := nearest.Word(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
