//go:build unix

package subgraph

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"souk/internal/rawsocket"
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
	n, err := rawsocket.Write(fd, b)
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return n, err
}

// readNow reads what a socket has. blocked says that it has nothing yet.
func readNow(fd uintptr, b []byte) (n int, blocked bool, err error) {
	n, err = rawsocket.Read(fd, b)
	return n, errors.Is(err, syscall.EAGAIN), err
}

// quiet returns errStale if a socket has bytes to read or is closed.
func quiet(fd uintptr) error {
	var b [1]byte
	n, err := rawsocket.Peek(fd, b[:])
	switch {
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
