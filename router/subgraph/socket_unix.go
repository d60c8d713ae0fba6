//go:build unix

package subgraph

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// socketOf returns the socket of a connection, or nil if it does not provide it.
func socketOf(opened net.Conn) syscall.RawConn {
	s, ok := opened.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// writeNow writes what a socket accepts without blocking.
func writeNow(fd uintptr, b []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}

// readNow reads what a socket has. blocked says that it has nothing yet.
func readNow(fd uintptr, b []byte) (n int, blocked bool, err error) {
	for {
		n, err = syscall.Read(int(fd), b)
		if !errors.Is(err, syscall.EINTR) {
			return n, errors.Is(err, syscall.EAGAIN), err
		}
	}
}

// quiet returns errStale if a socket has bytes to read or is closed.
func quiet(fd uintptr) error {
	for {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errStale, err)
		case n > 0:
			return errUnsolicited
		default:
			return errStale
		}
	}
}
