package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"postern"
	"postern/internal/scratch"
)

// database is a private MariaDB with the schema of ours.
type database struct {
	*scratch.MariaDB
	lab  *lab
	feed string // file that installs the change feed
}

// startDatabase starts it with all 15 tables and no rows.
func (l *lab) startDatabase(ctx context.Context) (*database, error) {
	files, err := l.writeSchema()
	if err != nil {
		return nil, err
	}
	m, err := scratch.StartMariaDB(ctx, scratch.MariaDBOptions{ExtraArgs: []string{
		"--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M", "--max-connections=300",
	}})
	if err != nil {
		return nil, err
	}
	last := len(files) - 1
	if err := m.Load(ctx, files[:last]...); err != nil {
		m.Stop()
		return nil, err
	}
	return &database{m, l, files[last]}, nil
}

// writeSchema writes the schema's files; the last is the change feed.
func (l *lab) writeSchema() ([]string, error) {
	schema, err := postern.SchemaFiles("mysql")
	if err != nil {
		return nil, err
	}
	dir, err := l.folder()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, f := range schema {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, []byte(f.SQL), 0o600); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// domains is how many hosted domains there are, fwd00000.test and on.
const domains = 20000

// addAliases adds aliases first to last, spread over all domains: their
// addresses come in the order of their index, so it is quick. No measured
// statement uses the indexes on goto, which would take most of the time.
func (d *database) addAliases(ctx context.Context, first, last int) error {
	if first == 0 {
		if err := d.Exec(ctx, `ALTER TABLE alias DROP KEY idx_alias_goto_id, DROP KEY idx_alias_goto_created,
			DROP KEY idx_alias_goto_modified`); err != nil {
			return err
		}
		if err := d.Exec(ctx, fmt.Sprintf(`INSERT INTO domain (name)
			SELECT CONCAT('fwd', LPAD(seq, 5, '0'), '.test') FROM seq_0_to_%d`, domains-1)); err != nil {
			return err
		}
	}
	return d.Exec(ctx, fmt.Sprintf(`SET unique_checks = 0, foreign_key_checks = 0;
		INSERT INTO alias (address, goto)
		SELECT CONCAT('user', LPAD(seq, 7, '0'), '@fwd', LPAD(MOD(seq, %d), 5, '0'), '.test'),
		       CONCAT('dest', LPAD(seq, 7, '0'), '@outside.example')
		FROM seq_%d_to_%d`, domains, first, last))
}

// alias is the address of alias number i, and target where it leads.
func alias(i int) string  { return fmt.Sprintf("user%07d@fwd%05d.test", i, i%domains) }
func target(i int) string { return fmt.Sprintf("dest%07d@outside.example", i) }

// unknown is an address of the same length that does not exist.
func unknown(i int) string { return fmt.Sprintf("none%07d@fwd%05d.test", i, i%domains) }

// block is the database block of postern.yaml for this server at addr.
func (d *database) block(addr string) string {
	return fmt.Sprintf("database: {hosts: [%q], name: %s, user: %s, password: %s}\ntables: {max_memory: 1GiB}\n",
		addr, d.Database(), d.User(), d.Password())
}

// cf writes a mysql_table(5) file and returns its name.
func (d *database) cf(name, query string) (string, error) {
	dir, err := d.lab.folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name+".cf")
	return path, os.WriteFile(path, []byte(d.cfText(query)), 0o644)
}

// cfText is a mysql_table(5) file for one query.
func (d *database) cfText(query string) string {
	return fmt.Sprintf("hosts = inet:%s\ndbname = %s\nuser = %s\npassword = %s\nquery = %s\n",
		d.Addr(), d.Database(), d.User(), d.Password(), query)
}

// aliasQuery is the stock query of virtual aliases.
const aliasQuery = "SELECT goto FROM alias WHERE address = '%s' AND active = 1"
