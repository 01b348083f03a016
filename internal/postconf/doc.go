// Package postconf reads Postfix's main.cf and master.cf as postconf(1) and
// the daemons read them, and remembers for every piece of text the file and
// line it stands in.
//
// # Files
//
// A logical line starts with a character that is no white space, and goes on
// over lines that start with white space; comments and empty lines may stand
// between. In main.cf it is "name = value", and a later entry overrides an
// earlier one. In master.cf it is eight fields and the arguments of the
// daemon, among them "-o name=value" and "-o { name = value }". (postconf(5),
// master(5))
//
// # Values
//
// [View] is what one service sees, its -o overrides included, or what main.cf
// alone says. $name, ${name}, $(name), ${name?text}, ${name:text},
// ${name?{text}:{text}} and ${{text} == {text} ? {text} : {text}} are
// expanded as deep as Postfix does (100 levels) and up to a megabyte.
// [Setting.At] tells where each byte of the result was written, so that an
// element of a list is found on its own line.
//
// # Defaults
//
// What main.cf does not set has the default of the installed Postfix, which
// [Program] asks postconf(1) for. [Builtin] is a small table of the
// parameters that this project judges, for hosts without Postfix.
//
// # Tables
//
// [Config.Lookups] lists every lookup table that a service of master.cf
// opens, with the parameter or restriction that names it, the kind of key
// search that is done in it, and the daemon that opens it: proxymap(8) where
// the table is a proxy: one.
//
// # Limits
//
// Files are read up to 16 MB. Of elements that name a file of patterns
// ("/path" in a list), the file is not read. Parameters of LDAP, SQL and
// other tables that are written in main.cf itself (legacy names such as
// NAME_hosts) count as user-defined.
package postconf
