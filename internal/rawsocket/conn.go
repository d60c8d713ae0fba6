//go:build unix

package rawsocket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// A Conn is a connection of the operating system that reads and writes with the functions of this
// package. Its errors are those of package net.
type Conn struct {
	net.Conn
	raw    syscall.RawConn
	reads  direction
	writes direction
}

// New returns a Conn, or nil if a connection is not a socket of package net.
func New(opened net.Conn) *Conn {
	switch opened.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return nil
	}
	raw, err := opened.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	c := &Conn{Conn: opened, raw: raw}
	c.reads.run, c.writes.run = c.reads.read, c.writes.write
	return c
}

// A direction is a read or a write in progress. It is part of the connection so that none allocates
// it.
type direction struct {
	sync.Mutex
	b   []byte
	n   int
	err error
	run func(fd uintptr) (done bool)
}

func (d *direction) read(fd uintptr) bool {
	d.n, d.err = Read(fd, d.b)
	return !errors.Is(d.err, syscall.EAGAIN)
}

func (d *direction) write(fd uintptr) bool {
	for d.n < len(d.b) {
		n, err := Write(fd, d.b[d.n:])
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if d.err = err; err != nil {
			break
		}
		d.n += n
	}
	return true
}

// do transfers p, with wait for what happens meanwhile. The caller has locked d.
func (d *direction) do(p []byte, wait func(func(fd uintptr) bool) error) (n int, failed, waiting error) {
	d.b, d.n, d.err = p, 0, nil
	waiting = wait(d.run)
	n, failed = d.n, d.err
	d.b, d.err = nil, nil
	return n, failed, waiting
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 || !c.reads.TryLock() { // several goroutines read
		return c.Conn.Read(p)
	}
	n, failed, waiting := c.reads.do(p, c.raw.Read)
	c.reads.Unlock()
	switch {
	case waiting != nil:
		return 0, c.failure("read", waiting)
	case failed != nil:
		return 0, c.failure("read", os.NewSyscallError("read", failed))
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 || !c.writes.TryLock() { // several goroutines write
		return c.Conn.Write(p)
	}
	n, failed, waiting := c.writes.do(p, c.raw.Write)
	c.writes.Unlock()
	switch {
	case waiting != nil:
		return n, c.failure("write", waiting)
	case failed != nil:
		return n, c.failure("write", os.NewSyscallError("write", failed))
	}
	return n, nil
}

// failure returns an error as that of package net.
func (c *Conn) failure(operation string, err error) error {
	if e := (*net.OpError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	remote := c.RemoteAddr()
	return &net.OpError{Op: operation, Net: remote.Network(), Source: c.LocalAddr(), Addr: remote, Err: err}
}
