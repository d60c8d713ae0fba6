package gateway

import (
	"context"
	"net/http"
	"time"

	"souk/router/execute"
	"souk/router/subscribe"
)

// takesParts reports whether the client accepts incremental delivery, so that deferred
// fragments can be sent later.
func (x *exchange) takesParts() bool {
	return !x.batch && (x.accept.parts || x.accept.single == noMediaType && x.accept.events)
}

// deliver executes a query or mutation and passes its responses to emit: several if it
// uses @defer, otherwise one. It releases each response when emit returns. The request
// timeout covers all of them.
func (x *exchange) deliver(ctx context.Context, p *prepared, start time.Time, emit func(*execute.Response) error) error {
	limited := x.deadline(ctx)
	defer limited.Cancel()
	ctx = limited
	if !p.deferring {
		response := x.run(ctx, p, start)
		defer response.Release()
		return emit(response)
	}
	x.metrics.InFlight.Inc()
	defer x.metrics.InFlight.Dec()
	var codes []string
	null, shed := false, false
	defer func() {
		outcome := x.metrics.blame.Outcome(codes, null)
		x.measure(p, start, outcome)
		if !shed { // otherwise, it is rejected
			x.metrics.Ended(outcome).Inc()
		}
	}()
	return x.snapshot.executor.Deliver(ctx, x.executeRequest(p), func(response *execute.Response) error {
		defer response.Release()
		x.wrote(p)
		codes = append(codes, response.Codes...)
		null, shed = null || response.DataNull, shed || response.Shed
		x.metrics.countErrors(response.Codes)
		x.sawResponse(response, p)
		x.exceeded(ctx, p, response)
		return emit(response)
	})
}

// serveParts answers with multipart/mixed (the incremental delivery proposal of GraphQL
// over HTTP). If there is nothing to defer and the client also accepts a single
// response, it sends that instead. Parts are not compressed: an encoder would buffer
// them, and flushing after each part loses most of the gain.
func (x *exchange) serveParts(p *prepared, start time.Time) {
	var parts *subscribe.Parts
	err := x.deliver(x.r.Context(), p, start, func(response *execute.Response) error {
		if parts == nil && !response.More && x.accept.single != noMediaType {
			x.respond(p, response.Body, response)
			return nil
		}
		if parts == nil && response.Shed {
			x.fail(errNoRoom)
			return errNoRoom
		}
		_, body := x.hookResponse(x.r.Context(), http.StatusOK, response.Body, response)
		if parts == nil {
			x.slot.unmeasured = true
			h := x.w.Header()
			h.Set("Cache-Control", "no-store")
			h["Vary"] = append(h["Vary"], varyAccept...)
			parts = subscribe.NewParts(x.w, http.StatusOK, x.accept.parameter)
		}
		return parts.Send(body, !response.More)
	})
	if err != nil && x.r.Context().Err() == nil {
		x.logger.DebugContext(x.r.Context(), "multipart response ended early", "error", err)
	}
}
