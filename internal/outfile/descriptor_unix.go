//go:build unix

package outfile

import (
	"os"
	"syscall"
)

// duplicate returns a file for a descriptor of this process, with the position in common.
func duplicate(descriptor int) (*os.File, error) {
	other, err := syscall.Dup(descriptor)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(other), "descriptor"), nil
}
