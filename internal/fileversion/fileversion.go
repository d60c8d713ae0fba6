// Package fileversion tells whether a file has been replaced or changed between two looks at it.
package fileversion

import "os"

// Same reports whether two looks found the same version of a file. nil stands for a file that
// could not be found. Another file is another version even if its time and size are the same: a
// symbolic link may name it now.
func Same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
