// Package migrate moves a Postfix host from mysql: tables and PostSRSd to
// postern, and back.
//
// # What it does
//
// [Read] takes in main.cf and master.cf, the mysql_table(5) files that they
// name, and the settings of PostSRSd 1.x or 2.x. [Source.Plan] makes of it a
// postern.yaml and a list of [Edit]s: parameters of main.cf and -o overrides
// of master.cf, each with its old and its new value. [Compare] asks the old
// tables, as Postfix searches them, and the new maps the same keys. [Apply]
// writes the files.
//
// # Tables
//
// A file whose query is one of the nine of the reference stack becomes the
// built-in map, whatever its name. Others stay: postern serves them by
// maps: {NAME: {cf: FILE, search: CLASS}}, and lists of tables become one map
// by of:, so that Postfix's order of keys is kept. Tables that virtual(8) or
// local(8) open stay as they are: these daemons accept no table that another
// process answers. A table used in two ways of searching stays, too.
//
// # Wiring
//
// With the built-in alias map, virtual_alias_domains is set to the hosted
// domains, and cleanup services of submission get their aliases back, because
// mail to a hosted domain would bounce there otherwise. A regular expression
// that refuses inbound SRS senders becomes a policy check at the same place
// with srs_inbound: any.
//
// # Safety
//
// Nothing is changed before everything was read, planned and compared. Files
// that exist are kept beside the new ones under a name with a time stamp, and
// every file is replaced in one step. main.cf and master.cf are edited by
// postconf(1) in a copy. A second run finds nothing to do. Passwords and
// secrets go to files of mode 0600 and into no output.
//
// # Known limits
//
// Parameters that are put together from pieces of table names ($type:$dir/x)
// are replaced as a whole where they stand; a $name that stands for one table
// in two ways of searching is left. PostSRSd's envelope database is not taken
// over.
package migrate
