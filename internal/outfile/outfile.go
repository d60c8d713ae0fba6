// Package outfile writes the files that commands make, and tells whether one is an input of the
// command, which writing would destroy.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file in one step, so that nobody reads half of it. Through a symbolic link it
// writes the file that the link names. It writes in place where another file cannot be put:
// devices, pipes, and files of a directory that is read-only. A descriptor, such as
// /dev/stdout, it continues.
func Write(path string, text []byte) error {
	if open, err := descriptor(path); open != nil || err != nil {
		return writeOpen(open, path, text, err)
	}
	err := replace(path, text)
	if errors.Is(err, errInPlace) {
		err = os.WriteFile(path, text, 0o644)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: the directory %s does not exist; create it", path, filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; make it writable, or name another file", err)
	}
	return err
}

// writeOpen writes to an open file, unless it could not be had.
func writeOpen(open *os.File, path string, text []byte, err error) error {
	if err == nil {
		_, err = open.Write(text)
		err = errors.Join(err, open.Close())
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// errInPlace means that no other file can take the place of one.
var errInPlace = errors.New("the file must be written in place")

// replace writes another file, which takes the place of one.
func replace(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		if _, link := os.Readlink(path); link == nil {
			return errInPlace // of a file that does not exist yet
		}
		target = path
	} else if there, err := os.Stat(target); err == nil {
		if !there.Mode().IsRegular() {
			return errInPlace
		}
		mode = there.Mode().Perm()
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), filepath.Base(target)+".*")
	if err != nil {
		return errInPlace
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if os.Rename(temporary.Name(), target) != nil {
		return errInPlace // such as a file that a container mounts
	}
	return nil
}

// Among returns the first of the inputs of a command that is the file at a path, under whatever
// name, or "".
func Among(path string, inputs ...string) string {
	there, err := os.Stat(path)
	if err != nil {
		return ""
	}
	for _, input := range inputs {
		if one, err := os.Stat(input); err == nil && there.Mode().IsRegular() && os.SameFile(there, one) {
			return input
		}
	}
	return ""
}
