// Package drain tells whoever stops a server what it waits for.
package drain

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"souk/internal/detach"
)

// A Count counts the requests that are being answered, with streams and sockets
// among them. The zero Count is ready for use.
type Count struct{ n atomic.Int64 }

// Load is how many there are now.
func (c *Count) Load() int64 { return c.n.Load() }

// Handler counts the requests to next.
func (c *Count) Handler(next http.Handler) http.Handler {
	ended := func() { c.n.Add(-1) }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.n.Add(1)
		defer detach.After(r.Context(), ended)
		next.ServeHTTP(w, r)
	})
}

// Message is the log message of a stopping server that waits for a number of requests.
func Message(requests int64, limit time.Duration) string {
	plural := "s"
	if requests == 1 {
		plural = ""
	}
	return fmt.Sprintf("stopping: draining %d request%s for at most %v; interrupt again to stop at once", requests, plural, limit)
}
