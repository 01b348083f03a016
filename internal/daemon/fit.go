package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A line is kept below LineMax= of journald.conf(5), 48 KiB, where it would be
// split. Escaping makes up to six bytes of one (\u0001 in JSON).
const (
	lineLimit  = 47 << 10 // of a line as it is written, in bytes
	textsLimit = 4 << 10  // of all texts in it together, before they are escaped
	shortLimit = 200      // that every one has, though others used up the rest
	listLimit  = 50       // of the elements of a list
)

// fitHandler makes the words of others fit for a line: bounded, with addresses
// hidden, and nothing in them that the formats write as it is and should not.
type fitHandler struct {
	slog.Handler
	hide func(text string) string // nil: addresses stay
}

// Handle passes on a record like r, of texts that fit.
func (h fitHandler) Handle(ctx context.Context, r slog.Record) error {
	f := fitter{hide: h.hide, left: textsLimit}
	out := slog.NewRecord(r.Time, r.Level, f.text("", r.Message, shortLimit), r.PC)
	var room [24]slog.Attr // for the usual line
	attrs := room[:0]
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, f.attr(a))
		return true
	})
	out.AddAttrs(attrs...) // at once: one by one it would grow again and again
	return h.Handler.Handle(ctx, out)
}

// WithAttrs has them fit once.
func (h fitHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	f := fitter{hide: h.hide} // they stand in every line
	return fitHandler{h.Handler.WithAttrs(f.attrs(attrs)), h.hide}
}

// WithGroup keeps what is hidden.
func (h fitHandler) WithGroup(name string) slog.Handler {
	return fitHandler{h.Handler.WithGroup(name), h.hide}
}

// fitter makes the texts of one line fit.
type fitter struct {
	hide func(string) string
	left int // bytes that texts may have
}

func (f *fitter) attrs(list []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(list))
	for i, a := range list {
		out[i] = f.attr(a)
	}
	return out
}

func (f *fitter) attr(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, f.text(a.Key, a.Value.String(), shortLimit))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(f.attrs(a.Value.Group())...)}
	case slog.KindAny:
		return f.any(a.Key, a.Value.Any())
	}
	return a
}

// any is a value of a type that slog does not know. Only a list is one in JSON,
// too; all others are texts.
func (f *fitter) any(key string, value any) slog.Attr {
	switch v := value.(type) {
	case nil:
		return slog.Any(key, nil)
	case []string:
		list := slices.Clone(v[:min(len(v), listLimit)])
		for i := range list {
			list[i] = f.text(key, list[i], 0)
		}
		return slog.Any(key, list)
	case []byte:
		return slog.String(key, f.text(key, string(v), shortLimit))
	}
	return slog.String(key, f.text(key, fmt.Sprintf("%+v", value), shortLimit)) // with Error or String, and with a nil in it no panic
}

// text bounds a text to what is left, or to least, after the addresses in it were
// hidden: of one that is cut before, nobody could tell that it is an address.
func (f *fitter) text(key, text string, least int) string {
	text = withoutSecrets(text)
	if f.hide != nil {
		text = hidden(key, text[:min(len(text), 64<<10)], f.hide)
	}
	if limit := max(f.left, least); len(text) > limit {
		text = text[:whole(text, limit)] + "…"
	}
	f.left = max(0, f.left-len(text))
	// The one control character that slog writes as it is.
	return strings.ReplaceAll(text, "\x7f", "\u2421")
}

// whole is at most limit, and not in the midst of a character.
func whole(text string, limit int) int {
	for back := range min(limit, utf8.UTFMax) {
		if utf8.RuneStart(text[limit-back]) {
			return limit - back
		}
	}
	return limit
}

// hidden goes by what an attribute is: of an address or a login that was cut, or
// that has no domain, nothing else tells.
func hidden(key, text string, hide func(string) string) string {
	switch key {
	case "sender", "recipient", "login", "rewritten":
		return hideField(text, hide)
	}
	return hide(text)
}

// printableJSON escapes what json leaves as it is and no terminal should get:
// C1 controls, bidi overrides and other characters that cannot be seen. In a
// line of JSON they stand nowhere but in strings.
func printableJSON(line []byte) []byte {
	end := len(line) - 1 // the newline
	if end < 0 || bytes.IndexFunc(line[:end], unprintable) < 0 {
		return line
	}
	var out []byte
	for _, r := range string(line[:end]) {
		switch high, low := utf16.EncodeRune(r); {
		case !unprintable(r):
			out = utf8.AppendRune(out, r)
		case high != unicode.ReplacementChar:
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '\n')
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) && r != utf8.RuneError }
