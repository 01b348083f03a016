// Package postern carries the schema of __db, so that the program can print it
// and make an embedded database.
//
// The folder's name begins with underscores, so the go command passes it over;
// an embed directive of a package above it does not.
package postern

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed __db/*.sql __db/additions/*.sql __db/sqlite/*.sql
var files embed.FS

// SchemaFile is one file of the schema.
type SchemaFile struct {
	Name string // file name without its folder, e.g. alias.sql
	SQL  string
}

// SchemaFiles returns the files of the schema for a driver, "mysql" (MariaDB
// 10.10 or newer) or "sqlite", in an order in which they load: the tables by
// name, then what is added to them. The tables load in any other order too.
func SchemaFiles(driver string) ([]SchemaFile, error) {
	switch driver {
	case "mysql":
		return readFolders("__db", "__db/additions")
	case "sqlite":
		return readFolders("__db/sqlite")
	}
	return nil, fmt.Errorf("schema: no driver %q: mysql or sqlite", driver)
}

// Schema returns the whole schema for a driver as one script. The one for
// mysql is for the mariadb client (it contains DELIMITER lines); the one for
// sqlite runs in any client.
func Schema(driver string) (string, error) {
	list, err := SchemaFiles(driver)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, f := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "-- %s\n%s", f.Name, f.SQL)
	}
	return b.String(), nil
}

func readFolders(folders ...string) ([]SchemaFile, error) {
	var list []SchemaFile
	for _, folder := range folders {
		entries, err := files.ReadDir(folder) // sorted by name
		if err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			text, err := files.ReadFile(path.Join(folder, e.Name()))
			if err != nil {
				return nil, fmt.Errorf("schema: %w", err)
			}
			list = append(list, SchemaFile{Name: e.Name(), SQL: string(text)})
		}
	}
	return list, nil
}
