package oneline

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Cells cuts a text to the cells that it may take of a line of a terminal, with
// sign, which takes one, for the rest. How wide a character is, terminals do not
// agree upon: it is as Unicode has it (UAX #11).
func Cells(text string, width int, sign string) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	var kept strings.Builder
	left := width - 1
	for rest, state := text, -1; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if left -= w; left < 0 {
			break
		}
		kept.WriteString(cluster)
	}
	return kept.String() + sign
}
