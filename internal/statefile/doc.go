// Package statefile keeps a small state in one file across restarts: a file
// that is either the whole old state or the whole new one, and never a mixture.
//
// # Format
//
//	postern NAME VERSION\n     the name of the format, and its version in decimal
//	…                          the body, as the package that owns it writes it
//	4 bytes                    CRC-32C of all before, little-endian
//
// # Versions
//
// Read hands the version to the reader of the body, which reads its own and the
// one before. A body should grow by parts that older readers step over; then
// its version need not change, and going back to an older release works too.
// A version rises when an older reader would be wrong, not when there is more.
//
// # Bad days
//
// The file is written beside the old one, synchronised and renamed, so a crash
// or a full disk leaves the old file as it was. What a crash left half written
// (NAME.*.tmp, which nobody locks) is removed at the next Read or Write.
//
// Before a body is read, the whole file is checked. A file that is torn,
// damaged or of another format is renamed to NAME.damaged, one of a newer
// version to NAME.newer: it stays as it is for the release that wrote it, as
// the next Write takes its name. Each replaces one that was there before, so
// a file that is damaged every day does not fill the disk. Trouble while
// reading the disk is neither; the file is left alone.
//
// # Security
//
// Files have mode 0600. A state may hold addresses, so it is not made readable
// to anybody by a copy that is set aside either. A file keeps its owner whoever
// writes it. A symbolic link is followed,
// so the file may live elsewhere; the folder must belong to the daemon alone.
//
// # Known limits
//
// A checksum finds accidents, not forgery. The file is read twice. Two
// processes that write one file do not harm it: the last one wins.
package statefile
