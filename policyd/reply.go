package policyd

import "bufio"

// writeReply frames an action: bare LF, for Postfix takes a CR for text and
// waits for more until smtpd_policy_service_timeout.
func writeReply(w *bufio.Writer, a Action) error {
	if a.IsDunno() {
		_, err := w.WriteString("action=DUNNO\n\n")
		return err
	}
	reply := append(w.AvailableBuffer(), "action="...)
	reply = append(reply, a.verb...)
	if a.text != "" {
		reply = append(reply, ' ')
		reply = append(reply, a.text...)
	}
	_, err := w.Write(append(reply, "\n\n"...))
	return err
}
