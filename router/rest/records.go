package rest

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// records stores responses by idempotency key in Redis.
//
// The first request with a key claims its record with a lease, which is renewed while the
// request is in progress. If the router crashes, the key becomes free when the lease ends. Each
// claim has its own token. A request that has lost its lease cannot overwrite the record of a
// later one, because the token no longer matches.
//
// Redis contains callers, keys and requests only as HMACs. Without the secret, a reader of Redis
// can neither see nor guess them.
type records struct {
	redis    redis.Cmdable
	prefix   string        // of all keys
	lifetime time.Duration // of a response
	lease    time.Duration
	// maxResponse bounds the size of a stored response, maxBytes that of all of them. The
	// oldest are evicted first.
	maxResponse, maxBytes int

	mu     sync.Mutex
	secret []byte
	// generated is set if the secret is shared through Redis rather than configured.
	generated bool
}

// Records configures the storage of responses for a repeated Idempotency-Key.
type Records struct {
	// KeyPrefix begins all keys in Redis.
	KeyPrefix string
	// Secret is the HMAC key. If it is empty, the first router generates one, and all
	// routers share it through Redis.
	Secret string
	// Lifetime is how long a response is stored. Default: 24 h.
	Lifetime time.Duration
	// Lease is how long a key stays claimed if its router crashes. Default: 10 s. The lease
	// is renewed while the request is in progress.
	Lease time.Duration
	// MaxResponseBytes bounds the size of a stored response. Default: 64 KiB. For a larger
	// response, only the key and the status are stored.
	MaxResponseBytes int
	// MaxBytes bounds the total size of all responses in Redis. Default: 64 MiB. The oldest
	// are evicted first.
	MaxBytes int
}

func newRecords(client redis.Cmdable, o Records) *records {
	s := &records{
		redis: client,
		// The hash tag in braces puts all keys in the same slot of a Redis Cluster, because
		// each script uses several.
		prefix:      o.KeyPrefix + "{" + o.KeyPrefix + "souk:idempotency}:",
		lifetime:    cmp.Or(o.Lifetime, defaultLifetime),
		lease:       cmp.Or(o.Lease, defaultLease),
		maxResponse: cmp.Or(o.MaxResponseBytes, defaultMaxResponse),
		maxBytes:    cmp.Or(o.MaxBytes, defaultMaxBytes),
	}
	if o.Secret != "" {
		s.secret = []byte(o.Secret)
	}
	return s
}

const (
	secretKey = "secret"
	indexKey  = "index"
	bytesKey  = "bytes"

	defaultLifetime    = 24 * time.Hour
	defaultLease       = 10 * time.Second
	defaultMaxResponse = 64 << 10
	defaultMaxBytes    = 64 << 20
	storeTimeout       = 500 * time.Millisecond
	secretBytes        = 32
)

// A claim is the exclusive right to execute the request with one key.
type claim struct {
	*records
	key, token, fingerprint string
}

// found is the record of a key that another request has claimed.
type found struct {
	fingerprint string
	status      int // 0 while the request is in progress
	response    string
	remaining   time.Duration // until the record expires, and with it the lease
}

// stored is the JSON form of a response in Redis.
type stored struct {
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
}

// claimScript claims a record. KEYS: record, secret. ARGV: token, fingerprint, lease in
// milliseconds, and the generated secret or "". It returns the secret in Redis if it differs,
// the fields of the record and its remaining time in milliseconds if it exists, or nothing if the
// record has been claimed.
var claimScript = redis.NewScript(`
if ARGV[4] ~= '' then
	local secret = redis.call('GET', KEYS[2])
	if not secret then
		redis.call('SET', KEYS[2], ARGV[4])
	elseif secret ~= ARGV[4] then
		return {secret}
	end
end
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'status', 'response')
if found[1] then
	return {found[1], found[2], found[3] or '', tostring(redis.call('PTTL', KEYS[1]))}
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2], 'status', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}
`)

// renewScript renews a lease. KEYS: record. ARGV: token, fingerprint, lease in milliseconds. It
// recreates a record that Redis has lost.
var renewScript = redis.NewScript(`
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[1] then
	return 0
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2], 'status', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// finishScript stores a response and evicts the oldest ones above the maximum size. KEYS:
// record, index, bytes. ARGV: token, fingerprint, status, response, lifetime in milliseconds,
// current time in milliseconds, maximum size in bytes. The index is a sorted set of the size and
// key of each response, by expiry time.
var finishScript = redis.NewScript(`
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[1] then
	return 0
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2], 'status', ARGV[3], 'response', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
local size = string.len(ARGV[4]) + 512
redis.call('ZADD', KEYS[2], ARGV[6] + ARGV[5], size .. ' ' .. KEYS[1])
local function sizeOf(member) return tonumber(string.match(member, '^%d+')) end
local total = redis.call('INCRBY', KEYS[3], size)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[6], 'LIMIT', 0, 64)) do
	redis.call('ZREM', KEYS[2], member)
	total = redis.call('DECRBY', KEYS[3], sizeOf(member))
