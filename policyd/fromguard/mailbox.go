package fromguard

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
)

// mailbox is one address of a header.
type mailbox struct {
	name    string // of display, quotes removed and encoded words decoded; with it comments
	address string // local@domain
}

// maxMailboxes is how many addresses one header may hold: each is looked up.
const maxMailboxes = 50

// mailboxes reads the value of an address header. It takes what RFC 5322
// generates and the old name@example.org (Name), and refuses what readers
// disagree about; see the package comment. The error says what would be right.
func mailboxes(value string) ([]mailbox, error) {
	text, err := unfold(value)
	if err != nil {
		return nil, err
	}
	s := scanner{rest: text}
	var found []mailbox
	for {
		m, more, err := s.mailbox()
		if err != nil {
			return nil, err
		}
		found = append(found, m)
		if len(found) > maxMailboxes {
			return nil, fmt.Errorf("more than %d addresses: write fewer", maxMailboxes)
		}
		if !more {
			return found, agree(text, found)
		}
	}
}

// unfold makes one line of a value whose lines are folded.
func unfold(value string) (string, error) {
	lines := strings.Split(strings.ReplaceAll(value, "\r\n", "\n"), "\n")
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") || strings.Trim(line, " \t") == "" {
			return "", errors.New("a folded line that is empty or does not begin with a blank: write it in one line")
		}
	}
	text := strings.Join(lines, "")
	if !utf8.ValidString(text) {
		return "", errors.New("bytes that are no UTF-8: write encoded words or UTF-8")
	}
	if strings.ContainsFunc(text, isBreak) {
		return "", errors.New("a control character: take it out")
	}
	return text, nil
}

