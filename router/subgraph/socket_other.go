//go:build !unix

package subgraph

import (
	"net"
	"syscall"
)

// socketOf returns nil: Windows has no system call that looks at a socket of the Go runtime
// without blocking. A connection that cannot be checked serves one request, so HTTP/1.1
// connections to subgraphs are not reused.
func socketOf(net.Conn) syscall.RawConn { return nil }

// The following are not called without a socket.

func writeNow(uintptr, []byte) (int, error)                    { return 0, errStale }
func readNow(uintptr, []byte) (n int, blocked bool, err error) { return 0, false, errStale }
func quiet(uintptr) error                                      { return errStale }
