// Package lines writes lines, such as those of a log, to an output that may hang, such as a
// pipe whose reader is stuck. Neither those who write nor the end of the program wait for it
// longer than a bound.
//
// lines.go is all of it.
package lines

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// MaxBuffered bounds the lines that wait to be written, in bytes.
	MaxBuffered = 1 << 20
	// Patience is how long the end of a program waits for its output.
	Patience = 5 * time.Second
)

// Options configure a Writer.
type Options struct {
	// To receives whole lines, one or more at a time.
	To io.Writer
	// Dropped is called for each line that is dropped because too many wait.
	Dropped func()
	// Wait is how long Write waits until its line is written. Once it has waited in vain, it
	// does not wait until the output takes lines again. If Wait is zero, it never waits.
	Wait time.Duration
	// Patience is how long Close waits: the constant of this name if zero.
	Patience time.Duration
}

// A Writer passes lines on to a slower writer in the background. It is safe for concurrent use.
type Writer struct {
	options Options

	mu      sync.Mutex
	waiting []byte
	spare   []byte // the buffer that waiting gets next
	closed  bool
	stuck   bool // a call of Write has waited in vain
	// written is closed when the lines that wait now are written. It is nil unless a call of
	// Write waits for that.
	written chan struct{}
	// idle is closed when no line is left; nil if none is.
	idle chan struct{}
}

// New returns a Writer.
func New(o Options) *Writer {
	if o.Patience == 0 {
		o.Patience = Patience
	}
	return &Writer{options: o}
}

// Write takes one line, or drops it if too many are waiting. It does not fail.
func (w *Writer) Write(line []byte) (int, error) {
	if written := w.add(line); written != nil {
		timer := time.NewTimer(w.options.Wait)
		defer timer.Stop()
		select {
		case <-written:
		case <-timer.C:
			w.mu.Lock()
			w.stuck = true
			w.mu.Unlock()
		}
	}
	return len(line), nil
}

// add adds a line to those that wait. It returns a channel if the caller is to wait for it.
func (w *Writer) add(line []byte) (written chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.waiting)+len(line) > MaxBuffered {
		w.options.Dropped()
		return nil
	}
	w.waiting = append(w.waiting, line...)
	if w.options.Wait > 0 && !w.stuck {
		if w.written == nil {
			w.written = make(chan struct{})
		}
		written = w.written
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
		go w.run()
	}
	return written
}

// run writes lines until none is left.
func (w *Writer) run() {
	for {
		w.mu.Lock()
		lines, written := w.waiting, w.written
		if len(lines) == 0 {
			close(w.idle)
			w.idle, w.stuck = nil, false
			w.mu.Unlock()
			return
		}
		w.waiting, w.spare, w.written = w.spare[:0], nil, nil
		w.mu.Unlock()
		_, _ = w.options.To.Write(lines) // there is nowhere to report that the output is closed
		if written != nil {
			close(written)
		}
		w.mu.Lock()
		w.spare = lines
		w.mu.Unlock()
	}
}

// Close waits until the lines that wait are written, but not longer than Options.Patience, and
// reports whether some are lost. Lines of later calls are dropped. It does nothing if w is nil.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	timer := time.NewTimer(w.options.Patience)
	defer timer.Stop()
	return flush(w, timer.C)
}

// Flush waits until the lines that wait are written, but not after ctx is done.
func (w *Writer) Flush(ctx context.Context) error { return flush(w, ctx.Done()) }

// flush is Flush until end sends or is closed.
func flush[T any](w *Writer, end <-chan T) error {
	w.mu.Lock()
	idle := w.idle
	w.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-end:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Errorf("the output hangs: at least %d bytes of lines are lost", len(w.waiting))
}
