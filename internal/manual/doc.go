// Package manual writes the manual of the installed postern: postern.yaml(5),
// the commented example of that file, and a page of section 8 per command.
//
// # Where the texts come from
//
// Each text stands once. What a setting does is the comment of its field in
// package config, its default the value of config.Defaults or the line
// "Default:" of the comment; what a command does is what its --help prints.
// A setting without a comment is an error, so that none goes undocumented.
//
// # When
//
// At build time: the comments are read from the source tree (`make man`).
// Pages of commands need no source. The same source and date give the same
// bytes.
//
// # Form
//
// Pages use the macros of man(7) and are free of warnings of mandoc(1).
package manual
