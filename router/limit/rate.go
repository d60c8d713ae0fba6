package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/go-redis/v9"

	"souk/router/telemetry"
)

// RateOptions configure a rate limit.
type RateOptions struct {
	// Name is the name of the policy in headers and Redis keys: "default" if
	// empty.
	Name string
	// Requests is the number of requests allowed in each Interval, in a burst
	// or spread over it. For a limit on costs it is a cost.
	Requests int
	// Costs is set if the limit is on costs.
	Costs    bool
	Interval time.Duration
	// Redis holds the counts shared by all routers. If nil, the process counts.
	Redis redis.Cmdable
	// KeyPrefix begins all keys in Redis.
	KeyPrefix string
	// Timeout bounds a call to Redis: 50 ms if zero.
	Timeout time.Duration
	Metrics *telemetry.Metrics
	// Now is the clock for counts in the process: time.Now if nil.
	Now func() time.Time
}

// keys begins all keys in Redis, after RateOptions.KeyPrefix.
const keys = "souk:rate:"

// A Rate limits the requests of each caller, or what they cost. It is safe for concurrent use.
type Rate struct {
	options  RateOptions
	emission time.Duration // the time for which one request occupies the bucket
	local    *buckets
	breaker  circuitbreaker.CircuitBreaker[any]
	redis    *telemetry.Redis
	policy   string // the item in RateLimit-Policy
}

// A Decision is the result of counting a request.
type Decision struct {
	Allowed bool
	// Never is set if the limit allows no request of this cost.
	Never bool
	// Remaining is the number of requests that are allowed immediately.
	Remaining int
	// Reset is the time until the full limit is available again. RetryAfter is
	// the time until the next request is allowed.
	Reset, RetryAfter time.Duration
}

const (
	breakerFailures = 5
	breakerDelay    = time.Second
)

// NewRate returns a rate limit.
func NewRate(o RateOptions) (*Rate, error) {
	if o.Requests <= 0 || o.Interval <= 0 {
		return nil, fmt.Errorf("rate limit of %d requests in %s: both values must be greater than 0", o.Requests, o.Interval)
	}
	if o.Interval/time.Duration(o.Requests) < time.Microsecond {
		return nil, errors.New("rate limit: at most a million requests per second can be counted; lower requests or raise interval")
	}
	if o.Name == "" {
		o.Name = "default"
	}
	if o.Timeout == 0 {
		o.Timeout = 50 * time.Millisecond
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Rate{
		options:  o,
		emission: (o.Interval / time.Duration(o.Requests)).Truncate(time.Microsecond), // the resolution in Redis
		local:    newBuckets(),
		breaker:  circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerFailures).WithDelay(breakerDelay).Build(),
		redis:    o.Metrics.Redis("limit"),
		policy:   fmt.Sprintf("%q;q=%d;w=%d", o.Name, o.Requests, seconds(o.Interval)),
	}, nil
}

// Allow counts n requests of a caller, or a cost of n. It never fails: while Redis is
// unavailable, the process counts. More than Requests are never allowed, and not counted.
func (r *Rate) Allow(ctx context.Context, caller string, n int) Decision {
	m := r.options.Metrics.Limits
	if n > r.options.Requests {
		m.Limited.Inc()
		return Decision{Never: true}
	}
	if d, ok := r.shared(ctx, caller, n); ok {
		count(d, m.Allowed, m.Limited)
		return d
	}
	d := r.decide(r.local.take(caller, r.options.Now(), r.emission*time.Duration(n), r.interval()))
	count(d, m.LocalAllowed, m.LocalLimited)
	return d
}

func count(d Decision, allowed, limited interface{ Inc() }) {
	if d.Allowed {
		allowed.Inc()
	} else {
		limited.Inc()
	}
}

// interval is Requests times emission: Interval without the remainder of the
// division.
func (r *Rate) interval() time.Duration { return r.emission * time.Duration(r.options.Requests) }

// decide converts the state of a bucket to a Decision. taken is the time for which
// the bucket is occupied and wait the waiting time of a rejected request.
func (r *Rate) decide(taken, wait time.Duration) Decision {
	return Decision{
		Allowed:    wait == 0,
		Remaining:  int((r.interval() - taken) / r.emission),
		Reset:      taken,
		RetryAfter: wait,
	}
}

// script implements the generic cell rate algorithm. ARGV: the time for which the request
// occupies the bucket, and the interval, in microseconds. The key holds the time, in
// microseconds, until which the caller's requests occupy the bucket. It uses the
// clock of the Redis server, because the clocks of routers differ. It returns how
// long the bucket is occupied from now on and, for a rejected request, how long to
// wait.
var script = redis.NewScript(`
local emission, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local until_ = tonumber(redis.call('GET', KEYS[1]) or now)
if until_ < now then until_ = now end
local wait = until_ + emission - interval - now
if wait > 0 then return {until_ - now, wait} end
until_ = until_ + emission
redis.call('SET', KEYS[1], string.format('%.0f', until_), 'PX', math.ceil((until_ - now) / 1000))
return {until_ - now, 0}
`)

// shared decides with Redis. It returns false if Redis is not configured or
// unavailable.
func (r *Rate) shared(ctx context.Context, caller string, n int) (Decision, bool) {
	if r.options.Redis == nil || !r.breaker.TryAcquirePermit() {
		return Decision{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	start := time.Now()
	answer, err := script.Run(ctx, r.options.Redis, []string{r.key(caller)}, r.emission.Microseconds()*int64(n), r.interval().Microseconds()).Int64Slice()
	r.redis.Duration.Observe(time.Since(start).Seconds())
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("rate limit: unexpected reply from Redis: %v", answer)
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.redis.Errors.Inc()
		}
		r.breaker.RecordFailure()
		return Decision{}, false
	}
	r.breaker.RecordSuccess()
	return r.decide(time.Duration(answer[0])*time.Microsecond, time.Duration(answer[1])*time.Microsecond), true
}

// key returns the Redis key of a caller. The hash hides the caller's identity and
// bounds the length of the key.
func (r *Rate) key(caller string) string {
	sum := sha256.Sum256([]byte(caller))
	return r.options.KeyPrefix + keys + r.options.Name + ":" + base64.RawURLEncoding.EncodeToString(sum[:18])
}
