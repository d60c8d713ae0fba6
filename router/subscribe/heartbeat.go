package subscribe

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// minPatience is the minimum time limit for a write to a client.
const minPatience = 5 * time.Second

// A flusher writes messages to a client and flushes each. It writes a heartbeat if
// no message has been written for a while.
type flusher struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	giveUp   context.CancelFunc // called when a write fails
	patience time.Duration      // time limit of a write

	mu   sync.Mutex
	busy bool // a message was written since the last heartbeat
}

func newFlusher(w http.ResponseWriter, heartbeat time.Duration, giveUp context.CancelFunc) *flusher {
	return &flusher{w: w, control: http.NewResponseController(w), giveUp: giveUp, patience: max(heartbeat, minPatience)}
}

// smallMessage is the size of a write buffer in bytes. A message up to this size
// takes one write; a larger one is not copied.
const smallMessage = 2 << 10

// writers has write buffers. An idle stream has none.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, smallMessage) }}

// send writes and flushes the message that compose writes. It gives up on a client
// that does not read for longer than patience.
func (f *flusher) send(compose func(*bufio.Writer)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = true
	return f.write(compose)
}

func (f *flusher) write(compose func(*bufio.Writer)) error {
	// Ignore the error: some ResponseWriters, such as those in tests, do not
	// support deadlines.
	_ = f.control.SetWriteDeadline(time.Now().Add(f.patience))
	out, _ := writers.Get().(*bufio.Writer)
	out.Reset(f.w)
	compose(out) // Flush returns any error
	err := out.Flush()
	out.Reset(nil)
	writers.Put(out)
	if err == nil {
		err = f.control.Flush()
	}
	if err != nil {
		f.giveUp()
		return fmt.Errorf("writing to a stream: %w", err)
	}
	return nil
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

// carry runs a stream and sends heartbeats meanwhile. A heartbeat of 0 turns them
// off.
func (f *flusher) carry(ctx context.Context, heartbeat time.Duration, sign string, run func(context.Context) error) error {
	if heartbeat > 0 {
		defer every(heartbeat, func() bool { return f.beatOnce(sign) == nil })()
	}
	return run(ctx)
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
