// Package detach lets the response to a request outlive its handler, so that an idle stream costs
// little memory.
//
// While a handler runs, package net/http keeps the stack of its goroutine, which the chain of
// handlers has grown, two buffers, the request and more: 30 kB. A handler that expects a long
// response therefore calls [Take], passes a function to [Response.Serve] and returns. When all
// handlers have returned, the function runs in a goroutine of its own. The response lasts, even
// longer than the function, until [Response.End] closes its connection.
//
// Handlers around it must not take their return for the end of the response: they pass what they
// do at the end to [After]. Handlers that do not know this package must not be between [Handler]
// and the handler that calls Take.
//
// Only responses of HTTP/1.1 can be detached. detach.go has all of it.
package detach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"souk/internal/linger"
)

// ErrUnsupported is the error of Take for a response that cannot outlive its handler.
var ErrUnsupported = errors.New("the response cannot outlive its handler")

type connectionKey struct{}

// A connection is the state of a connection that a server accepted. With HTTP/1, it has one
// request at a time; with HTTP/2, nothing is ever stored in it.
type connection struct {
	within bool // a request is being served below Handler
	taken  *Response
}

// ConnContext is the value of http.Server.ConnContext that Take needs.
func ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, new(connection))
}

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// Handler starts the responses that next has detached, once next has returned.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connectionOf(r.Context())
		if c == nil || r.ProtoMajor != 1 {
			next.ServeHTTP(w, r)
			return
		}
		c.within = true
		returned := false
		defer func() {
			c.within = false
			switch {
			case c.taken == nil:
			case returned && c.taken.run != nil:
				go c.taken.run()
			default: // a panic, which package net/http logs
				c.taken.End()
			}
		}()
		next.ServeHTTP(w, r)
		returned = true
	})
}

// Supports reports whether the response to r can outlive its handler. It may still turn out that
// the writer of the response does not give its connection away.
func Supports(r *http.Request) bool {
	c := connectionOf(r.Context())
	return c != nil && c.within && c.taken == nil && r.ProtoMajor == 1 && r.ProtoMinor >= 1
}

// A Response outlives its handler.
type Response struct {
	net.Conn
	written atomic.Int64
	run     func()

	unread atomic.Bool // the client has sent something that nobody reads
	failed atomic.Bool // a write has failed

	mu    sync.Mutex
	after []func()
	last  func() // called after all others; nil if there is none
	ended bool
}

// Take takes the connection of a request from its server. The buffer has what the client has
// sent ahead. What has been written to w must have been flushed. If the response cannot outlive
// the handler, the error wraps ErrUnsupported, and w can be used as before.
func Take(w http.ResponseWriter, r *http.Request) (*Response, *bufio.ReadWriter, error) {
	if !Supports(r) {
		return nil, nil, ErrUnsupported
	}
	conn, buffer, err := http.NewResponseController(w).Hijack()
	switch {
	case errors.Is(err, http.ErrNotSupported):
		return nil, nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case err != nil:
		return nil, nil, fmt.Errorf("taking over a connection: %w", err)
	}
	d := &Response{Conn: conn}
	d.unread.Store(buffer.Reader.Buffered() > 0) // more may have followed
	connectionOf(r.Context()).taken = d
	return d, buffer, nil
}

// Serve calls run when all handlers have returned, unless one of them panics. run must have End
// called when the response is complete, or when its connection fails. last is called when the
// response has ended, after the functions of After.
func (d *Response) Serve(run, last func()) { d.run, d.last = run, last }

// Watch calls left when the client closes the connection. It may also call left when the response
// ends. If the client sends something, nobody reads it, and only a failing write tells that the
// client has left: package net/http does the same. So do not call Watch if the client has sent
// something ahead.
func (d *Response) Watch(left func()) { go d.watch(left) }

func (d *Response) watch(left func()) {
	var one [1]byte
	if _, err := d.Read(one[:]); err != nil {
		left()
		return
	}
	d.unread.Store(true)
}

// Write implements io.Writer.
func (d *Response) Write(b []byte) (int, error) {
	n, err := d.Conn.Write(b)
	d.written.Add(int64(n))
	if err != nil {
		d.failed.Store(true)
	}
	return n, err //nolint:wrapcheck // a writer passes errors on
}

// Written returns the number of bytes that were written after Take.
func (d *Response) Written() int64 { return d.written.Load() }

// End closes the connection and calls the functions of After. If the client has sent something
// that nobody has read, End lingers first.
func (d *Response) End() {
	if d.unread.Load() && !d.failed.Load() {
		_ = linger.Close(d.Conn)
	} else {
		_ = d.Close()
	}
	d.mu.Lock()
	list, last := d.after, d.last
	d.ended, d.after, d.last, d.run = true, nil, nil, nil
	d.mu.Unlock()
	for _, f := range list {
		f()
	}
	if last != nil {
		last()
	}
}

// Of returns the response to the request with a context if it is detached, otherwise nil.
func Of(ctx context.Context) *Response {
	if c := connectionOf(ctx); c != nil {
		return c.taken
	}
	return nil
}

// After calls f when the response has ended: in the order of the calls, or at once if it has
// already.
func (d *Response) After(f func()) {
	d.mu.Lock()
	if !d.ended {
		d.after = append(d.after, f)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	f()
}

// After calls f when the response to the request with a context has ended. That is now, unless the
// response is detached: handlers call After when they return.
func After(ctx context.Context, f func()) {
	if d := Of(ctx); d != nil {
		d.After(f)
		return
	}
	f()
}

// Request returns a copy of a request for the time after its handler: its context is not canceled
// when the handler returns, and it retains none of the buffers of the connection.
func Request(r *http.Request) *http.Request {
	out := r.WithContext(context.WithoutCancel(r.Context()))
	out.Body = http.NoBody
	return out
}