// isBreak tells control characters, which some readers end a line at.
func isBreak(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// scanner reads mailboxes off the front of a text.
type scanner struct{ rest string }

// word is a piece of a mailbox: a quoted string, a comment, what stands between
// angle brackets, or what stands bare.
type word struct {
	kind byte // " ( < or 'a'
	text string
}

// mailbox reads one, and the comma behind it.
func (s *scanner) mailbox() (m mailbox, more bool, err error) {
	var words []word
	for {
		s.rest = strings.TrimLeft(s.rest, " \t")
		if s.rest == "" || s.rest[0] == ',' {
			more = s.rest != ""
			s.rest = strings.TrimPrefix(s.rest, ",")
			m, err = assemble(words)
			return m, more, err
		}
		w, err := s.word()
		if err != nil {
			return m, false, err
		}
		words = append(words, w)
	}
}

// word reads the next piece.
func (s *scanner) word() (word, error) {
	switch c := s.rest[0]; c {
	case '"':
		text, err := s.quoted()
		return word{'"', text}, err
	case '(', '<':
		end, inside := byte(')'), "()<>@,;:\\\""
		if c == '<' {
			end, inside = '>', "()<,;:\\\" \t"
		}
		text, rest, closed := strings.Cut(s.rest[1:], string(end))
		if !closed || strings.ContainsAny(text, inside) {
			return word{}, fmt.Errorf("%c: what stands behind it is not plain up to %c: write name@example.org alone, or Name <name@example.org>", c, end)
		}
		s.rest = rest
		return word{c, text}, nil
	}
	n := strings.IndexFunc(s.rest, func(r rune) bool { return !isAtom(r) && r != '.' && r != '@' })
	switch {
	case n < 0:
		n = len(s.rest)
	case n == 0 && (s.rest[0] == ':' || s.rest[0] == ';'):
		return word{}, errors.New("a group of addresses: write the addresses alone")
	case n == 0:
		return word{}, fmt.Errorf("%q out of place: put the name in quotes, as in \"Name\" <name@example.org>", s.rest[0])
	}
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return word{'a', text}, nil
}

// quoted reads a quoted string.
func (s *scanner) quoted() (string, error) {
	var text strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return text.String(), nil
		case c == '\\' && i+1 < len(s.rest):
			i++
			text.WriteByte(s.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", errors.New("a quote that does not end: write \"Name\" <name@example.org>")
}

// assemble makes a mailbox of its pieces: Name <address> (comment), or address
// (comment).
func assemble(words []word) (m mailbox, err error) {
	const right = "write name@example.org alone, or Name <name@example.org>"
	var names []string
	for i, w := range words {
		switch {
		case w.kind == '<' || w.kind == 'a' && strings.Contains(w.text, "@"):
			if m.address != "" {
				return m, errors.New("two addresses without a comma: " + right)
			}
			if w.kind == 'a' && i > 0 {
				return m, errors.New("a name before an address without brackets: " + right)
			}
			m.address = w.text
			if err := checkAddress(w.text); err != nil {
				return m, err
			}
		case m.address != "" && w.kind != '(':
			return m, errors.New("text behind the address: " + right)
		default:
			names = append(names, w.text)
		}
	}
	if m.address == "" {
		return m, errors.New("an address is missing: " + right)
	}
	m.name = decoded(strings.Join(names, " "))
	return m, nil
}

// checkAddress takes local@domain with no quotes, and a domain that is a name.
func checkAddress(address string) error {
	local, domain, _ := strings.Cut(address, "@")
	if !isDotAtom(local, isLocal) || strings.Contains(local, "=?") {
		return errors.New("a local part that is empty, quoted or encoded: write name@example.org")
	}
	if !isDotAtom(domain, isDomain) {
		return errors.New("a domain that is no name: write name@example.org")
	}
	return nil
}

// isDotAtom reports pieces of such characters with single dots between them.
func isDotAtom(text string, is func(rune) bool) bool {
	for piece := range strings.SplitSeq(text, ".") {
		if piece == "" || strings.ContainsFunc(piece, func(r rune) bool { return !is(r) }) {
			return false
		}
	}
	return true
}

// isAtom tells atext of RFC 5322, section 3.2.3, with RFC 6532's characters.
func isAtom(r rune) bool {
	return r >= utf8.RuneSelf || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' ||
		strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// isLocal leaves out the characters outside ASCII that are no letters: among
// them are some that pass for @ or a full stop after a normalization.
func isLocal(r rune) bool {
	return isAtom(r) && (r < utf8.RuneSelf || unicode.In(r, unicode.L, unicode.M, unicode.N))
}

func isDomain(r rune) bool {
	return isLocal(r) && (r >= utf8.RuneSelf || r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// decoded is a name as a reader shows it.
func decoded(name string) string {
	if text, err := words().DecodeHeader(name); err == nil {
		return text
	}
	return name
}

// words decodes encoded words, those of an unknown character set as bytes.
func words() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
		if known, err := charset.Reader(name, r); err == nil {
			return known, nil
		}
		return r, nil
	}}
}

// agree has a second parser, which is not ours, read the same.
func agree(text string, found []mailbox) error {
	parser := mail.AddressParser{WordDecoder: words()}
	list, err := parser.ParseList(text)
	if err != nil {
		return errors.New("not understood: write Name <name@example.org>")
	}
	if len(list) != len(found) {
		return errors.New("parsers disagree about it: write Name <name@example.org>")
	}
	for i, other := range list {
		if other.Address != found[i].address {
			return errors.New("parsers disagree about it: write Name <name@example.org>")
		}
	}
	return nil
}

// addressesIn finds what looks like an address in a name.
func addressesIn(name string) (found []string) {
	for piece := range strings.FieldsFuncSeq(name, func(r rune) bool {
		return !isAtom(r) && r != '.' && r != '@' || r >= utf8.RuneSelf && unicode.IsSpace(r)
	}) {
		piece = strings.Trim(piece, ".'!?*`=/-_~")
		local, domain, at := strings.Cut(piece, "@")
		if at && local != "" && strings.Contains(domain, ".") && !strings.Contains(domain, "@") {
			found = append(found, piece)
		}
	}
	return found
}
