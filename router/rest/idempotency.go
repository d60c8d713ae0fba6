package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is executed once.
// A repeated request gets the response of the first one. A different request with the same key
// gets 422. One that arrives while the first is in progress gets 409. A response that does
// not settle the request, such as 503, is not stored. Nothing is stored for routes whose
// responses contain secrets.
//
// An operation that takes the key as an argument needs none of this: its subgraph keeps the key
// with what it changes, and survives the loss of Redis and of the router.
//
// A record belongs to a caller and a route, so that guessing keys does not reveal the responses
// of other callers.

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
	maxKeyLength      = 255
)

// executeOnce runs the operation unless its idempotency key was used before.
func (h *Handler) executeOnce(ctx context.Context, q *request) (res *response, p *problem) {
	owner := []string{q.route.method, q.route.path, h.caller(q.http), q.idempotencyKey}
	claim, before, err := h.records.claim(ctx, owner, []string{q.http.URL.RawQuery, string(q.variables()), fmt.Sprint(q.versions)})
	if err != nil {
		h.logger.WarnContext(ctx, "idempotency records are unavailable", "error", err)
		return nil, (&problem{problemKind: unavailable, detail: "Idempotency records are unavailable, so the router cannot tell whether this key was used before."}).withHeader("Retry-After", retryAfter)
	}
	if before != nil {
		return h.repeat(ctx, claim, before)
	}
	// Continue if the client disconnects: it may retry to get the response.
	ctx = context.WithoutCancel(ctx)
	release := claim.hold(ctx)
	finished := false
	defer func() { // runs even if the operation panics
		kept := res
		if p != nil {
			kept = p.response(q.http)
		}
		if !finished {
			kept = nil
		}
		release()
		if err := claim.finish(ctx, kept); err != nil {
			h.logger.WarnContext(ctx, "storing an idempotency record failed", "error", err)
		}
	}()
	res, p = h.execute(ctx, q)
	finished = true
	return res, p
}

// repeat answers a request whose key was used before.
func (h *Handler) repeat(ctx context.Context, c *claim, before *found) (*response, *problem) {
	switch {
	case before.fingerprint != c.fingerprint:
		return nil, &problem{problemKind: keyReused, detail: "This Idempotency-Key was already used for a different request. Use a new key.",
			errors: []violation{{In: "header", Name: idempotencyHeader, Detail: "was used for another request"}}}
	case before.status == 0:
		return nil, (&problem{problemKind: keyInProgress, detail: "The first request with this Idempotency-Key is still in progress."}).
			withHeader("Retry-After", strconv.Itoa(c.retryAfter(before.remaining)))
	case before.response == "":
		return nil, &problem{problemKind: responseNotKept, detail: fmt.Sprintf("The first request with this Idempotency-Key was executed and got status %d. Its response was too large to be stored.", before.status)}
	}
	var kept stored
	if err := json.Unmarshal([]byte(before.response), &kept); err != nil {
		h.logger.ErrorContext(ctx, "decoding an idempotency record failed", "error", err)
		return nil, internal()
	}
	if kept.Header == nil {
		kept.Header = http.Header{}
	}
	kept.Header.Set(replayedHeader, "true")
	return &response{status: before.status, header: kept.Header, body: kept.Body}, nil
}

// keyPattern describes what keyValue accepts, but for escapes.
var keyPattern = fmt.Sprintf(`^([!#-+\x2d-:<-~]{1,%d}|"[ !#-\x5b\x5d-~]{1,%[1]d}")$`, maxKeyLength)

// keyValue parses a String (RFC 9651, section 3.3.3): printable ASCII characters in double
// quotes, in which \ escapes itself and the quote. It also accepts a key without quotes, unless
// it contains characters that could mean a list or parameters.
func keyValue(text string) (key string, valid bool) {
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", false
	}
	inner, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		return text, !strings.ContainsAny(text, ` ",;`)
	}
	var out strings.Builder
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"':
			return out.String(), i == len(inner)-1
		case '\\':
			if i++; i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
				return "", false
			}
		}
		out.WriteByte(inner[i])
	}
	return "", false
}

// readIdempotencyKey returns the key in the Idempotency-Key header, or "" without one.
func readIdempotencyKey(r *http.Request) (string, *problem) {
	given := r.Header.Values(idempotencyHeader)
	if len(given) == 0 {
		return "", nil
	}
	key, valid := keyValue(strings.TrimSpace(given[0]))
	if len(given) > 1 || !valid || key == "" || len(key) > maxKeyLength {
		return "", &problem{problemKind: brokenHeader, detail: fmt.Sprintf("Idempotency-Key must be one string of 1 to %d ASCII characters, such as a UUID. One with a space, a comma, a semicolon or a quote must be in double quotes.", maxKeyLength),
			errors: []violation{{In: "header", Name: idempotencyHeader, Detail: "is not a valid key"}}}
	}
	return key, nil
}
