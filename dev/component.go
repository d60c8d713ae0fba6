package dev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const readyTimeout = time.Minute

// A component is a part of the system that runs in its own goroutine. A nil
// component does not run.
type component struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

// launch runs a part until it is stopped. If it ends on its own, launch sends
// the error to failed.
func launch(ctx context.Context, name string, failed chan<- error, run func(context.Context) error) *component {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &component{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		err := run(ctx)
		if ctx.Err() != nil { // stopped on purpose
			if !errors.Is(err, context.Canceled) {
				c.err = err
			}
			return
		}
		c.err = fmt.Errorf("%s ended unexpectedly: %w", name, cmp.Or(err, errors.New("it returned without an error")))
		select {
		case failed <- c.err:
		default: // enough failures are reported
		}
	}()
	return c
}

// stop stops the component and waits for it to end.
func (c *component) stop() error {
	if c == nil {
		return nil
	}
	c.cancel()
	<-c.done
	return c.err
}

// awaitReady polls a URL until it responds with status 200.
func (c *component) awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := get(ctx, url)
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-c.done:
			return c.err
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready (last status %d): %w", url, status, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

func get(ctx context.Context, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("requesting %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("requesting %s: %w", url, err)
	}
	return res.StatusCode, res.Body.Close()
}
