package milter

import "testing"

func TestClient(t *testing.T) {
	for _, test := range []struct{ argument, name, address string }{
		{"mx.example.net\x004\x00\x19192.0.2.1\x00", "mx.example.net", "192.0.2.1"},
		{"mx.example.net\x006\x00\x19IPv6:2001:db8::1\x00", "mx.example.net", "2001:db8::1"},
		{"mx.example.net\x006\x00\x192001:db8::1", "mx.example.net", "2001:db8::1"},
		{"localhost\x00L\x00\x00/run/x\x00", "localhost", "/run/x"},
		{"unknown\x00U", "", ""},
		{"unknown\x00Uxx192.0.2.1\x00", "", ""},
		{"no NUL", "", ""},
		{"cut\x004\x00", "", ""},
		{"no address\x004\x00\x19\x00", "no address", ""},
		{"", "", ""},
	} {
		if name, address := client([]byte(test.argument)); name != test.name || address != test.address {
			t.Errorf("%q: %q %q, want %q %q", test.argument, name, address, test.name, test.address)
		}
	}
}
