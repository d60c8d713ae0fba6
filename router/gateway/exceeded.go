package gateway

import (
	"context"
	"fmt"

	"souk/router/execute"
)

// enforced returns a limit, or 0 if what exceeds it is only logged.
func (gw *Gateway) enforced(name string, limit int) int {
	if gw.config.Limits.Logs(name) {
		return 0
	}
	return limit
}

// exceeded counts a response, and logs the first one of its document, if it exceeds a limit that
// is only logged.
func (x *exchange) exceeded(ctx context.Context, p *prepared, response *execute.Response) {
	l := &x.config.Limits
	if most := l.MaxResponseBytes; most > 0 && len(response.Body) > most && l.Logs("max_response_bytes") {
		x.logExceeded(ctx, p, 1, execute.CodeMaxResponseBytes, fmt.Sprintf("The response has %d bytes; the limit is %d.", len(response.Body), most))
	}
	if most := l.MaxRepresentations; most > 0 && l.Logs("max_representations") {
		for i := range response.Fetches {
			f := &response.Fetches[i]
			if n := f.Representations - f.Found; n > most {
				x.logExceeded(ctx, p, 2, execute.CodeMaxRepresentations, fmt.Sprintf("A request to the subgraph %s is for %d entities; the limit is %d.", f.Subgraph, n, most))
			}
		}
	}
}

// logExceeded counts an operation beyond a limit that is only logged. It logs the first one of a
// document; bit stands for the limit.
func (x *exchange) logExceeded(ctx context.Context, p *prepared, bit uint32, code, message string) {
	x.metrics.LimitExceeded(code).Inc()
	if p.document.reported.Or(bit)&bit == 0 {
		x.logger.WarnContext(ctx, exceedsLimit, "operation", p.document.Name(), "code", code, "limit", message)
	}
}

// exceedsLimit is the message in the log about an operation beyond a limit that is only logged.
const exceedsLimit = "an operation exceeds a limit, and is executed"
