package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"

	"postern/internal/daemon"
)

func newAdmin(t *testing.T) daemon.Admin {
	log, _ := logTo(t)
	reg := prometheus.NewRegistry()
	daemon.NewMetrics(prometheus.WrapRegistererWithPrefix("postern_", reg))
	return daemon.Admin{Gatherer: reg, Log: log, Ready: func(context.Context) error { return nil }}
}

func TestAdminPages(t *testing.T) {
	tests := []struct {
		method, path string
		ready        error
		status       int
		body         string
	}{
		{"GET", "/metrics", nil, 200, "postern_config_last_reload_successful 0\n"},
		{"GET", "/healthz", errors.New("not ready"), 200, "ok\n"},
		{"GET", "/readyz", nil, 200, "ready\n"},
		{"GET", "/readyz", errors.New("tables:\n domain: never loaded"), 503, "tables: domain: never loaded\n"},
		{"HEAD", "/readyz", nil, 200, ""},
		{"GET", "/", nil, 200, "/metrics /healthz /readyz\n"},
		{"GET", "/elsewhere", nil, 404, ""},
		{"POST", "/healthz", nil, 405, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.method, tt.path, tt.status), func(t *testing.T) {
			a := newAdmin(t)
			a.Ready = func(ctx context.Context) error {
				if _, limited := ctx.Deadline(); !limited {
					t.Error("the readiness check has no time limit")
				}
				return tt.ready
			}
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			if w.Code != tt.status || !strings.HasSuffix(w.Body.String(), tt.body) && !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, tt.status, tt.body)
			}
		})
	}
}

// serveAdmin runs a until the test stops it.
func serveAdmin(t *testing.T, a daemon.Admin) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln) }()
	stop = func() error {
		cancel()
		return <-done
	}
	return "http://" + ln.Addr().String(), stop
}

// get asks without keeping the connection.
func get(t *testing.T, client *http.Client, url string, user ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if len(user) == 2 {
		r.SetBasicAuth(user[0], user[1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestAdminServesAndStops(t *testing.T) {
	url, stop := serveAdmin(t, newAdmin(t))
	if status, body := get(t, http.DefaultClient, url+"/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("%d %q", status, body)
	}
	// A client that has sent half a request does not hold up the stop.
	half, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	io.WriteString(half, "GET /healthz HT")
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 8*time.Second {
		t.Errorf("stopping took %v", d)
	}
}

func TestAdminWithPassword(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	a := newAdmin(t)
	a.WebConfig = filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(a.WebConfig, fmt.Appendf(nil, "basic_auth_users:\n  prometheus: %s\n", hash), 0o600); err != nil {
		t.Fatal(err)
	}
	url, stop := serveAdmin(t, a)
	for _, tt := range []struct {
		user   []string
		status int
	}{{nil, 401}, {[]string{"prometheus", "guess"}, 401}, {[]string{"prometheus", "secret"}, 200}} {
		if status, _ := get(t, http.DefaultClient, url+"/metrics", tt.user...); status != tt.status {
			t.Errorf("as %q: %d, want %d", tt.user, status, tt.status)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAdminWithBadWebConfig(t *testing.T) {
	for _, content := range []string{"", "nonsense: true\n", "tls_server_config:\n  cert_file: none\n  key_file: none\n"} {
		a := newAdmin(t)
		a.WebConfig = filepath.Join(t.TempDir(), "web.yml")
		if content != "" {
			if err := os.WriteFile(a.WebConfig, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, a.Validate(), "metrics: web_config "+a.WebConfig)
		_, stop := serveAdmin(t, a)
		wantError(t, stop(), "metrics: web_config "+a.WebConfig)
	}
}

func TestControl(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "control")
	log, _ := logTo(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "key: "+r.FormValue("key")) })
	mux.HandleFunc("GET /top", func(w http.ResponseWriter, r *http.Request) { // a stream
		io.WriteString(w, "first\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ln, err := new(daemon.Sockets).ListenControl(dir, "socketmap")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socketmap.sock")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o600 || int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		t.Errorf("%v %d:%d", info.Mode(), st.Uid, st.Gid)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- daemon.Control{Handler: mux, Log: log}.Serve(ctx, ln) }()

	client := daemon.ControlClient(dir, "socketmap")
	if status, body := get(t, client, daemon.ControlURL+"/explain?key=a@b"); status != 200 || body != "key: a@b" {
		t.Errorf("%d %q", status, body)
	}
	stream, err := client.Get(daemon.ControlURL + "/top")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "first\n" {
		t.Errorf("%q, %v", line, err)
	}
	stop() // ends the stream too
	if err := <-done; err != nil {
		t.Error(err)
	}
	if exists(path) {
		t.Error("the socket is still there")
	}
	_, err = client.Get(daemon.ControlURL + "/explain")
	wantError(t, err, "is socketmap running?", path)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestControlOfANameThatIsNone(t *testing.T) {
	for _, name := range []string{"", "../etc/x", "a/b", "Ä"} {
		_, err := new(daemon.Sockets).ListenControl(t.TempDir(), name)
		wantError(t, err, "control: ", "is not the name of a daemon")
		_, err = daemon.ControlClient(t.TempDir(), name).Get(daemon.ControlURL)
		wantError(t, err, "is not the name of a daemon")
	}
}
