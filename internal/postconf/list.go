package postconf

import (
	"fmt"
	"strings"
)

const (
	blanks          = " \t\r\n"
	commasAndBlanks = ", \t\r\n"
)

// Word is one element of a list.
type Word struct {
	Text  string
	Place Place

	marks []mark
}

func (w Word) traced() traced {
	return traced{w.Text, w.marks}
}

func (w Word) slice(i, j int) traced {
	return w.traced().slice(i, j)
}

// Words splits the value at commas and white space outside braces, as
// Postfix does with restrictions, tables and match lists.
func (s Setting) Words() []Word {
	words := splitWords(s.value, commasAndBlanks)
	for i := range words {
		if words[i].Place == (Place{}) {
			words[i].Place = s.Place
		}
	}
	return words
}

// SplitList splits a text at commas and white space outside braces.
func SplitList(text string) []string {
	var elements []string
	for _, word := range splitWords(traced{text: text}, commasAndBlanks) {
		elements = append(elements, word.Text)
	}
	return elements
}

func splitWords(t traced, separators string) []Word {
	var words []Word
	for i := 0; i < len(t.text); {
		if strings.IndexByte(separators, t.text[i]) >= 0 {
			i++
			continue
		}
		end := wordEnd(t.text, i, separators)
		part := t.slice(i, end)
		words = append(words, Word{part.text, part.at(0), part.marks})
		i = end
	}
	return words
}

// wordEnd is where the word that starts at i ends.
func wordEnd(text string, i int, separators string) int {
	for level := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '{':
			level++
		case level > 0 && c == '}':
			level--
		case level == 0 && strings.IndexByte(separators, c) >= 0:
			return i
		}
	}
	return i
}

// unbrace takes the braces off "{ text }" and the white space within.
// Anything else is returned as it is.
func unbrace(t traced) (traced, error) {
	if !strings.HasPrefix(t.text, "{") {
		return t, nil
	}
	end := closing(t.text, 0, '{', '}')
	if end < 0 {
		return traced{}, fmt.Errorf("no } in %.60q", t.text)
	}
	if end != len(t.text)-1 {
		return traced{}, fmt.Errorf("text after } in %.60q", t.text)
	}
	return t.slice(1, end).trim(), nil
}

// closing is the offset of the parenthesis that closes the one at start, or
// -1.
func closing(text string, start int, open, shut byte) int {
	level := 0
	for i := start; i < len(text); i++ {
		switch text[i] {
		case open:
			level++
		case shut:
			if level--; level == 0 {
				return i
			}
		}
	}
	return -1
}
