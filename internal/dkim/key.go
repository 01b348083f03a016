package dkim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// keyLimit is the largest key file that is read, in bytes: RSA of 16384 bits
// takes 13 KiB.
const keyLimit = 64 << 10

// Owner is whose files these are; -1 leaves an id as it is.
type Owner struct{ UID, GID int }

// Nobody leaves the files to who makes them.
func Nobody() Owner { return Owner{-1, -1} }

// readKey reads a key below the folder keys. A key that is not there is
// fs.ErrNotExist; every other error means that OpenDKIM could not use it.
func readKey(keys *os.Root, name string, owner Owner) (*rsa.PrivateKey, error) {
	f, err := keys.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO has nothing to wait for
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	if err := checkFile(f, owner); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, keyLimit))
	if err != nil {
		return nil, bare(err)
	}
	return parseKey(data)
}

// checkFile asks what OpenDKIM asks of a key file (RequireSafeKeys).
func checkFile(f *os.File, owner Owner) error {
	info, err := f.Stat()
	if err != nil {
		return bare(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	uid, gid := int(stat.Uid), int(stat.Gid)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is no file")
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Errorf("others can use it (mode %04o), so OpenDKIM does not: chmod 0600", info.Mode().Perm())
	case owner.UID >= 0 && uid != owner.UID && uid != 0:
		return fmt.Errorf("it belongs to user %d, so OpenDKIM does not use it: chown it to user %d", uid, owner.UID)
	case owner.UID > 0 && uid == 0 && (gid != owner.GID || info.Mode()&0o040 == 0):
		return fmt.Errorf("it belongs to root, and OpenDKIM cannot read it: chown it to user %d", owner.UID)
	case info.Size() == 0:
		return errors.New("it is empty")
	}
	return nil
}

func parseKey(data []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it is no PEM file")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		if key, ok := key.(*rsa.PrivateKey); ok {
			return key, nil
		}
		return nil, errors.New("it is no RSA key")
	}
	return nil, fmt.Errorf("it holds a %.40q, no RSA key", block.Type)
}

// addKey puts a key where none is: whole, or not at all. Who holds the lock of
// the folder calls it. A name that is taken is fs.ErrExist.
func addKey(keys *os.Root, name string, key *rsa.PrivateKey, owner Owner) (err error) {
	if err := addFolder(keys, path.Dir(name), owner); err != nil {
		return err
	}
	draft := path.Join(path.Dir(name), "."+path.Base(name)+".new")
	if err := keys.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash left it
		return err
	}
	defer func() {
		if gone := keys.Remove(draft); !errors.Is(gone, fs.ErrNotExist) { // it may never have been made
			err = errors.Join(err, gone)
		}
	}()
	if err := writeDraft(keys, draft, encodeKey(key), owner); err != nil {
		return err
	}
	if err := keys.Link(draft, name); err != nil {
		return err
	}
	return syncFolder(keys, path.Dir(name))
}

func encodeKey(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// addFolder makes a folder that OpenDKIM may enter and not change.
func addFolder(keys *os.Root, name string, owner Owner) error {
	err := keys.Mkdir(name, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := keys.Chmod(name, 0o750); err != nil { // whatever the umask is
		return err
	}
	if err := keys.Chown(name, -1, owner.GID); err != nil {
		return err
	}
	return syncFolder(keys, ".")
}

func writeDraft(keys *os.Root, name string, data []byte, owner Owner) error {
	f, err := keys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chown(owner.UID, owner.GID); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// syncFolder makes a new name last.
func syncFolder(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// bare is an error without the path, which the caller says.
func bare(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
