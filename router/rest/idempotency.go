package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// A POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is
// carried out once. A repeated request gets the response of the first one, a
// different one under the same key 422, one that comes too early 409. A
// response that does not settle the request is not kept, and nothing is kept
// of routes whose answers hold secrets.
//
// A record belongs to a caller and a route, so that nobody gets another's
// response by guessing keys.

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
	maxKeyLength      = 255
)

// executeOnce runs the operation unless its idempotency key was seen before.
func (h *Handler) executeOnce(ctx context.Context, q *request) (res *response, p *problem) {
	owner := []string{q.route.method, q.route.path, h.caller(q.http), q.idempotencyKey}
	claim, before, err := h.records.claim(ctx, owner, []string{q.http.URL.RawQuery, string(q.variables()), fmt.Sprint(q.versions)})
	if err != nil {
		h.logger.WarnContext(ctx, "idempotency records are out of reach", "error", err)
		if q.route.takes(inIdempotencyKey) != nil { // the operation keeps the promise by itself
			return h.execute(ctx, q)
		}
		return nil, (&problem{problemKind: unavailable, detail: "Idempotency records are unavailable, so the router cannot tell whether this key was used before."}).withHeader("Retry-After", retryAfter)
	}
	if before != nil {
		return h.repeat(ctx, claim, before)
	}
	// A client that goes away comes back for the response.
	ctx = context.WithoutCancel(ctx)
	release := claim.hold(ctx)
	finished := false
	defer func() { // also when the operation panics
		kept := res
		if p != nil {
			kept = p.response(q.http)
		}
		if !finished {
			kept = nil
		}
		release()
		if err := claim.finish(ctx, kept); err != nil {
			h.logger.WarnContext(ctx, "keeping an idempotency record failed", "error", err)
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
		return nil, (&problem{problemKind: keyInProgress, detail: "The first request with this Idempotency-Key is still in progress."}).withHeader("Retry-After", "1")
	case before.response == "":
		return nil, &problem{problemKind: responseNotKept, detail: fmt.Sprintf("the first request with this Idempotency-Key was answered with %d; the response was too large to be kept", before.status)}
	}
	var kept stored
	if err := json.Unmarshal([]byte(before.response), &kept); err != nil {
		h.logger.ErrorContext(ctx, "an idempotency record cannot be read", "error", err)
		return nil, internal()
	}
	if kept.Header == nil {
		kept.Header = http.Header{}
	}
	kept.Header.Set(replayedHeader, "true")
	return &response{status: before.status, header: kept.Header, body: kept.Body}, nil
}

// keyValue reads a string as RFC 9651, section 3.3.3, has it: printable ASCII
// characters in double quotes, of which \ escapes itself and the quote. Without
// quotes, what could be a list or have parameters is not one key.
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

// readIdempotencyKey takes the key from the header, which is a structured
// string. One without quotes will do.
func readIdempotencyKey(r *http.Request) (string, *problem) {
	given := r.Header.Values(idempotencyHeader)
	if len(given) == 0 {
		return "", nil
	}
	key, valid := keyValue(strings.TrimSpace(given[0]))
	if len(given) > 1 || !valid || key == "" || len(key) > maxKeyLength {
		return "", &problem{problemKind: brokenHeader, detail: fmt.Sprintf("Idempotency-Key must be one string of 1 to %d printable ASCII characters, such as a UUID.", maxKeyLength),
			errors: []violation{{In: "header", Name: idempotencyHeader, Detail: "is not a valid key"}}}
	}
	return key, nil
}
