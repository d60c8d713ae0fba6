package breaker

import (
	"context"
	"errors"
	"time"
)

// Inconclusive reports whether a failed attempt says nothing about the server because its caller ended it, which has
// ctx: see the package's documentation. usual is the time that the server has for an attempt.
func Inconclusive(ctx context.Context, lasted, usual time.Duration) bool {
	ended, late := end(ctx)
	return ended && (lasted < usual/2 || !late)
}

// end reports whether a caller has ended its attempt, and whether by its deadline.
func end(ctx context.Context) (ended, late bool) {
	switch err := ctx.Err(); {
	case err == nil: // a connection may see the deadline before ctx does
		deadline, ok := ctx.Deadline()
		late = ok && !time.Now().Before(deadline)
		return late, late
	case errors.Is(err, context.DeadlineExceeded):
		return true, true
	}
	// Work for several callers is cancelled with the deadline of the last one. If that is wrapped, another call has
	// failed with it.
	return true, context.Cause(ctx) == context.DeadlineExceeded //nolint:errorlint // see above
}
