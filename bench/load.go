package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxResponse bounds a response of a gateway.
const maxResponse = 64 << 20

// A load sends the requests of a workload over connections that it keeps. Each connection sends the
// next request when it has the response to the last one, and is due.
type load struct {
	address  string
	requests [][]byte // complete HTTP requests, sent in turn
	conns    []*client
	next     atomic.Int64
	// every is the interval of the requests of one connection; 0 to send the next one at once.
	every time.Duration
}

// A client is one connection.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	body   bytes.Buffer
	took   []time.Duration
}

func newLoad(w *workload, address string) (*load, error) {
	l := &load{address: address}
	for i := range w.operations {
		body, err := w.body(i)
		if err != nil {
			return nil, err
		}
		head := "POST /graphql HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
		l.requests = append(l.requests, append([]byte(head), body...))
	}
	for range w.connections {
		l.conns = append(l.conns, &client{})
	}
	return l, nil
}

// run sends requests until a time or a number is reached. It returns the durations of all.
func (l *load) run(ctx context.Context, most time.Duration, count int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(count))
	start := time.Now()
	failed := make([]error, len(l.conns))
	var all sync.WaitGroup
	for i, c := range l.conns {
		all.Go(func() {
			c.took = c.took[:0]
			due := start.Add(l.every * time.Duration(i) / time.Duration(len(l.conns)))
			for ctx.Err() == nil && left.Add(-1) >= 0 && failed[i] == nil {
				began := time.Now()
				if l.every > 0 {
					if began = from(ctx, due); ctx.Err() != nil {
						break
					}
					due = due.Add(l.every)
				}
				failed[i] = c.send(l.address, l.requests[int(l.next.Add(1)-1)%len(l.requests)])
				c.took = append(c.took, time.Since(began))
			}
		})
	}
	all.Wait()
	var took []time.Duration
	for _, c := range l.conns {
		took = append(took, c.took...)
	}
	slices.Sort(took)
	return took, errors.Join(failed...)
}

// from waits until a request is due, and returns the time from which its response is waited for:
// that time, if it has passed because the previous response was late.
func from(ctx context.Context, due time.Time) time.Time {
	left := time.Until(due)
	if left <= 0 {
		return due
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return time.Now()
}

func (l *load) close() {
	for _, c := range l.conns {
		if c.conn != nil {
			_ = c.conn.Close()
		}
	}
}

// requestTimeout bounds one request.
const requestTimeout = 30 * time.Second

// send sends a request and checks the response.
func (c *client) send(address string, request []byte) error {
	if c.conn == nil {
		conn, err := (&net.Dialer{Timeout: requestTimeout}).DialContext(context.Background(), "tcp", address)
		if err != nil {
			return fmt.Errorf("connecting to a gateway: %w", err)
		}
		c.conn, c.reader = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	if _, err := c.conn.Write(request); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return fmt.Errorf("reading a response: %w", err)
	}
	defer response.Body.Close()
	c.body.Reset()
	if _, err := c.body.ReadFrom(io.LimitReader(response.Body, maxResponse)); err != nil {
		return fmt.Errorf("reading a response: %w", err)
	}
	if response.StatusCode != http.StatusOK || bytes.Contains(c.body.Bytes(), []byte(`"errors":[`)) {
		return fmt.Errorf("the response has status %d: %.300s", response.StatusCode, c.body.Bytes())
	}
	if response.Close {
		err := c.conn.Close()
		c.conn = nil
		return err
	}
	return nil
}