end
while total > tonumber(ARGV[7]) do
	local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
	if not oldest then
		redis.call('SET', KEYS[3], 0)
		break
	end
	redis.call('ZREM', KEYS[2], oldest)
	redis.call('DEL', string.match(oldest, ' (.*)$'))
	total = redis.call('DECRBY', KEYS[3], sizeOf(oldest))
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 1
`)

// forgetScript deletes a record. KEYS: record. ARGV: token.
var forgetScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then
	return redis.call('DEL', KEYS[1])
end
return 0
`)

// claim claims the record of an owner, which is a caller, a route and a key. If it is already
// claimed, claim returns its contents. request is what the fingerprint is made from.
func (s *records) claim(ctx context.Context, owner, request []string) (*claim, *found, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range 3 { // the first attempt may learn the shared secret
		secret, generated, err := s.currentSecret(ctx)
		if err != nil {
			return nil, nil, err
		}
		c := &claim{records: s, key: s.prefix + sign(secret, owner), token: rand.Text(), fingerprint: sign(secret, request)}
		shared := ""
		if generated {
			shared = string(secret)
		}
		got, err := claimScript.Run(ctx, s.redis, []string{c.key, s.prefix + secretKey}, c.token, c.fingerprint, s.lease.Milliseconds(), shared).StringSlice()
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("claiming an idempotency record: %w", err)
		case len(got) == 0:
			return c, nil, nil
		case len(got) == 1:
			s.replaceSecret([]byte(got[0]))
			continue
		}
		before, err := readFound(got)
		return c, before, err
	}
	return nil, nil, errors.New("claiming an idempotency record: the secret in Redis keeps changing")
}

// readFound reads the fields of a record, as claimScript returns them.
func readFound(fields []string) (*found, error) {
	status, err := strconv.Atoi(fields[1])
	if err != nil {
		return nil, fmt.Errorf("reading an idempotency record: %w", err)
	}
	milliseconds, err := strconv.Atoi(fields[3])
	if err != nil {
		return nil, fmt.Errorf("reading an idempotency record: %w", err)
	}
	return &found{fields[0], status, fields[2], time.Duration(milliseconds) * time.Millisecond}, nil
}

// currentSecret returns the secret. If there is none, it generates one. If several routers do
// so at the same time, the first claim in Redis decides.
func (s *records) currentSecret(ctx context.Context) (secret []byte, generated bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret != nil {
		return s.secret, s.generated, nil
	}
	kept, err := s.redis.Get(ctx, s.prefix+secretKey).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		kept = make([]byte, secretBytes)
		_, _ = rand.Read(kept) // never fails
	case err != nil:
		return nil, false, fmt.Errorf("reading the secret of idempotency records: %w", err)
	}
	s.secret, s.generated = kept, true
	return kept, true, nil
}

func (s *records) replaceSecret(secret []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
}

// retryAfter returns in how many seconds to try again while a key has a lease that
// remains. One that has not been renewed belongs to a router that was killed or is stuck, and
// the key is free when it ends.
func (c *claim) retryAfter(remaining time.Duration) int {
	if remaining > c.lease/2 {
		return 1
	}
	return max(1, int((remaining+time.Second-1)/time.Second))
}

// hold renews the lease until release is called. release waits for a renewal in progress.
func (c *claim) hold(ctx context.Context) (release func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(max(c.lease/3, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			bounded, cancel := context.WithTimeout(ctx, storeTimeout)
			// Ignore errors: the next tick tries again.
			_ = renewScript.Run(bounded, c.redis, []string{c.key}, c.token, c.fingerprint, c.lease.Milliseconds()).Err()
			cancel()
		}
	})
	return func() { cancel(); done.Wait() }
}

// finish stores a response, or frees the key if a retry may succeed. res is nil if there is no
// response.
func (c *claim) finish(ctx context.Context, res *response) error {
	// Continue if the client has disconnected: the response is for its next attempt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if res == nil || !repeatable(res.status) {
		if err := forgetScript.Run(ctx, c.redis, []string{c.key}, c.token).Err(); err != nil {
			return fmt.Errorf("freeing an idempotency key: %w", err)
		}
		return nil
	}
	kept, err := json.Marshal(stored{res.header, res.body})
	if err != nil {
		return fmt.Errorf("encoding an idempotency record: %w", err)
	}
	if len(kept) > c.maxResponse {
		kept = nil // still record that the request was executed
	}
	err = finishScript.Run(ctx, c.redis, []string{c.key, c.prefix + indexKey, c.prefix + bytesKey}, c.token, c.fingerprint, res.status, kept,
		c.lifetime.Milliseconds(), time.Now().UnixMilli(), c.maxBytes).Err()
	if err != nil {
		return fmt.Errorf("storing an idempotency record: %w", err)
	}
	return nil
}

// repeatable reports whether a response settles a request, so that a repeated request must get
// the same response. Responses that ask for credentials, ask to wait, or report a server error
// do not.
func repeatable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

// sign returns the HMAC-SHA256 of parts in hex. Each part is prefixed by its length, so that
// different lists have different inputs.
func sign(secret []byte, parts []string) string {
	h := hmac.New(sha256.New, secret)
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // writing to a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}
