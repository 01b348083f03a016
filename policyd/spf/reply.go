package spf

import "postern/policyd"

// Enhanced status codes of RFC 7372, section 3.2.
const (
	statusFail  = "7.23" // SPF validation failed
	statusError = "7.24" // SPF validation error
)

// refusal is the reply for an outcome. The domain's own explanation (exp=) is not
// in it: it is a text of whoever runs the domain.
func refusal(act Act, o outcome, id identity) policyd.Action {
	status := statusFail
	if o.result == TempError || o.result == PermError {
		status = statusError
	}
	text := "SPF: " + words(o, id)
	if act == Reject {
		return policyd.Refuse(550, "5."+status, text)
	}
	return policyd.Refuse(451, "4."+status, text)
}

// words tell the sender's postmaster what would be right.
func words(o outcome, id identity) string {
	domain := id.domain[:min(len(id.domain), 100)]
	switch {
	case o.result == TempError:
		return o.why + " about " + domain + ", please try again"
	case o.result == PermError:
		return "the record of " + domain + " cannot be used (" + o.why + "), its postmaster should correct it"
	case id.kind == helo:
		return domain + " does not permit " + address(id.client) + " to use its name (HELO); its postmaster can add that address to the SPF record of the name"
	}
	return domain + " does not permit " + address(id.client) + " to send its mail; its postmaster can add that address to the SPF record; a forwarder should rewrite the sender (SRS)"
}
