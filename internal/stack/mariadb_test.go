//go:build integration

package stack

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mariadbSocket is where Debian's server listens beside its port.
const mariadbSocket = "/run/mysqld/mysqld.sock"

// startMariaDB starts Debian's server with Debian's configuration.
func startMariaDB() (*process, error) {
	if _, err := os.Stat("/var/lib/mysql/mysql"); err != nil { // a test of the installation took it away
		if _, err := run("", "mariadb-install-db", "--user=mysql"); err != nil {
			return nil, err
		}
	}
	p, err := startProcess("mariadbd", "/usr/sbin/mariadbd", "--user=mysql",
		"--innodb-use-native-aio=0", // io_uring is refused in many containers
		"--innodb-flush-log-at-trx-commit=2")
	if err != nil {
		return nil, err
	}
	return p, p.await(func() error {
		db, err := openDatabase("")
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Ping()
	})
}

// openDatabase opens a database as root, who is known by the socket.
func openDatabase(name string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "unix", mariadbSocket, "root", name
	cfg.MultiStatements = true
	cfg.Logger = &mysql.NopLogger{} // a server that starts refuses at first
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// makeDatabase makes the database of the manual, and its rows.
func makeDatabase() error {
	schema, err := run("", program, "schema")
	if err != nil {
		return err
	}
	rows, err := os.ReadFile("testdata/rows.sql")
	if err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("DROP DATABASE IF EXISTS maildb;\nCREATE DATABASE maildb CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n")
	for _, host := range []string{"localhost", "127.0.0.1"} {
		fmt.Fprintf(&script, "CREATE OR REPLACE USER mailuser@'%s' IDENTIFIED BY '%s';\n", host, databasePassword)
		fmt.Fprintf(&script, "GRANT SELECT, INSERT, UPDATE, DELETE ON maildb.* TO mailuser@'%s';\n", host)
	}
	script.WriteString("USE maildb;\n" + schema + "\n" + string(rows))
	_, err = run(script.String(), "mariadb", "--default-character-set=utf8mb4")
	return err
}
