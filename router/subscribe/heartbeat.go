package subscribe

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// minPatience is how long a client that does not read is waited for at least.
const minPatience = 5 * time.Second

// A flusher writes messages to a client, each at once, and a sign of life
// when there has been nothing else to write.
type flusher struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	giveUp   context.CancelFunc // called when the client cannot be written to
	patience time.Duration

	mu   sync.Mutex
	out  *bufio.Writer
	busy bool // something was written since the last sign of life
}

func newFlusher(w http.ResponseWriter, heartbeat time.Duration, giveUp context.CancelFunc) *flusher {
	return &flusher{w: w, out: bufio.NewWriterSize(w, smallMessage), control: http.NewResponseController(w), giveUp: giveUp, patience: max(heartbeat, minPatience)}
}

// smallMessage is up to which size a message is written at once. A larger one
// is not copied.
const smallMessage = 2 << 10

// send writes what compose writes. A client that does not read for
// too long is given up.
func (f *flusher) send(compose func(*bufio.Writer)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = true
	return f.write(compose)
}

func (f *flusher) write(compose func(*bufio.Writer)) error {
	// Not every writer knows deadlines; those that do not have no slow clients.
	_ = f.control.SetWriteDeadline(time.Now().Add(f.patience))
	compose(f.out) // an error stays until Flush
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

// beat sends signs of life until ctx ends or the client is gone.
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

// carry runs a stream with signs of life beside it.
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
