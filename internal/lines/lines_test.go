package lines_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/internal/lines"
)

// A stuck output takes nothing until it is released.
type stuck struct {
	began   chan struct{}
	release chan struct{}
	once    sync.Once
	bytes.Buffer
}

func newStuck() *stuck { return &stuck{began: make(chan struct{}), release: make(chan struct{})} }

func (s *stuck) Write(b []byte) (int, error) {
	s.once.Do(func() { close(s.began) })
	<-s.release
	return s.Buffer.Write(b)
}

// Those who write do not wait for an output that is stuck, and memory is bounded.
func TestLinesAreDroppedWhileTheOutputIsStuck(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Millisecond} {
		t.Run(fmt.Sprintf("waiting %v", wait), func(t *testing.T) {
			dropped, to := 0, newStuck()
			w := lines.New(lines.Options{To: to, Dropped: func() { dropped++ }, Wait: wait, Patience: time.Hour})
			line := []byte(strings.Repeat("x", 1023) + "\n")
			_, _ = w.Write(line)
			<-to.began
			for range 3 * lines.MaxBuffered / len(line) {
				_, _ = w.Write(line)
			}
			if dropped != 2*1024 {
				t.Errorf("%d lines were dropped", dropped)
			}
			close(to.release)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if to.Len() != lines.MaxBuffered+len(line) {
				t.Errorf("%d bytes were written", to.Len())
			}
		})
	}
}

// A line is written when Write returns, so that it is not lost if the program fails.
func TestWriteMayWaitForTheLine(t *testing.T) {
	var out bytes.Buffer
	w := lines.New(lines.Options{To: &out, Dropped: func() { t.Error("a line was dropped") }, Wait: time.Hour})
	for i := range 100 {
		fmt.Fprintln(w, i)
		if n := strings.Count(out.String(), "\n"); n != i+1 {
			t.Fatalf("%d lines are written, want %d", n, i+1)
		}
	}
}

// The end does not wait for an output that stays stuck, and says so.
func TestCloseIsBounded(t *testing.T) {
	to := newStuck()
	defer close(to.release)
	dropped := 0
	w := lines.New(lines.Options{To: to, Dropped: func() { dropped++ }, Patience: time.Millisecond})
	fmt.Fprintln(w, "first")
	<-to.began
	fmt.Fprintln(w, "second")
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "at least 7 bytes") {
		t.Errorf("got %v", err)
	}
	fmt.Fprintln(w, "late")
	if dropped != 1 {
		t.Errorf("%d lines were dropped after the end, want 1", dropped)
	}
}
