package subscribe_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"souk/internal/detach"
	"souk/router/subscribe"
)

// A cutConn is a connection that takes a limited number of bytes, and then one write fails after a
// part of it.
type cutConn struct {
	net.Conn
	room   int
	failed bool
	after  bytes.Buffer // what is written after that
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.failed {
		return c.after.Write(b)
	}
	if len(b) > c.room {
		c.failed = true
		return c.room, os.ErrDeadlineExceeded
	}
	c.room -= len(b)
	return len(b), nil
}

func (c *cutConn) SetWriteDeadline(time.Time) error { return nil }

// writers has all streams over HTTP.
var writers = map[string]func(http.ResponseWriter) subscribe.Writer{
	"server-sent events": func(w http.ResponseWriter) subscribe.Writer {
		return subscribe.NewEvents(w, 0, func() string { return "" })
	},
	"multipart": func(w http.ResponseWriter) subscribe.Writer { return subscribe.NewSubscriptionParts(w, 0) },
}

// ends are the reasons that a stream ends with when a write has failed.
var ends = map[string]func(error) error{
	"failed write": func(err error) error { return err },
	"expired token": func(error) error {
		return &subscribe.Failure{Errors: []byte(`[{"message":"expired"}]`), Transport: true}
	},
	"completed": func(error) error { return nil },
}

// After a write has failed in the middle of a chunk, nothing follows it: the client would take a
// last chunk for data.
func TestNothingFollowsAFailedWrite(t *testing.T) {
	for writer, open := range writers {
		for end, reason := range ends {
			t.Run(writer+", "+end, func(t *testing.T) {
				out := open(httptest.NewRecorder())
				if err := out.Begin(); err != nil {
					t.Fatal(err)
				}
				conn := &cutConn{room: 60 << 10}
				out.Detach(&detach.Response{Conn: conn})
				result := make(chan error, 1)
				out.Serve(t.Context(), func(_ context.Context, emit func([]byte) error, ended func(error)) {
					event := bytes.Repeat([]byte("1"), 40<<10)
					if err := emit(event); err != nil {
						t.Errorf("emit() = %v for the first event", err)
					}
					err := emit(event)
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("emit() = %v, want %v", err, os.ErrDeadlineExceeded)
					}
					ended(reason(err))
				}, func(err error) { result <- err })
				if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the stream ended with %v, want %v", err, os.ErrDeadlineExceeded)
				}
				if conn.after.Len() > 0 {
					t.Errorf("%q follows a failed write", conn.after.String())
				}
			})
		}
	}
}

// A cutClient is a ResponseWriter that takes one write, fails the next and records what follows.
type cutClient struct {
	*httptest.ResponseRecorder
	writes int
}

func (c *cutClient) Write(b []byte) (int, error) {
	c.writes++
	if c.writes == 2 {
		return len(b) / 2, os.ErrDeadlineExceeded
	}
	return len(b), nil
}

// It is the same for a response whose handler still runs.
func TestNothingFollowsAFailedWriteOfAHandler(t *testing.T) {
	for writer, open := range writers {
		for end, reason := range ends {
			t.Run(writer+", "+end, func(t *testing.T) {
				w := &cutClient{ResponseRecorder: httptest.NewRecorder()}
				out := open(w)
				if err := out.Begin(); err != nil {
					t.Fatal(err)
				}
				out.Serve(t.Context(), func(_ context.Context, emit func([]byte) error, ended func(error)) {
					err := emit([]byte("{}"))
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("emit() = %v, want %v", err, os.ErrDeadlineExceeded)
					}
					ended(reason(err))
				}, func(error) {})
				if w.writes != 2 {
					t.Errorf("%d writes, want 2", w.writes)
				}
			})
		}
	}
}

// It is the same for deferred parts.
func TestNoPartFollowsAFailedWrite(t *testing.T) {
	w := &cutClient{ResponseRecorder: httptest.NewRecorder()}
	parts := subscribe.NewParts(w, http.StatusOK, "")
	if err := parts.Send([]byte("{}"), false); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := parts.Send([]byte("{}"), true); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Send() = %v, want %v", err, os.ErrDeadlineExceeded)
		}
	}
	if w.writes != 2 {
		t.Errorf("%d writes, want 2", w.writes)
	}
}
