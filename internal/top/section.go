package top

import (
	"fmt"
	"slices"
)

// section is a part of a picture that may get fewer lines than it has.
type section struct {
	lines []Line
	least int  // lines that are worth showing
	rank  int  // the smaller get their lines first
	apart bool // an empty line stands before it where there is room
	rests bool // is a list that goes on anyway: it does not say how much is left out
}

// stack puts sections one below the other in a height; 0 has room for all.
func stack(sections []section, height int) []Line {
	given, spare := portions(sections, height)
	var lines []Line
	for i, s := range sections {
		if given[i] == 0 {
			continue
		}
		if s.apart && len(lines) > 0 && spare > 0 {
			lines = append(lines, nil)
			spare--
		}
		lines = append(lines, s.first(given[i])...)
	}
	return lines
}

// portions are the lines that each section gets, and those left over: by rank
// each gets the least it needs, and by rank what it wants of the rest.
func portions(sections []section, height int) (given []int, spare int) {
	given, spare = make([]int, len(sections)), height
	if height <= 0 {
		spare = 1 << 30
	}
	for _, i := range byRank(sections) {
		s := sections[i]
		if n := min(s.least, len(s.lines)); n <= spare {
			given[i] = n
			spare -= n
		}
	}
	for _, i := range byRank(sections) {
		if given[i] == 0 {
			continue
		}
		n := min(len(sections[i].lines)-given[i], spare)
		given[i] += n
		spare -= n
	}
	return given, spare
}

func byRank(sections []section) []int {
	order := make([]int, len(sections))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return sections[a].rank - sections[b].rank })
	return order
}

// first is the first n lines of a section, the last of which tells of more.
func (s section) first(n int) []Line {
	if n >= len(s.lines) || s.rests || n < 3 {
		return s.lines[:min(n, len(s.lines))]
	}
	more := Line{{fmt.Sprintf("and %d more", len(s.lines)-n+1), Dim}}
	return append(slices.Clone(s.lines[:n-1]), more)
}
