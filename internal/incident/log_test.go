package incident

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/maillog"
)

// TestReached plays a log.
func TestReached(t *testing.T) {
	log := filepath.Join(t.TempDir(), "mail.log")
	text := `Nov  1 10:00:00 mx postfix/submission/smtpd[1]: AAAAAA1: client=a[::1], sasl_method=PLAIN, sasl_username=Alice
Nov  1 10:00:01 mx postfix/smtp[1]: AAAAAA1: to=<one@far.test>, relay=mx.far.test[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
Nov  1 10:00:01 mx postfix/smtp[1]: AAAAAA1: to=<two@far.test>, relay=mx.far.test[192.0.2.1]:25, delay=1, dsn=4.0.0, status=deferred (450 no)
Nov  1 10:00:02 mx postfix/smtpd[1]: AAAAAA2: client=filter[127.0.0.1], orig_queue_id=AAAAAA1, orig_client=a[::1]
Nov  1 10:00:03 mx postfix/qmgr[1]: AAAAAA1: removed
Nov  1 10:00:04 mx postfix/smtp[1]: AAAAAA2: to=<three|` + "`" + `@far.test>, relay=mx.far.test[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
Nov  1 10:00:05 mx postfix/smtpd[1]: AAAAAA1: client=b[192.0.2.7]
Nov  1 10:00:06 mx postfix/smtp[1]: AAAAAA1: to=<four@far.test>, orig_to=<info+x@x.test>, relay=mx.far.test[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)
half a line`
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"alice": "one@far.test three|`@far.test", "info@x.test": "four@far.test", "me@far.test": ""} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, queueOf(0))
			r, err := d.Stop(t.Context(), Request{Name: name, Logs: []string{log, log + ".gone"}, Reason: "a|b"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, one := range r.Reached {
				got = append(got, one.To)
			}
			if strings.Join(got, " ") != want || r.Lines != (maillog.Stats{Lines: 9, Events: 8, Odd: 1}) {
				t.Errorf("reached %q by %+v, want %q", got, r.Lines, want)
			}
			if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "no such file") {
				t.Errorf("notes %q", r.Notes)
			}
			report, err := os.ReadFile(r.Report)
			if err != nil || !strings.Contains(string(report), "incident --undo "+r.ID) || strings.Contains(string(report), "three|") {
				t.Errorf("%s, %v", report, err)
			}
			info, err := os.Stat(r.Report)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

func TestReportForPrograms(t *testing.T) {
	d := newDesk(t, queueOf(1))
	file := filepath.Join(t.TempDir(), "report.json")
	r, err := d.Stop(t.Context(), Request{Name: "alice", Report: file})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	var got Report
	if err := errors.Join(err, json.Unmarshal(text, &got)); err != nil || got.ID != r.ID || len(got.Rows) != 2 || len(got.Held) != 1 {
		t.Errorf("%s, %v", text, err)
	}
}
