package manual

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"postern/internal/config"
)

// Form is how the value of a setting is written.
type Form int

// The forms.
const (
	Value   Form = iota // on the line of the key
	Block               // settings of its own
	List                // entries with "- ", of blocks
	ByNames             // entries with a name, of values or blocks
)

// Setting is one key of postern.yaml.
type Setting struct {
	Key      string
	Path     string // from the top: policyd.greylist.delay
	Doc      string // one paragraph
	Kind     string // of value, for people: duration
	Form     Form
	Default  []string // as YAML; of List and ByNames one for each entry, else one at most
	Example  []string // in the same way, for what has no default
	Stated   bool     // the default stands in the comment only: config.Defaults has none
	Required bool
	Shared   bool      // by every check
	Settings []Setting // of the block, or of each entry
}

// Settings reads the comments of package config in its folder dir and returns
// the settings of postern.yaml in the order of the fields.
func Settings(dir string) ([]Setting, error) {
	source, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	all, errs := source.block(reflect.ValueOf(*config.Defaults()), "")
	return all, errors.Join(errs...)
}

// block describes the fields of a struct.
func (s *source) block(v reflect.Value, prefix string) (all []Setting, errs []error) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			inner, more := s.block(v.Field(i), prefix)
			all, errs = append(all, inner...), append(errs, more...)
		case f.IsExported() && key != "":
			one, more := s.setting(t.Name()+"."+f.Name, key, prefix, v.Field(i))
			one.Shared = t == reflect.TypeFor[config.Check]()
			all, errs = append(all, one), append(errs, more...)
		}
	}
	return all, errs
}

// setting describes one field.
func (s *source) setting(field, key, prefix string, v reflect.Value) (Setting, []error) {
	one := Setting{Key: key, Path: prefix + key, Kind: kinds()[v.Type()]}
	var errs []error
	if err := one.comment(s.fields[field]); err != nil {
		errs = append(errs, fmt.Errorf("config.%s: %w", field, err))
	}
	inner := s.inside(&one, v)
	if inner.IsValid() {
		var more []error
		one.Settings, more = s.block(inner, one.Path+".")
		errs = append(errs, more...)
	}
	if one.Form == Block {
		return one, errs
	}
	if text := written(v); text != "" {
		if one.Default != nil || one.Example != nil {
			errs = append(errs, fmt.Errorf("config.%s: the default is %s: its comment names another value", field, text))
		}
		one.Default = []string{text}
	}
	return one, errs
}

// inside is the struct whose fields are settings below one, if there is one,
// and sets the form.
func (s *source) inside(one *Setting, v reflect.Value) reflect.Value {
	t := v.Type()
	switch {
	case one.Kind != "":
		return reflect.Value{}
	case t.Kind() == reflect.Struct:
		one.Form = Block
		return v
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct:
		one.Form = Block
		return reflect.Zero(t.Elem())
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		one.Form = List
		return reflect.Zero(t.Elem())
	case t.Kind() == reflect.Map:
		one.Form = ByNames
		if t.Elem().Kind() == reflect.Struct {
			return reflect.Zero(t.Elem())
		}
	}
	return reflect.Value{}
}

// comment takes the text of a field's comment apart.
func (one *Setting) comment(text string) error {
	var prose []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "Default: "); ok {
			one.Default = append(one.Default, value)
		} else if value, ok := strings.CutPrefix(line, "Example: "); ok {
			one.Example = append(one.Example, value)
		} else if line != "" {
			prose = append(prose, line)
		}
	}
	one.Stated = one.Default != nil
	one.Doc = strings.Join(prose, " ")
	one.Doc, one.Required = strings.CutPrefix(one.Doc, "Required. ")
	switch {
	case one.Doc == "":
		return errors.New("it has no comment: write what it does, for postern.yaml(5)")
	case one.Default != nil && one.Example != nil:
		return errors.New("its comment has a default and an example: keep one")
	}
	return nil
}

// Walk calls visit for every setting, outer ones first.
func Walk(settings []Setting, visit func(Setting)) {
	for _, s := range settings {
		visit(s)
		Walk(s.Settings, visit)
	}
}
