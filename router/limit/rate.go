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

// RateOptions configure a Rate.
type RateOptions struct {
	// Name is the policy's, in headers and keys: "default" if empty.
	Name string
	// Requests may be made in each Interval, all at once or spread.
	Requests int
	Interval time.Duration
	// Redis is where routers count together; nil to count in the process.
	Redis redis.UniversalClient
	// Timeout bounds a decision of Redis: 50 ms if zero.
	Timeout time.Duration
	// Prefix begins all keys: "souk:rate:" if empty.
	Prefix  string
	Metrics *telemetry.Metrics
	// Now is the time in the process: time.Now if nil.
	Now func() time.Time
}

// A Rate limits how often each caller may ask. It is safe for concurrent use.
type Rate struct {
	options  RateOptions
	emission time.Duration // the time one request takes up
	local    *buckets
	breaker  circuitbreaker.CircuitBreaker[any]
	redis    *telemetry.Redis
	policy   []string // the value of RateLimit-Policy
}

// A Decision says whether a request may go on.
type Decision struct {
	Allowed bool
	// Remaining is how many requests may follow at once.
	Remaining int
	// Reset is how long it takes until all may be made again, RetryAfter
	// until one more may.
	Reset, RetryAfter time.Duration
}

const (
	breakerFailures = 5
	breakerDelay    = time.Second
)

// NewRate makes a Rate.
func NewRate(o RateOptions) (*Rate, error) {
	if o.Requests <= 0 || o.Interval <= 0 {
		return nil, fmt.Errorf("rate limit: %d requests in %s: both must be more than 0", o.Requests, o.Interval)
	}
	if o.Interval/time.Duration(o.Requests) < time.Microsecond {
		return nil, errors.New("rate limit: more than a million requests a second cannot be counted")
	}
	if o.Name == "" {
		o.Name = "default"
	}
	if o.Prefix == "" {
		o.Prefix = "souk:rate:"
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
		emission: (o.Interval / time.Duration(o.Requests)).Truncate(time.Microsecond), // as Redis counts
		local:    newBuckets(),
		breaker:  circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerFailures).WithDelay(breakerDelay).Build(),
		redis:    o.Metrics.Redis("limit"),
		policy:   []string{fmt.Sprintf("%q;q=%d;w=%d", o.Name, o.Requests, seconds(o.Interval))},
	}, nil
}

// Allow counts a request of a caller, whatever tells it apart.
func (r *Rate) Allow(ctx context.Context, caller string) Decision {
	m := r.options.Metrics.Limits
	if d, ok := r.shared(ctx, caller); ok {
		count(d, m.Allowed, m.Limited)
		return d
	}
	d := r.decide(r.local.take(caller, r.options.Now(), r.emission, r.interval()))
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

// interval is Requests emissions: Interval but for what division lost.
func (r *Rate) interval() time.Duration { return r.emission * time.Duration(r.options.Requests) }

// decide turns what one bucket says into a Decision: for how long the bucket is
// taken up from now on, and how long a request that was refused has to wait.
func (r *Rate) decide(taken, wait time.Duration) Decision {
	return Decision{
		Allowed:    wait == 0,
		Remaining:  int((r.interval() - taken) / r.emission),
		Reset:      taken,
		RetryAfter: wait,
	}
}

// script is the generic cell rate algorithm. The key holds the time, in
// microseconds, until which the caller's requests take up the bucket; the
// server's clock counts, since those of routers differ. It gives for how long
// the bucket is taken up, and how long a refused request has to wait.
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

// shared lets Redis decide; false if it cannot.
func (r *Rate) shared(ctx context.Context, caller string) (Decision, bool) {
	if r.options.Redis == nil || !r.breaker.TryAcquirePermit() {
		return Decision{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	start := time.Now()
	answer, err := script.Run(ctx, r.options.Redis, []string{r.key(caller)}, r.emission.Microseconds(), r.interval().Microseconds()).Int64Slice()
	r.redis.Duration.Observe(time.Since(start).Seconds())
	if err == nil && len(answer) != 2 {
		err = fmt.Errorf("rate limit: Redis answered %v", answer)
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

// key hides who the caller is, and bounds what a caller can make Redis hold.
func (r *Rate) key(caller string) string {
	sum := sha256.Sum256([]byte(caller))
	return r.options.Prefix + r.options.Name + ":" + base64.RawURLEncoding.EncodeToString(sum[:18])
}
