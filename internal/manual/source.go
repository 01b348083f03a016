package manual

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// source is the comments of a package.
type source struct {
	pkg    *comment.Doc
	fields map[string]string // Type.Field → comment
}

// readSource reads the Go files of a folder, without its tests.
func readSource(dir string) (*source, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("manual: %w", err)
	}
	s := &source{fields: map[string]string{}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("manual: %w", err)
		}
		if file.Doc != nil {
			s.pkg = new(comment.Parser).Parse(file.Doc.Text())
		}
		ast.Inspect(file, s.node)
	}
	if s.pkg == nil {
		return nil, fmt.Errorf("manual: no documented Go package in %s: name the folder internal/config of the source tree", dir)
	}
	return s, nil
}

// node takes the comments of struct fields.
func (s *source) node(n ast.Node) bool {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	t, ok := spec.Type.(*ast.StructType)
	if !ok {
		return false
	}
	for _, field := range t.Fields.List {
		for _, name := range field.Names {
			s.fields[spec.Name.Name+"."+name.Name] = field.Doc.Text()
		}
	}
	return false
}
