package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"postern/internal/nearest"
)

// document is a parsed file that still knows its lines.
type document struct {
	name string
	file *ast.File
}

// byteOrderMark is what editors elsewhere put before a text; it says nothing in
// UTF-8.
var byteOrderMark = []byte("\ufeff")

// parseDocument reads the YAML of text, one document at most.
func parseDocument(name string, text []byte) (*document, error) {
	d := &document{name: name}
	text = bytes.TrimPrefix(text, byteOrderMark)
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, &Error{name, 0, errors.New("the file holds NUL bytes: it is not YAML text")}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, d.located(err)
	}
	d.file = file
	if len(file.Docs) > 1 && file.Docs[1].Body != nil {
		return nil, &Error{name, file.Docs[1].Body.GetToken().Position.Line, errors.New("a second YAML document: put everything in one")}
	}
	return d, nil
}

// empty reports a file without a value: only comments, say.
func (d *document) empty() bool {
	return len(d.file.Docs) == 0 || d.file.Docs[0].Body == nil ||
		d.file.Docs[0].Body.Type() == ast.CommentType || d.file.Docs[0].Body.Type() == ast.NullType
}

// decode fills into, and takes unknown keys for errors.
func (d *document) decode(into any) error {
	if d.empty() {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict())
	if err := decoder.DecodeFromNode(d.file.Docs[0].Body, into); err != nil {
		return d.located(err)
	}
	return nil
}

// line is the line of the node at path ("$.maps.everyone.of[1]"), or of the
// nearest node above it that the file has.
func (d *document) line(path string) int {
	for path != "" && path != "$" {
		if node := d.node(path); node != nil {
			return nodeLine(node)
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return 0
}

// node is the node at path; nil if the file has none there.
func (d *document) node(path string) ast.Node {
	p, err := yaml.PathString(path)
	if err != nil {
		return nil
	}
	node, err := p.FilterFile(d.file)
	if err != nil || node == nil || node.GetToken() == nil {
		return nil
	}
	return node
}

// nodeLine is where the reader looks for a node: a mapping's token is its
// first colon, which stands on the line of its first key.
func nodeLine(node ast.Node) int {
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}

// unknownKey names the key that was not known and the one that was meant.
func (d *document) unknownKey(e *yaml.UnknownFieldError) error {
	key := e.Token.Value
	finder := &keyFinder{token: e.Token.Position.Offset, line: e.Token.Position.Line, key: key}
	if len(d.file.Docs) > 0 {
		ast.Walk(finder, d.file.Docs[0].Body)
	}
	known := keysAt(reflect.TypeFor[Config](), finder.path)
	where := "at the top level"
	if i := strings.LastIndexByte(finder.path, '.'); i > 1 {
		where = "in " + strings.TrimPrefix(finder.path[:i], "$.")
	}
	if near := nearest.Word(key, known); near != "" {
		return fmt.Errorf("unknown key %q %s: did you mean %q?", key, where, near)
	}
	return fmt.Errorf("unknown key %q %s: known are %s", key, where, strings.Join(known, ", "))
}

// keyFinder finds the path of the key at a token.
type keyFinder struct {
	token, line int
	key, path   string
}

// Visit looks at one node of the tree.
func (f *keyFinder) Visit(node ast.Node) ast.Visitor {
	if v, ok := node.(*ast.MappingValueNode); ok {
		t := v.Key.GetToken()
		if t.Position.Line == f.line && t.Value == f.key && (f.path == "" || t.Position.Offset == f.token) {
			f.path = v.GetPath()
			if f.path == "" || !strings.HasSuffix(f.path, "."+f.key) {
				f.path = v.Key.GetPath()
			}
		}
	}
	return f
}

// keysAt is the keys that the struct around path knows.
func keysAt(t reflect.Type, path string) []string {
	steps := strings.FieldsFunc(strings.TrimPrefix(path, "$"), func(r rune) bool { return r == '.' || r == '[' })
	for i := 0; i < len(steps)-1; i++ {
		t = child(t, steps[i])
		if t == nil {
			return nil
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return yamlKeys(t)
}

// child is the type below t at one step of a path.
func child(t reflect.Type, step string) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map, reflect.Slice:
		return t.Elem()
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == step {
				return f.Type
			}
			if options == "inline" {
				if c := child(f.Type, step); c != nil {
					return c
				}
			}
		}
	}
	return nil
}

// yamlKeys lists the keys of a struct type.
func yamlKeys(t reflect.Type) []string {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if options == "inline" {
			keys = append(keys, yamlKeys(t.Field(i).Type)...)
		} else if name != "" && name != "-" {
			keys = append(keys, name)
		}
	}
	return keys
}
