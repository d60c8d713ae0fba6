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

// records keeps responses by idempotency key in Redis.
//
// The first request with a key claims its record by a lease, which is renewed
// while the request is answered: if its router is killed, the key is free again
// when the lease ends. Each claim has a token of its own, by which a request
// whose lease was lost is kept from replacing what a later one left.
//
// Callers, keys and what was asked are in Redis only as HMACs, so that whoever
// reads it learns none of them and cannot guess them without the secret.
type records struct {
	redis    redis.UniversalClient
	lifetime time.Duration // of a response
	lease    time.Duration
	// maxResponse bounds a response that is kept, maxBytes all of them; the
	// oldest make room.
	maxResponse, maxBytes int

	mu     sync.Mutex
	secret []byte
	// generated says that the secret is the one that the routers share by
	// Redis, rather than a configured one.
	generated bool
}

// Records says how responses are kept for a repeated Idempotency-Key.
type Records struct {
	// Secret is the key of the HMACs. If it is empty, the first router makes
	// one, and all share it by Redis.
	Secret string
	// Lifetime is how long a response is kept: a day if zero.
	Lifetime time.Duration
	// Lease is how long a key stays taken when its router is killed: 10 s if
	// zero. It is renewed while the request is answered.
	Lease time.Duration
	// MaxResponseBytes bounds a response that is kept: 64 KiB if zero. The key
	// of a larger one is kept without it.
	MaxResponseBytes int
	// MaxBytes bounds all responses in Redis: 64 MiB if zero. The oldest make
	// room for others.
	MaxBytes int
}

func newRecords(client redis.UniversalClient, o Records) *records {
	s := &records{
		redis:       client,
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
	// The braces put all keys into one slot of a Redis Cluster: each script
	// needs several.
	recordPrefix = "{souk:idempotency}:"
	secretKey    = recordPrefix + "secret"
	indexKey     = recordPrefix + "index"
	bytesKey     = recordPrefix + "bytes"

	defaultLifetime    = 24 * time.Hour
	defaultLease       = 10 * time.Second
	defaultMaxResponse = 64 << 10
	defaultMaxBytes    = 64 << 20
	storeTimeout       = 500 * time.Millisecond
	secretBytes        = 32
)

// A claim is the right to answer the requests with one key.
type claim struct {
	*records
	key, token, fingerprint string
}

// found is what Redis has of a key that somebody else has claimed.
type found struct {
	fingerprint string
	status      int // 0 while the request is being answered
	response    string
}

// stored is a response as Redis keeps it.
type stored struct {
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
}

// KEYS: record, secret. ARGV: token, fingerprint, lease in milliseconds, and
// the generated secret if there is one. It gives the secret if that is another
// one, what the record has, or nothing when the record is claimed.
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
	return {found[1], found[2], found[3] or ''}
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2], 'status', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}
`)

// KEYS: record. ARGV: token, fingerprint, lease in milliseconds. A record that
// Redis has lost is made again.
var renewScript = redis.NewScript(`
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[1] then
	return 0
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'fingerprint', ARGV[2], 'status', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// KEYS: record, index, bytes. ARGV: token, fingerprint, status, response,
// lifetime in milliseconds, the time in milliseconds, the greatest number of
// bytes. The index holds the size and the key of each response, by the time at
// which it expires.
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

// KEYS: record. ARGV: token.
var forgetScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then
	return redis.call('DEL', KEYS[1])
end
return 0
`)

// claim claims the record of a caller's key for a route, or tells what it has.
func (s *records) claim(ctx context.Context, owner, asked []string) (*claim, *found, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for range 3 { // the secret may be another one, once
		secret, generated, err := s.currentSecret(ctx)
		if err != nil {
			return nil, nil, err
		}
		c := &claim{records: s, key: recordPrefix + sign(secret, owner), token: rand.Text(), fingerprint: sign(secret, asked)}
		shared := ""
		if generated {
			shared = string(secret)
		}
		got, err := claimScript.Run(ctx, s.redis, []string{c.key, secretKey}, c.token, c.fingerprint, s.lease.Milliseconds(), shared).StringSlice()
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("claiming an idempotency record: %w", err)
		case len(got) == 0:
			return c, nil, nil
		case len(got) == 1:
			s.replaceSecret([]byte(got[0]))
			continue
		}
		status, err := strconv.Atoi(got[1])
		if err != nil {
			return nil, nil, fmt.Errorf("reading an idempotency record: %w", err)
		}
		return c, &found{got[0], status, got[2]}, nil
	}
	return nil, nil, errors.New("claiming an idempotency record: the secret in Redis keeps changing")
}

// currentSecret gives the secret, and makes one if it must. Redis decides which
// one holds when the first claim is made with it.
func (s *records) currentSecret(ctx context.Context) (secret []byte, generated bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.secret != nil {
		return s.secret, s.generated, nil
	}
	kept, err := s.redis.Get(ctx, secretKey).Bytes()
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

// hold renews the lease until release is called, which waits for the end of a
// renewal under way.
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
			// While Redis is away there is nothing to renew: it is tried again.
			_ = renewScript.Run(bounded, c.redis, []string{c.key}, c.token, c.fingerprint, c.lease.Milliseconds()).Err()
			cancel()
		}
	})
	return func() { cancel(); done.Wait() }
}

// finish keeps a response, or frees the key if trying again may help.
func (c *claim) finish(ctx context.Context, res *response) error {
	// The client may be gone; the response is for its next attempt.
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
		kept = nil // that the request was carried out must be known all the same
	}
	err = finishScript.Run(ctx, c.redis, []string{c.key, indexKey, bytesKey}, c.token, c.fingerprint, res.status, kept,
		c.lifetime.Milliseconds(), time.Now().UnixMilli(), c.maxBytes).Err()
	if err != nil {
		return fmt.Errorf("keeping an idempotency record: %w", err)
	}
	return nil
}

// repeatable reports whether a response settles a request, so that sending it
// again must give the same one. It does not if the caller has to prove who it
// is, has to wait, or could not be served.
func repeatable(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status < http.StatusInternalServerError
}

// sign gives the HMAC-SHA256 of parts, such that no two lists of parts give the
// same.
func sign(secret []byte, parts []string) string {
	h := hmac.New(sha256.New, secret)
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}
