package blocking_test

import (
	"context"
	"errors"
	"testing"

	"souk/internal/blocking"
)

func TestCallReturnsTheResult(t *testing.T) {
	failure := errors.New("no")
	got, err := blocking.Call(t.Context(), func() (int, error) { return 3, failure })
	if got != 3 || !errors.Is(err, failure) {
		t.Errorf("got %d and %v", got, err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason, release := errors.New("stopped"), make(chan struct{})
	defer close(release)
	got, err := blocking.Call(ctx, func() (int, error) {
		cancel(reason)
		<-release
		return 3, nil
	})
	if got != 0 || !errors.Is(err, reason) {
		t.Errorf("got %d and %v, want the cause", got, err)
	}
}
