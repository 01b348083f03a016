package policyd

// Limits bound a request, so that no peer can take more memory than
// Request and a buffer. A field that is zero has its default.
type Limits struct {
	// Line is the longest attribute with its LF, in bytes. What a client of
	// smtpd(8) sends is bounded by line_length_limit (2,048), the login by
	// smtpd_sasl_response_limit (12,288).
	Line int

	// Request is the longest request with its empty line, in bytes.
	Request int

	// Attributes is their greatest number. Postfix 3.12 sends 32.
	Attributes int
}

// DefaultLimits returns what a field of Limits that is zero stands for.
func DefaultLimits() Limits { return Limits{Line: 16 << 10, Request: 128 << 10, Attributes: 256} }

// filled is l with defaults in the place of zeros.
func (l Limits) filled() Limits {
	def := DefaultLimits()
	if l.Line <= 0 {
		l.Line = def.Line
	}
	if l.Request <= 0 {
		l.Request = def.Request
	}
	if l.Attributes <= 0 {
		l.Attributes = def.Attributes
	}
	return l
}
