package accesslog

import (
	"io"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// maxBuffered bounds the lines that wait to be written, in bytes.
const maxBuffered = 1 << 20

// A Writer passes lines on to a slower writer in the background. It is safe for concurrent use.
type Writer struct {
	to      io.Writer
	dropped prometheus.Counter

	mu      sync.Mutex
	waiting []byte
	closed  bool
	wake    chan struct{} // has a token if waiting is not empty
	done    chan struct{}
}

// NewWriter returns a Writer that counts the lines it drops. The caller must call Close.
func NewWriter(to io.Writer, dropped prometheus.Counter) *Writer {
	w := &Writer{to: to, dropped: dropped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line, or drops it if too many are waiting.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.waiting)+len(line) > maxBuffered {
		w.dropped.Inc()
		return len(line), nil
	}
	w.waiting = append(w.waiting, line...)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

func (w *Writer) run() {
	defer close(w.done)
	var lines []byte
	for range w.wake {
		w.mu.Lock()
		lines, w.waiting = w.waiting, lines[:0]
		w.mu.Unlock()
		_, _ = w.to.Write(lines) // there is nowhere to report that standard output is closed
	}
}

// Close writes the lines that wait. The lines of later requests are dropped. It does nothing if
// w is nil.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.wake) // a token that is in the channel is still received
	}
	w.mu.Unlock()
	<-w.done
	return nil
}
