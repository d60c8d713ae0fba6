package admission

import (
	"context"
	"crypto/subtle"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TimeoutHeader is the header with the milliseconds for which the caller waits
// for the response: the router's timeout_header, which the services send each
// other, too.
const TimeoutHeader = "Souk-Timeout-Ms"

// maxTimeout bounds what a caller can ask for.
const maxTimeout = time.Hour

// Code is the extensions.code of the response to a request that is refused.
const Code = "OVERLOADED"

// graphQLPath is where a service answers operations.
const graphQLPath = "/graphql"

// refusal is a GraphQL response. Its status is 200: the service is alive, and a
// circuit breaker must not count the response as a failure. For anything but an
// operation, such as a picture or the keys of tokens, the status is 503.
const refusal = `{"errors":[{"message":"The service has more requests than it can serve. Try again in 1 s.","extensions":{"code":"` + Code + `","retryAfter":1}}]}`

// Options configure a Handler.
type Options struct {
	Limit, Reserve, Queue int // of the gate
	// TokenHeader has the token that the services of the store share in requests
	// to each other. If Token is empty, no request is of another service.
	TokenHeader, Token string
	Registry           prometheus.Registerer
}

// Handler returns a handler that admits requests to another one, and ends their
// contexts when their callers no longer wait. Event streams and WebSockets pass,
// because they last.
func Handler(o Options, next http.Handler) http.Handler {
	gate, metrics := NewGate(o.Limit, o.Reserve, o.Queue), newMetrics(o.Registry)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lasts(r) {
			next.ServeHTTP(w, r)
			return
		}
		if timeout, ok := timeout(r.Header); ok {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		inside := o.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get(o.TokenHeader)), []byte(o.Token)) == 1
		if err := gate.Enter(r.Context(), inside); err != nil {
			metrics.refused(err)
			refuse(w, r)
			return
		}
		defer gate.Leave()
		next.ServeHTTP(w, r)
	})
}

// lasts reports whether a request is for an event stream or a WebSocket.
func lasts(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

func timeout(h http.Header) (time.Duration, bool) {
	text := h.Get(TimeoutHeader)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return time.Duration(min(n, maxTimeout.Milliseconds())) * time.Millisecond, true
}

// refuse tells the caller to try again. If the caller has left, nobody reads it.
func refuse(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Retry-After", "1")
	if r.URL.Path != graphQLPath {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(w, refusal)
}
