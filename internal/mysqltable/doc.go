// Package mysqltable serves mysql_table(5) files of Postfix as they are.
//
// # Purpose
//
// A .cf file that says how Postfix asks a MySQL or MariaDB server becomes a
// [lookup.Map] that gives the same answers. [Parse] reads the file and needs
// no database; [Open] makes the map. The map answers one key as it is given:
// folding, the search for other key forms and the cache are layers above it.
//
// # File format
//
// `name = value`, one logical line each. A line that begins with white space
// continues the one before, without the line break. Empty lines, blank lines
// and lines that begin with `#`, also behind white space, are dropped, inside
// a continued value too. `$` and quotes mean nothing. Of a name given twice
// the last one wins. An unknown name is ignored, with a warning.
//
// # Parameters
//
// hosts, user, password, dbname, charset, option_file, option_group, tls_*,
// retry_interval, query, result_format, domain, expansion_limit,
// require_result_set, and in place of query: table, select_field,
// where_field, additional_conditions. All have the defaults of Postfix 3.10.
// idle_interval is checked and has no effect: connections belong to the pool,
// which all files for one database share.
//
// The option files of the MariaDB client library are read as the library does
// it for Postfix: /etc/my.cnf and /etc/mysql/my.cnf, or option_file in their
// place; the groups client, client-server, client-mariadb and option_group.
// Their user, host, port and socket stand in where the .cf file is silent;
// their TLS settings win over the .cf file; their password and character set
// are never used, because Postfix always gives its own.
//
// # Queries
//
// A quoted SQL string with expansions in it (%s, %u, …) becomes one parameter
// of a prepared statement, bound to the text that the server would have seen.
// Nothing of a key is ever part of the statement. What cannot be bound is
// refused when the file is read: an expansion outside of quotes, in a comment,
// behind a backslash, and a string where the server wants a literal, such as
// an alias, `SEPARATOR '%s'`, `_utf8'%s'`, `DATE '%s'`, `'a' '%s'`.
//
// Where the meaning of the quotes depends on the sql_mode of the server (`"`,
// or a backslash in a string), the mode of the session is asked first.
// %% is a percent sign; several statements are refused.
//
// # Security
//
// What a key holds reaches the server as a value only. It is in the log and in
// a trace, bounded and escaped. The password is in no message, no trace and no
// digest. A SELECT right suffices (EXECUTE for procedures).
//
// # Values
//
// Values are printed as the text protocol prints them. Columns of a type that
// prepared statements deliver otherwise (ZEROFILL, FLOAT, YEAR, …) make the
// map ask by the text protocol, the bound texts given as hexadecimal literals.
//
// # Errors
//
// Trouble with the database, an error of the statement and an exceeded
// expansion_limit are temporary. A value that is not UTF-8 is permanent, as it
// is for Postfix with SMTPUTF8 support on; a key that is not UTF-8 is not found.
//
// # Known limits
//
// Files for one database share its pool, with the limits of the first.
// `domain = type:table` is refused: such tables are Postfix's own. All rows of
// an answer together may have 1 MiB. Where Postfix turns to the next host
// because a query failed, the pool does so only if the connection failed.
// A key with `"` or `'` in it can break out of a `"…"` string under
// NO_BACKSLASH_ESCAPES in Postfix; here it cannot.
package mysqltable
