package postconf

import (
	"fmt"
	"sort"
)

// Place is where a text is written. The zero Place is that of defaults.
type Place struct {
	File string
	Line int
}

// String is FILE:LINE, or "default".
func (p Place) String() string {
	if p.File == "" {
		return "default"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Fault is a text that Postfix does not accept, or accepts with a warning.
type Fault struct {
	Place Place
	Text  string
}

// Error is FILE:LINE: TEXT.
func (f *Fault) Error() string {
	return f.Place.String() + ": " + f.Text
}

// mark says that the text from offset on is written at place.
type mark struct {
	offset int
	place  Place
}

// traced is a text that knows where its bytes were written.
type traced struct {
	text  string
	marks []mark // in order; the first has offset 0 if there is text
}

// at is where the byte at offset was written.
func (t traced) at(offset int) Place {
	n := sort.Search(len(t.marks), func(i int) bool { return t.marks[i].offset > offset })
	if n == 0 {
		return Place{}
	}
	return t.marks[n-1].place
}

// slice is the text from i to j.
func (t traced) slice(i, j int) traced {
	part := traced{text: t.text[i:j]}
	if i == j {
		return part
	}
	part.marks = append(part.marks, mark{0, t.at(i)})
	for _, m := range t.marks {
		if m.offset > i && m.offset < j {
			part.marks = append(part.marks, mark{m.offset - i, m.place})
		}
	}
	return part
}

// builder puts traced texts together.
type builder struct {
	text  []byte
	marks []mark
}

// add appends t.
func (b *builder) add(t traced) {
	if t.text == "" {
		return
	}
	for _, m := range t.marks {
		if n := len(b.marks); n == 0 || b.marks[n-1].place != m.place {
			b.marks = append(b.marks, mark{len(b.text) + m.offset, m.place})
		}
	}
	if len(t.marks) == 0 { // a default after other text
		b.marks = append(b.marks, mark{len(b.text), Place{}})
	}
	b.text = append(b.text, t.text...)
}

func (b *builder) traced() traced {
	return traced{string(b.text), b.marks}
}

// trim cuts white space off both ends.
func (t traced) trim() traced {
	i, j := 0, len(t.text)
	for i < j && isSpace(t.text[i]) {
		i++
	}
	for j > i && isSpace(t.text[j-1]) {
		j--
	}
	return t.slice(i, j)
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
