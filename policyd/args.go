package policyd

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postern/internal/nearest"
)

// FromArgs reads a request from arguments name=value, as a person types them.
// Without protocol_state it is RCPT. Addresses may have their <>, so <> is the
// null sender. Names that Postfix does not send, values that it cannot send and
// repetitions are errors: they are slips of the finger. A request with such is
// for Parse.
func FromArgs(args []string) (*Request, error) {
	if len(args) == 0 {
		return nil, errors.New("no attributes: write name=value, for instance sender=user@example.com")
	}
	attributes := make(map[string]string, len(args)+1)
	var text strings.Builder
	for _, arg := range args {
		name, value, err := argument(arg)
		if err != nil {
			return nil, err
		}
		if _, twice := attributes[name]; twice {
			return nil, fmt.Errorf("attribute %s is given twice", name)
		}
		attributes[name] = value
		text.WriteString(name + "=" + value + "\n")
	}
	if _, given := attributes["protocol_state"]; !given {
		text.WriteString("protocol_state=RCPT\n")
	}
	return Parse(text.String())
}

// argument splits and judges one of FromArgs.
func argument(arg string) (name, value string, err error) {
	name, value, ok := strings.Cut(arg, "=")
	if !ok {
		return "", "", fmt.Errorf("%.100q is no attribute: write name=value, for instance sender=user@example.com", arg)
	}
	var known []string
	for _, k := range Attributes() {
		known = append(known, k.Name)
	}
	if !slices.Contains(known, name) {
		return "", "", unknown(name, known)
	}
	if name == "sender" || name == "recipient" {
		value = withoutBrackets(value)
	}
	return name, value, possible(name, value)
}

func unknown(name string, known []string) error {
	if near := nearest.Word(name, known); near != "" {
		return fmt.Errorf("attribute %.100q is unknown: is %s meant?", name, near)
	}
	return fmt.Errorf("attribute %.100q is unknown; Postfix sends %s", name, strings.Join(known, ", "))
}

func withoutBrackets(address string) string {
	if inner, ok := strings.CutPrefix(address, "<"); ok && strings.HasSuffix(inner, ">") {
		return strings.TrimSuffix(inner, ">")
	}
	return address
}

// possible refuses a value that Postfix would not send.
func possible(name, value string) error {
	if strings.ContainsAny(value, "\n\r\x00") {
		return fmt.Errorf("%s=%.100q: a value is one line", name, value)
	}
	switch name {
	case "protocol_state":
		if !slices.Contains(States(), value) {
			return fmt.Errorf("protocol_state=%.100q: write one of %s", value, strings.Join(States(), ", "))
		}
	case "client_address", "server_address":
		if _, err := netip.ParseAddr(value); err != nil && value != "unknown" && value != "" {
			return fmt.Errorf("%s=%.100q: write an IPv4 or IPv6 address without brackets, or unknown", name, value)
		}
	case "recipient_count", "size":
		if _, err := strconv.ParseUint(value, 10, 63); err != nil {
			return fmt.Errorf("%s=%.100q: write a number, in digits", name, value)
		}
	}
	return nil
}
