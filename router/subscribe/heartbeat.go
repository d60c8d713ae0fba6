package subscribe

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"souk/internal/detach"
)

// minPatience is the minimum time limit for a write to a client.
const minPatience = 5 * time.Second

// A flusher writes messages to a client and flushes each. It writes a heartbeat if
// no message has been written for a while.
type flusher struct {
	output    output
	header    http.ResponseWriter // until the response has begun
	heartbeat time.Duration       // 0 means none
	patience  time.Duration       // time limit of a write

	mu     sync.Mutex
	giveUp context.CancelFunc // called when a write fails; nil until the stream runs
	busy   bool               // a message was written since the last heartbeat
	failed error              // of the write that failed: a part of a chunk may be missing, so nothing may follow
}

func (f *flusher) init(w http.ResponseWriter, heartbeat time.Duration) {
	f.output, f.header = newResponse(w), w
	f.heartbeat, f.patience = heartbeat, max(heartbeat, minPatience)
}

// begin sends the header and a first message.
func (f *flusher) begin(contentType string, first func(*bufio.Writer)) error {
	h := f.header.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // stops nginx from buffering
	f.header.WriteHeader(http.StatusOK)
	f.header = nil
	return f.send(first)
}

// Detach makes the stream go on in a response that outlives its handler. Call it between
// Begin and Serve.
func (f *flusher) Detach(d *detach.Response) { f.output = newChunks(d) }

// send writes and flushes the message that compose writes. It gives up on a client
// that does not read for longer than patience.
func (f *flusher) send(compose func(*bufio.Writer)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = true
	return f.write(compose)
}

func (f *flusher) write(compose func(*bufio.Writer)) error {
	if f.failed != nil {
		return f.failed
	}
	if err := f.output.send(f.patience, compose); err != nil {
		f.failed = fmt.Errorf("writing to a stream: %w", err)
		if f.giveUp != nil {
			f.giveUp()
		}
	}
	return f.failed
}

// beatOnce sends a heartbeat unless a message was written since the last call.
func (f *flusher) beatOnce(sign string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	busy := f.busy
	f.busy = false
	if busy {
		return nil
	}
	return f.write(func(out *bufio.Writer) { _, _ = out.WriteString(sign) })
}

// carry runs a stream, with heartbeats, and ends the response. A heartbeat of 0 turns them
// off. last writes what follows the last response and returns what ended gets.
func (f *flusher) carry(ctx context.Context, sign string, run func(context.Context, func(error)), last func(error) error, ended func(error)) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	f.giveUp = cancel
	f.mu.Unlock()
	quiet := func() {}
	if f.heartbeat > 0 {
		quiet = every(f.heartbeat, func() bool { return f.beatOnce(sign) == nil })
	}
	run(ctx, func(err error) {
		quiet()
		err = last(err)
		if failed := f.end(); err == nil {
			err = failed
		}
		cancel()
		ended(err)
	})
}

// end ends the response. After a failed write, only the end of the connection may follow: clients
// would take the last chunk for the rest of the one that was cut off (RFC 9112, section 7.1).
func (f *flusher) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	if err := f.output.end(f.patience); err != nil {
		return fmt.Errorf("ending a stream: %w", err)
	}
	return nil
}

// every calls f at an interval until f returns false or stop is called, which waits for a call in
// progress. There is no goroutine between the calls: thousands of idle streams would each have one.
func every(interval time.Duration, f func() bool) (stop func()) {
	var (
		mu      sync.Mutex
		stopped bool
		timer   *time.Timer
	)
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(interval, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped && f() {
			timer.Reset(interval)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
	}
}
