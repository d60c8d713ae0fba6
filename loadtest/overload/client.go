package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// patience is how long a client waits for its order before it disconnects.
const patience = 2 * time.Second

// responseSize bounds the response to an order, and statusSize the line with its status.
const (
	responseSize = 8 << 10
	statusSize   = 100
)

// An outcome is what became of an order.
type outcome int

const (
	placed outcome = iota
	refused
	gaveUp
	failed
)

// A client sends orders to a store. It speaks HTTP/1.1 by itself, because what
// the clients use of the processors is missing to the store.
type client struct {
	store *store
	mu    sync.Mutex
	idle  []*connection
}

type connection struct {
	net.Conn
	reader *bufio.Reader
}

// order places an order. The client gives up at the end of its patience, which
// began at a time.
func (c *client) order(ctx context.Context, began time.Time) (outcome, error) {
	deadline := began.Add(patience)
	conn, err := c.connect(ctx, deadline)
	if err == nil {
		var o outcome
		if o, err = conn.exchange(deadline, c.store.order()); err == nil {
			c.mu.Lock()
			c.idle = append(c.idle, conn)
			c.mu.Unlock()
			return o, nil
		}
		_ = conn.Close()
	}
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return gaveUp, nil
	}
	return failed, err
}

func (c *client) connect(ctx context.Context, deadline time.Time) (*connection, error) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		conn := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		return conn, nil
	}
	c.mu.Unlock()
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, "tcp", c.store.address)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReaderSize(conn, responseSize)}, nil
}

// close closes the connections that no order uses.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		_ = conn.Close()
	}
	c.idle = nil
}

// exchange sends a request and reads the response.
func (c *connection) exchange(deadline time.Time, request []byte) (outcome, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return failed, err
	}
	if _, err := c.Write(request); err != nil {
		return failed, err
	}
	status, err := c.line()
	if err != nil {
		return failed, err
	}
	first := string(status[:min(len(status), statusSize)])
	length, err := c.header()
	if err != nil {
		return failed, err
	}
	if length < 0 || length > responseSize {
		return failed, fmt.Errorf("the response with status %q has a length of %d", first, length)
	}
	body, err := c.reader.Peek(length)
	if err != nil {
		return failed, err
	}
	defer c.reader.Discard(length) //nolint:errcheck // the bytes are in the buffer
	switch {
	case bytes.Contains(body, []byte(`"status":"CONFIRMED"`)):
		return placed, nil
	case bytes.Contains(body, []byte(`OVERLOADED"`)), bytes.Contains(body, []byte(`"Unavailable"`)):
		return refused, nil
	}
	return failed, &unexpected{fmt.Sprintf("%s: %.300s", first, body)}
}

// header reads the header of a response. It returns the length of the body, or -1.
func (c *connection) header() (int, error) {
	length := -1
	for {
		line, err := c.line()
		if err != nil {
			return length, err
		}
		if len(line) == 0 {
			return length, nil
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return length, fmt.Errorf("reading the length of a response: %w", err)
			}
		}
	}
}

// line reads a line of the response. It is valid until the next read.
func (c *connection) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// unexpected is a response that is neither an order nor a refusal.
type unexpected struct{ text string }

func (u *unexpected) Error() string { return u.text }
