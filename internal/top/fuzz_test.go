package top

import (
	"errors"
	"math"
	"testing"
	"time"

	"postern/internal/status"
)

// hostile has one text and one figure everywhere.
func hostile(text string, n float64) status.Snapshot {
	count := []status.Count{{Name: text, Total: n, PerMinute: -n}, {Name: text + "2", Total: n}}
	return status.Snapshot{
		Daemon: text, Version: text, Host: text, NotReady: text, PID: int(int32(n)), Now: noon(), Started: noon().Add(time.Duration(n)),
		Health:      []status.Health{{Name: text, State: status.State(text), Text: text}, {Name: text, State: status.Good}, {Name: text, State: status.Poor, Text: text}},
		Lookups:     []status.Lookups{{Map: text, Found: n, NotFound: -n, Trouble: n, PerSecond: n, Mean: n}, {Map: text + "2", Found: 1}},
		Cache:       &status.Cache{Entries: n, Hits: n, Stale: n, Total: n},
		Tables:      []status.Table{{Name: text, Rows: n, Loaded: true, Age: n}, {Name: text}},
		Database:    []status.Database{{Name: text, Trouble: text, Open: n, InUse: n, Max: n}},
		Connections: []status.Connection{{Daemon: text, Open: n, Total: n}},
		SRS:         count, Rules: count,
		Decisions: []status.Decision{{At: noon().Add(time.Duration(n)), ID: text, Action: text, Mode: text, Check: text, Rule: text, Reason: text,
			Client: text, Sender: text, Recipient: text, Login: text, QueueID: text}},
		Series: []status.Series{{Name: text, Unit: text, Step: -1, Values: []float64{n, -n, 0, 1}}, {Name: text, Unit: perSecond, Values: []float64{n}}},
	}
}

func FuzzPicture(f *testing.F) {
	for _, text := range []string{
		"", "plain", "\x1b]0;title\a\x1b[2J", "\u009b31mC1", "\xff\xfe", "a\x00b\r\nc\td", "日本語の長い名前です", "e\u0301\u0301\u0301\u0301\u0301\u0301", "\u0301begins", "👩‍👩‍👧‍👦 family",
		"🇩🇪🇩", "\u202eturned", "\u200b\u2060\ufeff", "ᄀᄀᄀ가", "\u0d4e\u0600x", "❤️", "नमस्ते", "\U000e0041",
	} {
		f.Add(text, 1.5, 80, 24, 0, 0, false)
		f.Add(text, math.Inf(1), 7, 3, 2, 5, true)
		f.Add(text, math.NaN(), 200, 60, 1, -1, false)
		f.Add(text, -1e300, 1, 1, 3, 1<<40, false)
	}
	f.Fuzz(func(t *testing.T, text string, n float64, width, height, page, offset int, ascii bool) {
		width, height = 1+(width&0xff), 1+(height&0x7f)
		m := &Model{}
		s := hostile(text, n)
		m.Take(Answer{Daemon: "one", At: noon(), Snapshot: s})
		s.Now = s.Now.Add(time.Second)
		m.Take(Answer{Daemon: "one", At: noon(), Snapshot: s})
		m.Take(Answer{Daemon: text, At: noon(), Snapshot: s})
		m.Take(Answer{Daemon: "two" + text, At: noon(), Err: errors.New(text)})
		v := View{Page: Page(uint(page) % uint(pages)), Offset: offset, Interval: 2 * time.Second, Now: noon(), ASCII: ascii}
		lines := m.Picture(v, width, height)
		checkPicture(t, lines, width, height)
		v.Interval = 0
		checkPicture(t, m.Picture(v, width, 0), width, 0)
		if ascii {
			for _, b := range []byte(Text(lines)) {
				if b != '\n' && (b < ' ' || b > '~') {
					t.Fatalf("byte %#x in ASCII", b)
				}
			}
		}
	})
}
