package loopback

import (
	"net/netip"
	"os"
	"syscall"
)

// reserve binds a socket to a port and keeps it until release is called, without listening. Linux lets a
// program bind to and listen on a port that a socket is bound to, if both allow that with
// SO_REUSEADDR and that socket does not listen (socket(7)), which servers do. Who reserves a port
// does not allow it before it has the port.
func reserve(port int) (release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(Host).As4()}))
	if err == nil {
		err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return func() { _ = syscall.Close(fd) }, nil
}
