package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"souk/subgraphs"
)

// A pace says when parts are killed.
type pace struct {
	first time.Duration // until the first outage
	down  time.Duration // how long a part is down
	up    time.Duration // between two outages
}

// slow leaves time for retries, timeouts and circuit breakers.
var slow = pace{first: 8 * time.Second, down: 3 * time.Second, up: 4 * time.Second}

// An outage kills a part of the store and restarts it.
type outage struct {
	name  string
	kill  func() error
	start func(context.Context) error
}

type outages []outage

// everyPart lists the parts in the order in which they are killed.
var everyPart = slices.Concat([]string{redisPart}, subgraphs.Names(), []string{payments, postgresPart, routerPart})

const redisPart, postgresPart, routerPart = "Redis", "Postgres", "router"

// outages returns the outages of each part: one of Redis, Postgres, the payment
// provider and the router, and two of a service, which has two replicas. It
// moves these programs to processes of their own, so that they can be killed;
// stop ends the processes.
func (t *testRun) outages(ctx context.Context, parts []string) (list outages, stop func() error, err error) {
	binary := filepath.Join(t.dir, "souk")
	if err := build(ctx, t.top, binary); err != nil {
		return nil, nil, err
	}
	f := &fleet{store: t.store, binary: binary, logs: t.results}
	for _, name := range parts {
		found, err := t.outagesOf(ctx, f, name)
		if err != nil {
			return nil, nil, errors.Join(err, f.stop())
		}
		list = append(list, found...)
	}
	return list, f.stop, nil
}

func (t *testRun) outagesOf(ctx context.Context, f *fleet, part string) (outages, error) {
	switch part {
	case redisPart:
		return outages{t.redisOutage()}, nil
	case postgresPart:
		return outages{{part, t.store.StopPostgres, t.store.StartPostgres}}, nil
	case payments:
		p, err := f.payment(ctx)
		return outages{{part, p.kill, p.start}}, err
	case routerPart:
		p, err := f.router(ctx, filepath.Join(t.top, "manifests/08-api-gateway.yaml"), filepath.Join(t.top, "schema"))
		return outages{{part, p.kill, p.start}}, err
	}
	s, err := f.service(ctx, part)
	if err != nil {
		return nil, err
	}
	return outages{
		{part + ", one of two", s.replicas[0].kill, s.replicas[0].start},
		{part + ", both", s.kill, s.start},
	}, nil
}

func (t *testRun) redisOutage() outage {
	if t.redis == nil {
		return outage{redisPart, t.store.StopRedis, t.store.StartRedis}
	}
	return outage{redisPart, func() error { t.redis.kill(); return nil }, t.redis.start}
}

// run kills and restarts one part after another.
func (o outages) run(ctx context.Context, out io.Writer, p pace) error {
	wait(ctx, p.first)
	for _, part := range o {
		began := time.Now()
		if err := part.kill(); err != nil {
			return fmt.Errorf("killing %s: %w", part.name, err)
		}
		wait(ctx, p.down)
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("restarting %s: %w", part.name, err)
		}
		fmt.Fprintf(out, "  %-24s killed, back after %.1f s\n", part.name, time.Since(began).Seconds())
		wait(ctx, p.up)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
