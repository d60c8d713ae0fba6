package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	var missed []error
	for _, factor := range factors {
		err := exceed(ctx, out, c, factor, clients)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		missed = append(missed, err)
	}
	if err := errors.Join(missed...); err != nil {
		return err
	}
	fmt.Fprintln(out, "every goal is met")
	return nil
}

// exceed offers a multiple of the capacity, which a number of clients finds, and
// checks the goals.
func exceed(ctx context.Context, out io.Writer, c *client, factor float64, clients int) error {
	capacity, err := closed(ctx, c, fmt.Sprintf("capacity, %d clients", clients), clients, capacityTime)
	if err != nil {
		return err
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
		return err
	}
	over, err := run(fmt.Sprintf("%g x", factor), factor, overloadTime)
	if err != nil {
		return err
	}
	recovery, err := run("0.8 x afterwards", moderate, recoveryTime)
	if err != nil {
		return err
	}
	return judge(out, factor, capacity, reference, over, recovery)
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
func judge(out io.Writer, factor float64, capacity, reference, over, recovery *tally) error {
	share, latency := recovery.after(recoveryDelay)
	limit := time.Duration(maxSlowdown * float64(reference.percentile(99)))
	could := possible(capacity, reference, over)
	// With less processor time, the same work takes longer.
	slower := time.Duration(float64(limit) * capacity.goodput() / could)
	fmt.Fprintf(out, "    goodput %.0f %% of the capacity, %.0f %% of what was possible; p99 %.2f x that at 0.8 x; 2 s later: %.1f %% placed, p99 %.2f x\n",
		100*over.goodput()/capacity.goodput(), 100*over.goodput()/could,
		ratio(over.percentile(99), reference.percentile(99)), 100*share, ratio(latency, reference.percentile(99)))
	var missed []error
	miss := func(format string, args ...any) {
		missed = append(missed, fmt.Errorf("%g x: "+format, append([]any{factor}, args...)...))
	}
	if over.goodput() < minGoodput*could {
		miss("%.0f orders a second were placed, less than %.0f %% of %.0f", over.goodput(), 100*minGoodput, could)
	}
	if p := over.percentile(99); p >= slower {
		miss("the 99th percentile is %v, not below %v", p, slower)
	}
	// A machine that is too busy for the moderate load says nothing about the recovery.
	if left := possible(capacity, reference, recovery); left < recovery.offered {
		fmt.Fprintf(out, "    other programs left the store time for %.0f orders a second, so its recovery cannot be judged\n", left)
		return errors.Join(missed...)
	}
	if least := minRecovered * reference.share(); share < least {
		miss("%.1f %% of the orders from 2 s after the overload on were placed, less than %.1f %%", 100*share, 100*least)
	}
	if latency >= limit {
		miss("the 99th percentile from 2 s after the overload on is %v, not below %v", latency, limit)
	}
	return errors.Join(missed...)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(1, b)) }
