package daemon_test

import (
	"io/fs"
	"strings"
	"testing"

	"postern/internal/daemon"
)

func TestParseAt(t *testing.T) {
	long := "unix:/" + strings.Repeat("a", 106) // 107 bytes of path
	tests := []struct{ at, want, err string }{
		{"inet:127.0.0.1:10003", "inet:127.0.0.1:10003", ""},
		{"inet:localhost:10003", "inet:localhost:10003", ""},
		{"inet:[::1]:10003", "inet:[::1]:10003", ""},
		{"inet:[fe80::1%eth0]:1", "inet:[fe80::1%eth0]:1", ""},
		{"inet:0.0.0.0:0", "inet:0.0.0.0:0", ""},
		{"unix:/run/postern/a.sock", "unix:/run/postern/a.sock", ""},
		{"unix:/run//postern/../x", "unix:/run/x", ""},
		{long, long, ""},
		{"fd:socketmap", "fd:socketmap", ""},
		{"inet:127.0.0.1", "", "port is missing: want inet:HOST:PORT"},
		{"inet:[::1]", "", "port is missing"},
		{"inet:10003", "", "port is missing"},
		{"inet::10003", "", "host is missing"},
		{"inet::::1:10003", "", "in brackets: inet:[::1]:10003"},
		{"inet:::1:10003", "", "in brackets"},
		{"inet:127.0.0.1:", "", `port "": want a number up to 65535`},
		{"inet:127.0.0.1:smtp", "", `port "smtp"`},
		{"inet:127.0.0.1:65536", "", `port "65536"`},
		{"inet:127.0.0.1:-1", "", `port "-1"`},
		{"inet:127.0.0.1:+1", "", `port "+1"`},
		{"inet:[nonsense:1]:10003", "", "not an IPv6 address"},
		{"inet:a b:10003", "", "not a host"},
		{"inet:[::1:10003", "", "IPv6 address stands in brackets"},
		{"inet:[x:10003", "", "want inet:HOST:PORT"},
		{"127.0.0.1:10003", "", "want inet:HOST:PORT, unix:/PATH or fd:NAME"},
		{"/run/postern.sock", "", "want inet:HOST:PORT"},
		{"tcp:127.0.0.1:1", "", "want inet:"},
		{"", "", "want inet:"},
		{"unix:run/postern.sock", "", "absolute path"},
		{"unix:", "", "absolute path"},
		{"unix:@abstract", "", "absolute path"},
		{"unix:/run/postern/", "", "directory"},
		{"unix:/run/\x00x", "", "NUL"},
		{long + "b", "", "the path is 108 bytes long, a unix socket can have 107"},
		{"fd:", "", "FileDescriptorName="},
		{"fd:a:b", "", "FileDescriptorName="},
		{"fd:a b", "", "FileDescriptorName="},
	}
	for _, tt := range tests {
		t.Run(tt.at, func(t *testing.T) {
			a, err := daemon.ParseAt(tt.at)
			if tt.err != "" {
				wantError(t, err, tt.err, "address ")
				return
			}
			if err != nil || a.String() != tt.want {
				t.Errorf("ParseAt = %v, %v; want %s", a, err, tt.want)
			}
			if again, err := daemon.ParseAt(a.String()); err != nil || again != a {
				t.Errorf("its own spelling parses as %v, %v", again, err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		spec daemon.ListenSpec
		err  string
	}{
		{"all of a unix socket", daemon.ListenSpec{At: "unix:/run/x", Owner: "postfix", Group: "mail", Mode: 0o666}, ""},
		{"mode with more bits", daemon.ListenSpec{At: "unix:/run/x", Mode: 0o4660 | fs.ModeSetuid}, "permission bits"},
		{"owner of a port", daemon.ListenSpec{At: "inet:[::1]:1", Owner: "root"}, "belong to a unix: socket"},
		{"mode of a handed over socket", daemon.ListenSpec{At: "fd:x", Mode: 0o600}, "belong to a unix: socket"},
		{"bad address", daemon.ListenSpec{At: "nowhere"}, "want inet:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.spec.Validate()
			if tt.err == "" && err != nil {
				t.Fatal(err)
			}
			if tt.err != "" {
				wantError(t, err, tt.err)
			}
		})
	}
}

func FuzzParseAt(f *testing.F) {
	for _, s := range []string{"inet:[::1]:10003", "inet:h:0", "unix:/a/b", "fd:x", "inet:[::1%e]:1", "unix:/a/../..", "inet:[[:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, at string) {
		a, err := daemon.ParseAt(at)
		if err != nil {
			return
		}
		if again, err := daemon.ParseAt(a.String()); err != nil || again != a {
			t.Errorf("%q is %+v, whose spelling is %+v, %v", at, a, again, err)
		}
	})
}
