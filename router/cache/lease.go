package cache

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/redis/go-redis/v9"
)

// leaseKey begins the keys of leases.
const leaseKey = "l:"

// acquired is what acquire found: the number of leases that this router has now, and of those
// without a value.
type acquired struct{ leases, noValue int }

// acquire creates the leases that do not exist, all at once: of two routers that need the same
// values, one gets all leases. It sets the tokens of the refills whose leases it got, or may have
// got if it fails.
func (s *store) acquire(ctx context.Context, refills []*refill, lease time.Duration) (acquired, error) {
	var a acquired
	token := newToken()
	found := make([]*redis.StringCmd, len(refills))
	_, err := s.get(ctx, s.lease, func(ctx context.Context) ([]any, error) {
		return nil, transact(ctx, s.client, func(pipe redis.Pipeliner) {
			for i, f := range refills {
				key := s.prefix + leaseKey + f.key
				pipe.SetNX(ctx, key, token, lease)
				found[i] = pipe.Get(ctx, key)
			}
		})
	})
	if errors.Is(err, circuitbreaker.ErrOpen) {
		return a, err
	}
	if err != nil {
		// Redis may have created the leases all the same. To end one checks its token.
		for _, f := range refills {
			f.token = cmp.Or(f.token, token)
		}
		return a, err
	}
	for i, f := range refills {
		switch found[i].Val() {
		case token:
			f.token = token
			a.leases++
		case noValue:
			a.noValue++
		}
	}
	return a, nil
}

// endLease deletes a lease if it has still its token, or replaces it by noValue for a time.
var endLease = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])`)

// end adds the command that ends a lease to a pipeline. stored says that the value is there.
func (s *store) end(ctx context.Context, pipe redis.Pipeliner, f *refill, stored bool) {
	if f == nil || f.token == "" {
		return
	}
	with := noValue
	if stored {
		with = ""
	}
	endLease.Eval(ctx, pipe, []string{s.prefix + leaseKey + f.key}, f.token, with, s.refillWait.Milliseconds())
}

// unended returns writes that end the leases of a batch that has failed: the values are lost, so
// nobody should wait for them, which a Redis that comes back, or a replica that becomes the
// primary, would have them do. A lease that has expired needs no end.
func (s *store) unended(batch []write, now time.Time) (late []write) {
	for _, w := range batch {
		f := w.refill
		if f == nil || f.token == "" || len(late) == maxQueued {
			continue
		}
		if f.expires.IsZero() {
			f.expires = now.Add(s.refillWait)
		}
		if now.Before(f.expires) {
			late = append(late, write{refill: f, found: true})
		}
	}
	return late
}
