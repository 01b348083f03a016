// Package scratch starts private servers in scratch folders: MariaDB, Postfix
// and a sink for mail. Tests, benchmarks and the demo stand on them.
package scratch
