package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// The durations of the phases. They add up to less than two minutes.
const (
	warmUp       = 6 * time.Second
	capacityTime = 3 * time.Second
	referTime    = 7 * time.Second
	overloadTime = 10 * time.Second
	// recoveryTime is how long the orders after an overload are watched, from
	// recoveryDelay on.
	recoveryTime  = 7 * time.Second
	recoveryDelay = 2 * time.Second
)

// The goals.
const (
	moderate    = 0.8 // of the capacity is a load that the store can take
	minGoodput  = 0.8 // of the capacity
	maxSlowdown = 2.0 // of the 99th percentile at moderate load
	// minRecovered is the share of orders that must be placed after an overload, of
	// the share before it.
	minRecovered = 0.95
	// busy is the share of idle processors below which the store had no more to use.
	busy = 0.05
)

// overload runs all phases and checks the goals.
func overload(ctx context.Context, out io.Writer, s *store, factors []float64) error {
	c := &client{store: s}
	defer c.close()
	if _, err := closed(ctx, c, "warm-up", 16, warmUp); err != nil {
		return err
	}
	header(out)
	best, clients := 0.0, 0
	for _, n := range []int{4, 8, 16, 32} {
		t, err := closed(ctx, c, fmt.Sprintf("%d clients", n), n, capacityTime)
		if err != nil {
			return err
		}
		t.print(out)
		if t.goodput() > best {
			best, clients = t.goodput(), n
		}
	}
	var all verdict
	for _, factor := range factors {
		v, err := exceed(ctx, out, c, factor, clients)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		all.missed = append(append(all.missed, err), v.missed...)
		all.allowed = append(all.allowed, v.allowed...)
	}
	return all.conclude(out)
}

// A verdict says which goals are missed, and which are met, or not judged, only because of the allowance
// for a machine that other programs use.
type verdict struct {
	missed  []error
	allowed []string
}

// conclude prints the last line, or returns the goals that are missed.
func (v verdict) conclude(out io.Writer) error {
	if err := errors.Join(v.missed...); err != nil {
		return err
	}
	if len(v.allowed) == 0 {
		fmt.Fprintln(out, "every goal is met")
		return nil
	}
	fmt.Fprintf(out, "goals are met only with the allowance for a busy machine; without it: %s; run it on a quiet machine\n", strings.Join(v.allowed, "; "))
	return nil
}

// exceed offers a multiple of the capacity, which a number of clients finds, and
// checks the goals.
func exceed(ctx context.Context, out io.Writer, c *client, factor float64, clients int) (verdict, error) {
	capacity, err := closed(ctx, c, fmt.Sprintf("capacity, %d clients", clients), clients, capacityTime)
	if err != nil {
		return verdict{}, err
	}
	capacity.print(out)
	peak := capacity.goodput()
	run := func(name string, load float64, duration time.Duration) (*tally, error) {
		t, err := open(ctx, c, name, load*peak, duration)
		if err == nil {
			t.print(out)
		}
		return t, err
	}
	reference, err := run("0.8 x", moderate, referTime)
	if err != nil {
		return verdict{}, err
	}
	over, err := run(fmt.Sprintf("%g x", factor), factor, overloadTime)
	if err != nil {
		return verdict{}, err
	}
	recovery, err := run("0.8 x afterwards", moderate, recoveryTime)
	if err != nil {
		return verdict{}, err
	}
	return judge(out, factor, capacity, reference, over, recovery), nil
}

// possible returns the orders a second that the store could have placed in a
// phase: those of its capacity, or, if the clients and other programs used the
// rest of the machine, what the processor time that it got is enough for. What an
// order takes is the mean of the two phases before: sending e-mails lags behind
// at capacity, and catches up afterwards.
func possible(capacity, reference, t *tally) float64 {
	if t.idle >= busy {
		return capacity.goodput()
	}
	orders := capacity.outcomes[placed] + reference.outcomes[placed]
	each := (capacity.processor + reference.processor).Seconds() / float64(max(1, orders))
	return min(capacity.goodput(), t.processor.Seconds()/t.took.Seconds()/each)
}

// judge compares an overload with the goals.
func judge(out io.Writer, factor float64, capacity, reference, over, recovery *tally) verdict {
	share, latency := recovery.after(recoveryDelay)
	limit := time.Duration(maxSlowdown * float64(reference.percentile(99)))
	could := possible(capacity, reference, over)
	// With less processor time, the same work takes longer.
	slower := time.Duration(float64(limit) * capacity.goodput() / could)
	placed := 100 * over.goodput() / capacity.goodput()
	fmt.Fprintf(out, "    goodput %.0f %% of the capacity, %.0f %% of what was possible; p99 %.2f x that at 0.8 x; 2 s later: %.1f %% placed, p99 %.2f x\n",
		placed, 100*over.goodput()/could, ratio(over.percentile(99), reference.percentile(99)), 100*share, ratio(latency, reference.percentile(99)))
	var v verdict
	miss := func(format string, args ...any) {
		v.missed = append(v.missed, fmt.Errorf("%g x: "+format, append([]any{factor}, args...)...))
	}
	allow := func(format string, args ...any) {
		v.allowed = append(v.allowed, fmt.Sprintf("%g x: "+format, append([]any{factor}, args...)...))
	}
	switch {
	case over.goodput() < minGoodput*could:
		miss("%.0f orders a second were placed, less than %.0f %% of %.0f", over.goodput(), 100*minGoodput, could)
	case over.goodput() < minGoodput*capacity.goodput():
		allow("%.1f %% of the capacity were placed, less than %.0f %% (%.0f %% of what was possible)", placed, 100*minGoodput, 100*over.goodput()/could)
	}
	switch p := over.percentile(99); {
	case p >= slower:
		miss("the 99th percentile is %v, not below %v", p, slower)
	case p >= limit:
		allow("the 99th percentile is %.2f x that at 0.8 x, not below %g x", ratio(p, reference.percentile(99)), maxSlowdown)
	}
	least := minRecovered * reference.share()
	// A machine that is too busy for the moderate load says nothing about the recovery.
	if left := possible(capacity, reference, recovery); left < recovery.offered {
		fmt.Fprintf(out, "    other programs left the store time for %.0f orders a second, so its recovery cannot be judged\n", left)
		allow("the recovery is not judged: %.1f %% were placed (goal: %.1f %%), p99 %.2f x (goal: below %g x)", 100*share, 100*least, ratio(latency, reference.percentile(99)), maxSlowdown)
		return v
	}
	if share < least {
		miss("%.1f %% of the orders from 2 s after the overload on were placed, less than %.1f %%", 100*share, 100*least)
	}
	if latency >= limit {
		miss("the 99th percentile from 2 s after the overload on is %v, not below %v", latency, limit)
	}
	return v
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(1, b)) }
