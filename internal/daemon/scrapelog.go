package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// scrapeLog is what promhttp tells of /metrics. A scraper that hangs up is no
// error of ours, and promhttp has a line for each family that it no longer gets.
type scrapeLog struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(words ...any) {
	text := strings.TrimSpace(fmt.Sprintln(words...))
	level := slog.LevelDebug
	if strings.HasPrefix(text, "error gathering") {
		level = slog.LevelError
	}
	l.log.Log(context.Background(), level, text)
}
