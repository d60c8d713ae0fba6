package subgraph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"souk/router/execute"
)

// maxReconnectWait bounds the wait before a lost stream is opened again.
const maxReconnectWait = 30 * time.Second

// errLost says that a stream ended without having been completed: it is worth
// opening again.
var errLost = errors.New("the stream was lost")

// A failedEvent wraps the error of the receiver of a stream.
type failedEvent struct{ error }

func (e failedEvent) Unwrap() error { return e.error }

// Subscribe opens a stream. See execute.Transport. A stream that is lost is
// opened again after a while; what the subgraph sent meanwhile is missed.
func (t *Transport) Subscribe(ctx context.Context, r *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	s := t.subgraphs[r.Subgraph]
	if s == nil {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "is not known to the gateway"}
	}
	open := s.overWebSocket
	if s.Subscriptions.Protocol == "sse" {
		open = s.overSSE
	}
	header := s.requestHeader(r.Header).Clone()
	losses, wait := 0, s.Subscriptions.Interval
	for {
		err := open(ctx, r.Body.B, header, func(payload []byte) error {
			losses, wait = 0, s.Subscriptions.Interval
			body := execute.NewBuffer(len(payload))
			body.B = append(body.B, payload...)
			if err := event(&execute.SubgraphResponse{Status: http.StatusOK, Body: body}); err != nil {
				return failedEvent{err}
			}
			return nil
		})
		var failed failedEvent
		switch {
		case err == nil:
			return nil
		case errors.As(err, &failed):
			return failed.error
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errLost):
			return err
		}
		if losses++; losses > s.Subscriptions.MaxReconnects {
			return &execute.TransportError{Code: execute.CodeHTTP, Message: "lost the subscription", Err: err}
		}
		t.options.Logger.WarnContext(ctx, "subscription to subgraph lost", "subgraph", s.name, "error", err, "retry_in", wait)
		if !sleep(ctx, wait/2+time.Duration(t.options.Jitter()*float64(wait/2))) {
			return ctx.Err()
		}
		if wait *= 2; wait > maxReconnectWait {
			wait = maxReconnectWait
		}
		if t.options.Hooks.Reconnected != nil {
			t.options.Hooks.Reconnected(s.name)
		}
	}
}

func lost(err error) error { return fmt.Errorf("%w: %w", errLost, err) }

// refusedStream is what is wrong with the answer to a request for a stream.
// Only what may pass is worth another try.
func refusedStream(r *http.Response) error {
	err := &execute.TransportError{
		Code: execute.CodeHTTP, Message: fmt.Sprintf("refused the subscription with status %d", r.StatusCode), Status: r.StatusCode,
	}
	if r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests {
		return lost(err)
	}
	return err
}
