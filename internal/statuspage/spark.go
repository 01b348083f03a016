package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/status"
)

// The canvas of a chart; it is stretched to the room that there is.
const (
	sparkWidth  = 240
	sparkHeight = 48
	sparkEdge   = 2 // for the width of the line
)

// spark is one line of a chart.
type spark struct {
	Line string // points of an SVG polyline
	Area string // of the polygon below it
}

// sparkOf draws values against a highest one. The newest is at the right; where
// there are not yet as many as fit, the left stays empty.
func sparkOf(values []float64, top float64, fit int) spark {
	if len(values) < 2 || top <= 0 {
		top = max(top, 1)
	}
	var points []string
	first := 0.0
	for i, value := range values {
		x := sparkWidth - float64(len(values)-1-i)*sparkWidth/float64(max(fit-1, 1))
		y := sparkHeight - sparkEdge - min(max(value, 0)/top, 1)*(sparkHeight-2*sparkEdge)
		if i == 0 {
			first = x
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	line := strings.Join(points, " ")
	return spark{Line: line, Area: fmt.Sprintf("%.1f,%d %s %d,%d", first, sparkHeight, line, sparkWidth, sparkHeight)}
}

// chart is a figure over the last minutes, with another one that belongs to it
// drawn into it.
type chart struct {
	Title string
	Now   string // the figure of now
	Note  string // on the other one, and the highest value
	Alt   string // all of it in words
	Main  spark
	Other *spark
	Width int
	High  int
}

// show is how one figure is said.
type show func(float64) string

// chartOf makes a chart of the series of that name; other may be "".
func chartOf(all []status.Series, title, name string, say show, other, otherName string) (chart, bool) {
	main, ok := find(all, name)
	if !ok {
		return chart{}, false
	}
	top := highest(main.Values)
	c := chart{Title: title, Now: say(last(main.Values)), Width: sparkWidth, High: sparkHeight}
	if name == "hits" {
		top = 1
	}
	notes := []string{"highest " + say(highest(main.Values))}
	fit := max(len(main.Values), fitting(main))
	c.Main = sparkOf(main.Values, top, fit)
	if second, ok := find(all, other); ok {
		s := sparkOf(second.Values, top, fit)
		c.Other = &s
		notes = append(notes, otherName+" "+say(last(second.Values)))
	}
	c.Note = strings.Join(notes, ", ")
	c.Alt = fmt.Sprintf("%s of the last %s: now %s, %s", title, ago(main.Step*60), c.Now, c.Note)
	return c, true
}

// fitting is how many steps five minutes have.
func fitting(s status.Series) int {
	if s.Step <= 0 {
		return 1
	}
	return int(5 * time.Minute / s.Step)
}

func find(all []status.Series, name string) (status.Series, bool) {
	i := slices.IndexFunc(all, func(s status.Series) bool { return s.Name == name && name != "" && len(s.Values) > 0 })
	if i < 0 {
		return status.Series{}, false
	}
	return all[i], true
}

func highest(values []float64) float64 { return slices.Max(values) }

func last(values []float64) float64 { return values[len(values)-1] }
