package gateway

import (
	"context"
	"net/http"
	"time"

	"souk/router/execute"
	"souk/router/subscribe"
)

// takesParts says whether what is under @defer can be delivered later: the
// client takes several responses to one request.
func (x *exchange) takesParts() bool {
	return !x.batch && (x.accept.parts || x.accept.single == noMediaType && x.accept.events)
}

// deliver runs a query or a mutation and hands on its responses, several if it
// defers something; they are released when emit returns. The time for requests
// is that for all of them.
func (x *exchange) deliver(ctx context.Context, p *prepared, start time.Time, emit func(*execute.Response) error) error {
	ctx, cancel := x.deadline(ctx)
	defer cancel()
	if !p.deferring {
		response := x.run(ctx, p, start)
		defer response.Release()
		return emit(response)
	}
	x.metrics.InFlight.Inc()
	defer x.metrics.InFlight.Dec()
	failed, null := false, false
	defer func() { x.measure(p, start, failed, null) }()
	return x.snapshot.executor.Deliver(ctx, x.executeRequest(p), func(response *execute.Response) error {
		defer response.Release()
		failed = failed || response.Errors > 0
		null = null || response.DataNull
		x.metrics.countErrors(response.Codes)
		return emit(response)
	})
}

// serveParts answers by multipart/mixed (GraphQL over HTTP's proposal for
// incremental delivery). If nothing is left for later, a client that takes
// other responses too is given one of those. Parts are not compressed: an
// encoder would keep them back, or gain little when made to let go of each.
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
		_, body := x.answered(x.r.Context(), http.StatusOK, response.Body, response)
		if parts == nil {
			h := x.w.Header()
			h.Set("Cache-Control", "no-store")
			h["Vary"] = append(h["Vary"], varyAccept...)
			parts = subscribe.NewParts(x.w, http.StatusOK, x.accept.parameter)
		}
		return parts.Send(body, !response.More)
	})
	if err != nil && x.r.Context().Err() == nil {
		x.logger.DebugContext(x.r.Context(), "response in parts ended", "error", err)
	}
}
