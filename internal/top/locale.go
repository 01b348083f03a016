package top

import "strings"

// UTF8 reports whether the locale of an environment is a UTF-8 one. As POSIX
// has it, LC_ALL goes before LC_CTYPE, and that before LANG; without any of
// them, and in "C" and "POSIX", it is ASCII.
func UTF8(getenv func(string) string) bool {
	locale := ""
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale = getenv(name); locale != "" {
			break
		}
	}
	_, charset, _ := strings.Cut(locale, ".")
	charset, _, _ = strings.Cut(charset, "@")
	charset = strings.ToLower(strings.ReplaceAll(charset, "-", ""))
	return charset == "utf8"
}
