package manual

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"postern/internal/config"
)

// kinds are the types whose values stand on one line, in words.
func kinds() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[string]():            "text",
		reflect.TypeFor[config.Secret]():     "text",
		reflect.TypeFor[int]():               "number",
		reflect.TypeFor[bool]():              "true or false",
		reflect.TypeFor[*bool]():             "true or false",
		reflect.TypeFor[[]string]():          "list",
		reflect.TypeFor[config.Words]():      "text or list",
		reflect.TypeFor[config.Rates]():      "limit or list",
		reflect.TypeFor[config.Duration]():   "duration",
		reflect.TypeFor[config.Size]():       "size",
		reflect.TypeFor[config.Percent]():    "percentage",
		reflect.TypeFor[config.Share]():      "share",
		reflect.TypeFor[config.Listener]():   "location",
		reflect.TypeFor[[]config.Listener](): "list of locations",
	}
}

// written is a default as postern.yaml spells it, empty for a zero value.
func written(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	switch value := v.Interface().(type) {
	case config.Duration:
		return duration(time.Duration(value))
	case config.Size:
		return size(int64(value))
	case config.Percent:
		return strconv.FormatFloat(float64(value), 'g', -1, 64) + "%"
	case []string:
		return flow(value)
	}
	return flow(v.Interface())
}

// duration has one unit, the largest that leaves no fraction; up to 90 s are seconds.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%unit.length == 0 && (d > time.Minute || unit.length <= time.Second) {
			return fmt.Sprintf("%d%s", d/unit.length, unit.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

// size is a number of bytes with the largest unit that leaves no fraction.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}

// flow writes a value on one line.
func flow(value any) string {
	switch v := value.(type) {
	case string:
		return quoted(v)
	case []string:
		return flowList(v)
	case []any:
		return flowList(v)
	case yaml.MapSlice:
		entries := make([]string, len(v))
		for i, item := range v {
			entries[i] = quoted(fmt.Sprint(item.Key)) + ": " + flow(item.Value)
		}
		return "{" + strings.Join(entries, ", ") + "}"
	}
	return fmt.Sprint(value)
}

// flowList writes a list on one line.
func flowList[T any](list []T) string {
	words := make([]string, len(list))
	for i, item := range list {
		words[i] = flow(item)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// plain are texts that YAML takes for texts, without quotes.
var plain = regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9/_.:@+-]*$`)

// quoted is a text as YAML needs it.
func quoted(s string) string {
	words := []string{"on", "off", "yes", "no", "true", "false", "null", "y", "n"}
	_, number := strconv.ParseFloat(s, 64)
	_, hexadecimal := strconv.ParseInt(s, 0, 64)
	if plain.MatchString(s) && number != nil && hexadecimal != nil && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}
