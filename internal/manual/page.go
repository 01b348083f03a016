package manual

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// page is a manual page in the macros of man(7).
type page struct {
	bytes.Buffer
	begun bool // a part has its heading and no text yet
}

// Date is the date of pages: that of the commit that is packed
// (SOURCE_DATE_EPOCH, in Unix seconds), or today where it is not known.
func Date(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Now().UTC(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("manual: SOURCE_DATE_EPOCH is %.40q: write Unix seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// newPage begins a page of a section of the manual.
func newPage(title string, section int, date time.Time) *page {
	p := &page{}
	fmt.Fprintf(p, ".TH %s %d %s postern postern\n", strings.ToUpper(escaped(title)), section, date.Format(time.DateOnly))
	return p
}

// section and subsection begin a part.
func (p *page) section(title string)    { p.heading(".SH", title) }
func (p *page) subsection(title string) { p.heading(".SS", title) }

func (p *page) heading(macro, title string) {
	fmt.Fprintf(p, "%s %q\n", macro, title)
	p.begun = true
}

// apart leaves a line free, but not below a heading.
func (p *page) apart() {
	if !p.begun {
		p.WriteString(".PP\n")
	}
	p.begun = false
}

// paragraph writes prose.
func (p *page) paragraph(text string) {
	p.apart()
	p.prose(text)
}

// prose writes text in lines of source.
func (p *page) prose(text string) {
	for _, line := range wrap(escaped(text), 76) {
		p.line(line)
	}
}

// item writes a term, which is literal, a note beside it, and what it means.
func (p *page) item(term, note, text string) {
	p.begun = false
	p.WriteString(".TP\n")
	term = `\fB` + literal(term) + `\fR`
	if note != "" {
		term += " (" + escaped(note) + ")"
	}
	p.line(term)
	p.prose(text)
}

// inner begins what stands deeper, and outer ends it.
func (p *page) inner() { p.WriteString(".RS\n") }
func (p *page) outer() { p.WriteString(".RE\n") }

// verbatim writes lines as they are.
func (p *page) verbatim(text string) {
	p.apart()
	p.WriteString(".RS 4\n.nf\n")
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		p.line(literal(strings.TrimRight(line, "\n")))
	}
	p.WriteString(".fi\n.RE\n")
}

// seeAlso writes references such as postern(8), in the order given.
func (p *page) seeAlso(references ...string) {
	p.section("SEE ALSO")
	for i, r := range references {
		name, number, _ := strings.Cut(r, "(")
		end := "(" + number
		if i < len(references)-1 {
			end += ","
		}
		fmt.Fprintf(p, ".BR %s %s\n", literal(name), end)
	}
}

// line writes one line of source, which is no request of roff whatever it
// begins with.
func (p *page) line(text string) {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	p.WriteString(text + "\n")
}

// escaped is prose in roff.
func escaped(text string) string {
	return strings.NewReplacer(`\`, `\e`, "…", `\&...`, "→", `\(->`, "–", `\(en`, "—", `\(em`).Replace(text)
}

// literal is what is typed: hyphens and quotes stay what they are when copied.
func literal(text string) string {
	return strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(escaped(text))
}
