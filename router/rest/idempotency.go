package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is
// carried out once. The first request of a key leaves a record in Redis that it
// has begun, then its response; a repeated one gets that response, a different
// one under the same key 422, one that comes too early 409. Responses of 500 and
// above are not kept: trying again has to be possible.
//
// A record belongs to a caller and a route, so that nobody gets another's
// response by guessing keys.

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
	maxKeyLength      = 255
	begunLifetime     = 2 * time.Minute // longer than any request is let run
	storeTimeout      = 500 * time.Millisecond
)

// record is what Redis keeps of a key.
type record struct {
	Fingerprint string      `json:"fingerprint"` // of what was asked
	Status      int         `json:"status"`      // 0 while it is being answered
	Header      http.Header `json:"header,omitempty"`
	Body        []byte      `json:"body,omitempty"`
}

// records keeps responses by idempotency key.
type records struct {
	redis    redis.UniversalClient
	lifetime time.Duration
}

// begin claims a key for a request. It gives the response to replay when there
// is one, or the problem that the key is taken.
func (s *records) begin(ctx context.Context, key, fingerprint string) (*response, *problem, error) {
	begun, err := json.Marshal(record{Fingerprint: fingerprint})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range 2 { // a record may end between the two commands
		claimed, err := s.redis.SetNX(ctx, key, begun, begunLifetime).Result()
		if err != nil || claimed {
			return nil, nil, err
		}
		stored, err := s.redis.Get(ctx, key).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return readRecord(stored, fingerprint)
	}
	return nil, inProgress(), nil
}

func readRecord(stored []byte, fingerprint string) (*response, *problem, error) {
	var r record
	if err := json.Unmarshal(stored, &r); err != nil {
		return nil, nil, fmt.Errorf("reading an idempotency record: %w", err)
	}
	switch {
	case r.Fingerprint != fingerprint:
		return nil, &problem{problemKind: keyReused, detail: "this Idempotency-Key was used for another request; a new request needs a new key",
			errors: []violation{{In: "header", Name: idempotencyHeader, Detail: "was used for another request"}}}, nil
	case r.Status == 0:
		return nil, inProgress(), nil
	}
	r.Header.Set(replayedHeader, "true")
	return &response{status: r.Status, header: r.Header, body: r.Body}, nil, nil
}

func inProgress() *problem {
	return (&problem{problemKind: keyInProgress, detail: "the first request with this Idempotency-Key is still being answered"}).withHeader("Retry-After", "1")
}

// finish keeps a response, or forgets the key when trying again may help.
func (s *records) finish(ctx context.Context, key, fingerprint string, res *response) error {
	// The answer is made; keeping it must not fail because the client went away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if res == nil || res.status >= http.StatusInternalServerError || res.status == http.StatusUnauthorized || res.status == http.StatusTooManyRequests {
		return s.redis.Del(ctx, key).Err()
	}
	kept, err := json.Marshal(record{Fingerprint: fingerprint, Status: res.status, Header: res.header, Body: res.body})
	if err != nil {
		return err
	}
	return s.redis.Set(ctx, key, kept, s.lifetime).Err()
}

// readIdempotencyKey takes the key from the header, which is a structured
// string (RFC 8941): in double quotes. One without quotes will do.
func readIdempotencyKey(r *http.Request) (string, *problem) {
	given := r.Header.Values(idempotencyHeader)
	if len(given) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(given[0])
	quoted := strings.HasPrefix(key, `"`)
	if quoted {
		inner, closed := strings.CutSuffix(key[1:], `"`)
		if !closed {
			inner = ""
		}
		key = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(inner)
	}
	printable := !strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' })
	if len(given) > 1 || key == "" || len(key) > maxKeyLength || !printable {
		return "", &problem{problemKind: brokenHeader, detail: fmt.Sprintf("Idempotency-Key must be one string of 1 to %d printable ASCII characters, such as a UUID", maxKeyLength),
			errors: []violation{{In: "header", Name: idempotencyHeader, Detail: "is not a key"}}}
	}
	return key, nil
}

// recordKey names the record of a caller's key for a route.
func recordKey(route *route, caller, key string) string {
	return "souk:idempotency:" + digest(route.method, route.path, caller, key)
}

// digest hashes parts so that no two lists of parts give the same.
func digest(parts ...string) string {
	hash := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}
