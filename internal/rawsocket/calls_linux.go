//go:build linux && (amd64 || arm64) && !race

package rawsocket

import (
	"syscall"
	"unsafe"
)

// Read reads what has arrived. It returns 0 at the end of the connection.
func Read(fd uintptr, b []byte) (int, error) {
	return transfer(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT)
}

// Peek is like Read, but what it returns can be read again.
func Peek(fd uintptr, b []byte) (int, error) {
	return transfer(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_PEEK)
}

// Write writes as much as the socket accepts.
func Write(fd uintptr, b []byte) (int, error) {
	return transfer(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

func transfer(call, fd uintptr, b []byte, flags uintptr) (int, error) {
	for {
		n, _, failed := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch failed {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, failed
		}
	}
}
