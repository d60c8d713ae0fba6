package main

import (
	"context"
	"fmt"
	"io"
)

const (
	besideRounds  = 5
	besideClients = 16
)

// compare lets clients order from two stores in turn, and prints the ratio of
// what they can do.
func compare(ctx context.Context, out io.Writer, stores ...*store) error {
	clients := make([]*client, len(stores))
	sums := make([]*tally, len(stores))
	for i, s := range stores {
		clients[i], sums[i] = &client{store: s}, &tally{name: "all of " + s.name}
		defer clients[i].close()
		if _, err := closed(ctx, clients[i], "warm-up", besideClients, warmUp); err != nil {
			return err
		}
	}
	header(out)
	for range besideRounds {
		for i, c := range clients {
			t, err := closed(ctx, c, c.store.name, besideClients, capacityTime)
			if err != nil {
				return err
			}
			t.print(out)
			sums[i].merge(t)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for _, t := range sums {
		t.print(out)
	}
	a, b := sums[0], sums[1]
	fmt.Fprintf(out, "%s places %.2f times the orders a second of %s, with %.2f times the processor time for each\n",
		stores[0].name, a.goodput()/b.goodput(), stores[1].name, float64(a.perOrder())/float64(b.perOrder()))
	return nil
}

// merge adds another tally.
func (t *tally) merge(o *tally) {
	t.took += o.took
	t.processor += o.processor
	t.clients += o.clients
	for i, n := range o.outcomes {
		t.outcomes[i] += n
	}
	t.latencies = append(t.latencies, o.latencies...)
	if t.failure == nil {
		t.failure = o.failure
	}
}
