package scratch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Message is a mail that left for the outside world.
type Message struct {
	Sender     string   // of the envelope, without <>; empty for the null sender
	Recipients []string // of the envelope, in the order of the RCPT commands
	Data       []byte   // header and body with "\n" line ends, begins with the sink's Received:
}

// Messages are all that were taken up to now, in the order of their ends;
// after Stop, those that Messages or Wait saw before.
func (s *Sink) Messages(ctx context.Context) ([]Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder != nil {
		if err := s.read(ctx); err != nil {
			return nil, fmt.Errorf("scratch sink: %w", err)
		}
	}
	return slices.Clone(s.messages), nil
}

// Wait returns as soon as n messages have been taken in all; more may be there.
func (s *Sink) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		messages, err := s.Messages(ctx)
		if err != nil || len(messages) >= n {
			return messages, err
		}
		select {
		case <-ctx.Done():
			return messages, fmt.Errorf("scratch sink: %w: %d of %d messages came", ctx.Err(), len(messages), n)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// read takes the messages that begin before the present end of the file: after
// the barrier these are whole. A later one may not be.
func (s *Sink) read(ctx context.Context) error {
	info, err := os.Stat(s.file())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() <= s.offset {
		return nil
	}
	if err := s.barrier(ctx); err != nil {
		return err
	}
	text, err := readFrom(s.file(), s.offset)
	if err != nil {
		return err
	}
	return s.take(text, info.Size()-s.offset)
}

// take splits text into messages and keeps those that begin before limit.
func (s *Sink) take(text []byte, limit int64) error {
	mark := []byte(s.mark)
	for pos := int64(0); pos < limit; {
		rest := text[pos:]
		if !bytes.HasPrefix(rest, mark) {
			return fmt.Errorf("capture file: no message begins at byte %d", s.offset)
		}
		end := bytes.Index(rest[len(mark):], mark)
		size := len(rest)
		if end >= 0 {
			size = len(mark) + end
		}
		message, err := parseMessage(rest[len(mark):size])
		if err != nil {
			return err
		}
		s.messages = append(s.messages, message)
		s.offset += int64(size)
		pos += int64(size)
	}
	return nil
}

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// parseMessage reads the dump format of smtp-sink(1): its own X- lines, then
// the mail, then an empty line.
func parseMessage(text []byte) (Message, error) {
	var m Message
	rest := text
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		name, value, _ := strings.Cut(string(line), ": ")
		switch name {
		case "X-Client-Addr", "X-Client-Proto", "X-Helo-Args":
		case "X-Mail-Args":
			m.Sender = envelopeAddress(value)
		case "X-Rcpt-Args":
			m.Recipients = append(m.Recipients, envelopeAddress(value))
		default:
			if len(m.Recipients) == 0 {
				return m, fmt.Errorf("capture file: no recipient before %q", line)
			}
			m.Data = bytes.TrimSuffix(rest, []byte("\n"))
			return m, nil
		}
		if !ok {
			return m, fmt.Errorf("capture file: message ends in its envelope at %q", line)
		}
		rest = after
	}
}

// envelopeAddress takes the address out of "FROM:<address> SIZE=123". A quoted
// local part may hold a ">".
func envelopeAddress(args string) string {
	_, rest, ok := strings.Cut(args, "<")
	if !ok {
		return strings.TrimSpace(args)
	}
	quoted := false
	for i := 0; i < len(rest); i++ {
		switch {
		case quoted && rest[i] == '\\':
			i++
		case rest[i] == '"':
			quoted = !quoted
		case rest[i] == '>' && !quoted:
			return rest[:i]
		}
	}
	return rest
}
