package dev

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const readyTimeout = time.Minute

// A component is a part of the system that runs in a goroutine of its own. A
// nil component is one that does not run.
type component struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

// launch runs a part until it is stopped. When it ends on its own, failed is
// told.
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
		c.err = fmt.Errorf("%s ended: %w", name, errors.Join(err, errors.New("it should run until it is stopped")))
		select {
		case failed <- c.err:
		default: // the first failures say enough
		}
	}()
	return c
}

// stop ends the component and waits until it has ended.
func (c *component) stop() error {
	if c == nil {
		return nil
	}
	c.cancel()
	<-c.done
	return c.err
}

// awaitReady polls a URL until it answers 200.
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
			return fmt.Errorf("%s does not become ready: status %d: %w", url, status, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

func get(ctx context.Context, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("asking %s: %w", url, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("asking %s: %w", url, err)
	}
	return res.StatusCode, res.Body.Close()
}
