package daemon

import (
	"regexp"
	"strings"
)

var (
	// login is that of a URL, whose password ends at the last @ of the authority.
	login = regexp.MustCompile(`(://[^\s:/@"]*:)[^\s/]*@`)

	// unmarshal is how the reader of web configuration files (gopkg.in/yaml)
	// quotes a value of the wrong type: it may be a password.
	unmarshal = regexp.MustCompile("(cannot unmarshal !!\\w+) `[^`]*`")
)

// withoutSecrets takes out of a text what quotes a password. The packages of
// postern quote none; this is for the words of libraries.
func withoutSecrets(text string) string {
	if strings.Contains(text, "://") {
		text = login.ReplaceAllString(text, "${1}[hidden]@")
	}
	if strings.Contains(text, "cannot unmarshal !!") {
		text = unmarshal.ReplaceAllString(text, "$1")
	}
	return text
}
