package http1

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// watches reports whether the system tells when clients disconnect.
const watches = true

// A watcher notices connections whose clients have closed them, or that have failed. The kernel
// tells once for each, and nothing is done per request.
type watcher struct {
	file *os.File // an epoll instance
	raw  syscall.RawConn

	mu    sync.Mutex
	last  uint64
	conns map[uint64]*conn
}

// maxEvents is how many events are taken from the kernel at once.
const maxEvents = 64

func newWatcher() (*watcher, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating an epoll instance: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // for the poller of the runtime
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("creating an epoll instance: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "epoll"), conns: map[uint64]*conn{}}
	if w.raw, err = w.file.SyscallConn(); err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("creating an epoll instance: %w", err)
	}
	go w.run()
	return w, nil
}

func (w *watcher) close() { _ = w.file.Close() }

// add starts to watch a connection. It reports false if that is not possible.
func (w *watcher) add(c *conn) bool {
	socket, ok := c.rwc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	w.mu.Lock()
	w.last++
	c.raw, c.watched = raw, w.last
	w.conns[c.watched] = c
	w.mu.Unlock()
	// Each event has the number of the connection in its data, which the kernel does not use.
	event := syscall.EpollEvent{
		Events: syscall.EPOLLRDHUP | 1<<31, // EPOLLET; the constant of package syscall is negative
		Fd:     int32(uint32(c.watched)), Pad: int32(uint32(c.watched >> 32)),
	}
	if err := w.control(c, syscall.EPOLL_CTL_ADD, &event); err != nil {
		w.drop(c)
		return false
	}
	return true
}

// remove stops watching a connection that remains open.
func (w *watcher) remove(c *conn) {
	if c.watched == 0 {
		return
	}
	_ = w.control(c, syscall.EPOLL_CTL_DEL, new(syscall.EpollEvent))
	w.drop(c)
}

func (w *watcher) drop(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c.watched)
	c.watched = 0
}

func (w *watcher) control(c *conn, operation int, event *syscall.EpollEvent) error {
	var failed error
	err := w.raw.Control(func(epoll uintptr) {
		err := c.raw.Control(func(fd uintptr) { failed = syscall.EpollCtl(int(epoll), operation, int(fd), event) })
		failed = errors.Join(err, failed)
	})
	return errors.Join(err, failed)
}

// run takes events until the watcher is closed.
func (w *watcher) run() {
	events := make([]syscall.EpollEvent, maxEvents)
	for {
		n := 0
		err := w.raw.Read(func(epoll uintptr) bool {
			var err error
			n, err = syscall.EpollWait(int(epoll), events, 0)
			return err != nil && !errors.Is(err, syscall.EINTR) || n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			w.mu.Lock()
			c := w.conns[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]
			w.mu.Unlock()
			if c != nil { // otherwise it has been removed
				c.hungUp.Store(true)
				c.cancelIfGone()
			}
		}
	}
}

// disconnected reports whether the client has closed the connection and nothing is left to read.
func (c *conn) disconnected() bool {
	gone := false
	err := c.raw.Control(func(fd uintptr) {
		for {
			var b [1]byte
			n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			gone = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN)
			return
		}
	})
	return err == nil && gone
}
