package dev

import (
	"fmt"
	"io"
	"time"
)

// A progress writes a line for each step of the start.
type progress struct{ w io.Writer }

func newProgress(w io.Writer) progress {
	if w == nil {
		w = io.Discard
	}
	return progress{w}
}

// step runs a step and writes its name, its description and its duration.
func (p progress) step(name string, run func() (string, error)) error {
	start := time.Now()
	about, err := run()
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	fmt.Fprintf(p.w, "  %-13s %-42s %5.1fs\n", name, about, time.Since(start).Seconds())
	return nil
}
