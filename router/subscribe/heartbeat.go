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
	out  *bufio.Writer
	busy bool // a message was written since the last heartbeat
}

func newFlusher(w http.ResponseWriter, heartbeat time.Duration, giveUp context.CancelFunc) *flusher {
	return &flusher{w: w, out: bufio.NewWriterSize(w, smallMessage), control: http.NewResponseController(w), giveUp: giveUp, patience: max(heartbeat, minPatience)}
}

// smallMessage is the size of the write buffer in bytes. A message up to this size
// takes one write; a larger one is not copied.
const smallMessage = 2 << 10

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
	compose(f.out) // Flush returns any error
	err := f.out.Flush()
	if err == nil {
		err = f.control.Flush()
	}
	if err != nil {
		f.giveUp()
		return fmt.Errorf("writing to a stream: %w", err)
	}
	return nil
}

// beat sends heartbeats until ctx is done or a write fails.
func (f *flusher) beat(ctx context.Context, every time.Duration, sign string) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if f.beatOnce(sign) != nil {
			return
		}
	}
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
	ctx, cancel := context.WithCancel(ctx)
	var beat sync.WaitGroup
	if heartbeat > 0 {
		beat.Go(func() { f.beat(ctx, heartbeat, sign) })
	}
	err := run(ctx)
	cancel()
	beat.Wait()
	return err
}
