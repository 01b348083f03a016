package policyd

import (
	"slices"
	"strings"
)

// Parse reads a request that a person has at hand: attributes, one a line. It
// judges as the daemon does, but the empty line at the end and the attribute
// request may be missing.
func Parse(text string) (*Request, error) {
	q := new(Request)
	text = strings.TrimRight(text, "\r\n") + "\n\n"
	end, err := q.parse(text, DefaultLimits())
	if err != nil {
		return nil, err
	}
	if end < len(text) {
		return nil, malformed("line %d: text after the empty line, which ends a request", len(q.Attributes)+2)
	}
	if !typed(q.Attributes) {
		return q, nil
	}
	if err := q.isPolicy(); err != nil {
		return nil, err
	}
	return q, nil
}

// Text is the request as on the wire, with its empty line.
func (q *Request) Text() string { return string(appendRequest(nil, q.Attributes)) }

// appendRequest writes attributes as a request; it adds the attribute request
// if that is missing, as from a person.
func appendRequest(b []byte, attributes []Attribute) []byte {
	if !typed(attributes) {
		b = append(b, "request="+requestType+"\n"...)
	}
	for _, a := range attributes {
		b = appendAttribute(b, a)
	}
	return append(b, '\n')
}

// appendAttribute writes a line. A value that ends in CR has one more behind it:
// that is what reading takes away.
func appendAttribute(b []byte, a Attribute) []byte {
	b = append(b, a.Name...)
	b = append(b, '=')
	b = append(b, a.Value...)
	if strings.HasSuffix(a.Value, "\r") {
		b = append(b, '\r')
	}
	return append(b, '\n')
}

// typed reports whether the attribute request is there.
func typed(attributes []Attribute) bool {
	return slices.ContainsFunc(attributes, func(a Attribute) bool { return a.Name == "request" })
}
