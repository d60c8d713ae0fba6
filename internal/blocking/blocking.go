// Package blocking ends waits for calls that nothing can interrupt, such as opening a pipe that
// nobody writes to, or reading a file of a server that hangs.
package blocking

import (
	"context"
	"fmt"
)

// Call returns what call returns, or the cause of ctx as soon as that is done. The call then
// goes on, and its result is lost: only calls that read may be left alone so, at the end of a
// program or of a component.
func Call[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("stopped while reading: %w", context.Cause(ctx))
	}
}
