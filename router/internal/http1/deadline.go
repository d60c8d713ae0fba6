package http1

import (
	"errors"
	"os"
	"sync"
	"time"
)

// A readDeadline is the read deadline of a connection. Setting one on a socket is dear, and nearly
// all pass unused. So a deadline that is set on the socket already stays if it is not later than the
// one that is wanted. When it strikes early, the next one is set and the read repeated.
type readDeadline struct {
	mu      sync.Mutex
	wanted  time.Time // zero for none
	armed   time.Time // on the socket; zero for none
	reading bool
}

// want sets the deadline of all reads, also of one in progress. A zero time removes it.
func (c *conn) want(t time.Time) error {
	d := &c.deadline
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.reading {
		return c.arm()
	}
	return nil
}

// arm sets the deadline on the socket, unless an earlier one is set.
func (c *conn) arm() error {
	d := &c.deadline
	if d.wanted.IsZero() || !d.armed.IsZero() && !d.armed.After(d.wanted) {
		return nil
	}
	d.armed = d.wanted
	return c.rwc.SetReadDeadline(d.armed)
}

// read reads from the connection until the deadline.
func (c *conn) read(p []byte) (int, error) {
	d := &c.deadline
	for {
		d.mu.Lock()
		if err := c.arm(); err != nil {
			d.mu.Unlock()
			return 0, err
		}
		d.reading = true
		d.mu.Unlock()
		n, err := c.rwc.Read(p)
		d.mu.Lock()
		d.reading = false
		early := false
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			early = d.wanted.IsZero() || time.Now().Before(d.wanted)
			if early {
				d.armed = d.wanted
				err = c.rwc.SetReadDeadline(d.armed)
			}
		}
		d.mu.Unlock()
		if !early || err != nil {
			return n, err
		}
	}
}
