package loopback

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// reserve binds a socket to a port and keeps it until ctx ends, without listening. Linux lets a
// program bind to and listen on a port that a socket is bound to, if both allow that with
// SO_REUSEADDR and that socket does not listen (socket(7)), which servers do. Whoever looks for a free
// port in this package does not allow it before it has the port.
func reserve(ctx context.Context, port int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(host).As4()}))
	if err == nil {
		err = share(fd, true)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return err
	}
	context.AfterFunc(ctx, func() { _ = syscall.Close(fd) })
	return nil
}

// listen listens on an address that is not reserved.
func listen(ctx context.Context, address string) (net.Listener, error) {
	own := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return control(c, false) }}
	l, err := own.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = control(c, true) // who listens here later need not wait for the end of old connections
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return l, nil
}

func control(c syscall.RawConn, shares bool) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = share(int(fd), shares) }); e != nil {
		return e
	}
	return err
}

// share sets whether others may bind to the address of a socket while it does not listen.
func share(fd int, shares bool) error {
	value := 0
	if shares {
		value = 1
	}
	return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, value))
}
