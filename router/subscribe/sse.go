package subscribe

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A Stream hands each response, a JSON text, to emit, until there are no
// more, ctx is done, or emit fails. The text is emit's only while it runs.
type Stream func(ctx context.Context, emit func(response []byte) error) error

// ServeEvents writes a stream as server-sent events: a next event for each
// response, and at the end complete. A comment is sent when nothing else has
// been for as long as heartbeat. It returns when the stream has ended.
func ServeEvents(ctx context.Context, w http.ResponseWriter, heartbeat time.Duration, run Stream) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx keeps events back
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &events{w: w, control: http.NewResponseController(w), cancel: cancel, patience: max(heartbeat, minPatience)}
	if err := s.write([]byte(":\n\n")); err != nil { // so that the client sees the headers
		return err
	}
	var beat sync.WaitGroup
	if heartbeat > 0 {
		beat.Go(func() { s.beat(ctx, heartbeat) })
	}
	err := run(ctx, s.next)
	cancel()
	beat.Wait()
	if err != nil {
		return err
	}
	return s.write([]byte("event: complete\ndata:\n\n"))
}

// minPatience is how long a client that does not read is waited for at least.
const minPatience = 5 * time.Second

type events struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	cancel   context.CancelFunc
	patience time.Duration

	mu   sync.Mutex
	out  bytes.Buffer
	busy bool // something was written since the last beat
}

func (s *events) next(response []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Reset()
	s.out.WriteString("event: next\n")
	for line := range bytes.SplitSeq(response, []byte("\n")) {
		s.out.WriteString("data: ")
		s.out.Write(bytes.TrimSuffix(line, []byte("\r")))
		s.out.WriteByte('\n')
	}
	s.out.WriteByte('\n')
	s.busy = true
	return s.send(s.out.Bytes())
}

func (s *events) write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.send(b)
}

// send writes under the lock. A client that does not read for too long is
// given up.
func (s *events) send(b []byte) error {
	// Not every writer knows deadlines; those that do not have no slow clients.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.patience))
	_, err := s.w.Write(b)
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		s.cancel()
		return fmt.Errorf("writing an event: %w", err)
	}
	return nil
}

func (s *events) beat(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		quiet := !s.busy
		s.busy = false
		if quiet && s.send([]byte(":\n\n")) != nil {
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}
