//go:build unix && (race || !linux || (!amd64 && !arm64))

package rawsocket

import (
	"errors"
	"syscall"
)

// Read reads what has arrived. It returns 0 at the end of the connection.
func Read(fd uintptr, b []byte) (int, error) {
	return repeated(func() (int, error) { return syscall.Read(int(fd), b) })
}

// Peek is like Read, but what it returns can be read again.
func Peek(fd uintptr, b []byte) (int, error) {
	return repeated(func() (int, error) {
		n, _, err := syscall.Recvfrom(int(fd), b, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return n, err
	})
}

// Write writes as much as the socket accepts.
func Write(fd uintptr, b []byte) (int, error) {
	return repeated(func() (int, error) { return syscall.Write(int(fd), b) })
}

// repeated repeats a system call that a signal has interrupted.
func repeated(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
