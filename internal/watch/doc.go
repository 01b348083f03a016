// Package watch tells when the content of files changes, so that a daemon can
// load its configuration anew without being told to.
//
// # What is a change
//
// A file has changed when its bytes have: what was written with the same
// content, touched or given away has not. A file that is gone, cannot be read,
// or is no regular file has no content, and keeps the one it had last: who
// removes a file in order to write a better one is not at the end of his work.
// So the same content that comes back is no change; any other is one.
//
// # How files are replaced
//
// Not the file is watched (inotify(7)), which would lose a file that is replaced
// by rename(2), but every directory that its name leads through: the file may
// be replaced, removed and made again, lie behind symbolic links that are
// swapped (Kubernetes swaps the link ..data of a directory that it mounts), or
// in a directory that is not there yet or is replaced as a whole.
//
// Editors and programs write in several steps. Nothing is read until the names
// have been at rest for Quiet, or something has happened to them for AtMost. A
// file that is written in place and slower than that is read half written;
// replace files by rename.
//
// # Where nothing can be watched
//
// Without inotify, or where a directory must not be read or too much is watched
// already (fs.inotify.max_user_watches), the files are read every few seconds
// (Poll), with a warning. That some file systems, such as NFS, do not tell of
// changes made elsewhere cannot be noticed; so all files are read every half a
// minute in any case.
//
// # The order that loses nothing
//
// [Files.Set] notes the content of the files. A program that calls it, and reads
// the files itself after that, misses no change: one that comes in between
// is reported once more than needed.
//
// # Limits
//
// A file is read in whole for each look, into nothing but a checksum: files of
// some megabytes are fine, thousands of files are not.
package watch
