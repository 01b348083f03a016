package policyd

import "strings"

// Parse reads a request that a person has at hand: attributes, one a line. It
// judges as the daemon does, but the empty line at the end and the attribute
// request may be missing.
func Parse(text string) (*Request, error) {
	s := scan{limits: DefaultLimits()}
	b := []byte(strings.TrimRight(text, "\r\n") + "\n\n")
	if err := s.lines(b); err != nil {
		return nil, err
	}
	if s.line < len(b) {
		return nil, malformed("line %d: text after the empty line, which ends a request", len(s.marks)+2)
	}
	q := &Request{marks: s.marks}
	q.fill(string(b))
	if _, sent := q.find("request"); sent {
		if err := q.isPolicy(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// Text is the request as on the wire, with its empty line.
func (q *Request) Text() string { return string(appendRequest(nil, q.Attributes)) }

// appendRequest writes attributes as a request; it adds the attribute request
// if that is missing, as from a person.
func appendRequest(b []byte, attributes []Attribute) []byte {
	if whole := (&Request{Attributes: attributes}); whole.Get("request") == "" {
		b = append(b, "request="+requestType+"\n"...)
	}
	for _, a := range attributes {
		b = append(b, a.Name...)
		b = append(b, '=')
		b = append(b, a.Value...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}
