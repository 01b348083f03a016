//go:build integration

package stack

// makeKeys makes the DKIM keys of the hosted domains, and publishes the records
// that `postern dkim sync` prints.
func (s *stack) makeKeys() error {
	records, err := run("", program, "dkim", "sync")
	if err != nil {
		return err
	}
	return s.dns.publish(records)
}
