package main

import (
	"fmt"
	"io"
	"time"
)

const columns = "%-22s %9s %9s %8s %8s %8s %8s %8s %10s %9s\n"

func header(out io.Writer) {
	fmt.Fprintf(out, columns, "", "offered/s", "placed/s", "refused", "gave up", "failed", "p50 ms", "p99 ms", "CPU ms/ord", "clients %")
}

func (t *tally) print(out io.Writer) {
	offered := "-"
	if t.offered > 0 {
		offered = fmt.Sprintf("%.0f", t.offered)
	}
	fmt.Fprintf(out, columns, t.name, offered, fmt.Sprintf("%.0f", t.goodput()),
		fmt.Sprint(t.outcomes[refused]), fmt.Sprint(t.outcomes[gaveUp]), fmt.Sprint(t.outcomes[failed]),
		milliseconds(t.percentile(50)), milliseconds(t.percentile(99)), milliseconds(t.perOrder()), fmt.Sprintf("%.1f", 100*t.clientShare()))
	if t.failure != nil {
		fmt.Fprintf(out, "    first failure: %v\n", t.failure)
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
