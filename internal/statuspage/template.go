package statuspage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

//go:embed page.html
var pageText string

//go:embed page.css
var styleText string

// parsed is the page, ready to be filled in.
func parsed() *template.Template { return template.Must(template.New("page").Parse(pageText)) }

func style() template.CSS { return template.CSS(styleText) }

// policy is the Content-Security-Policy: our style and nothing else. The empty
// icon keeps browsers from asking for one.
func policy() string {
	sum := sha256.Sum256([]byte(styleText))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
