package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	header = "dedupe   procs  program         µs/request   x floor  (rounds)       requests/s    p50 ms    p99 ms  subgraph/request  MiB"
	row    = "%-8s %-6s %-14s %11.1f  %8s  %-13s %11.0f  %8.2f  %8.2f  %16.2f  %3d%s"
)

// perRequest returns the processor time of one request.
func (s sample) perRequest() time.Duration { return s.cpu / time.Duration(s.requests) }

// ratios compares a program with the floor, round by round.
func ratios(program, floor []sample) []float64 {
	var out []float64
	for i := range program {
		if base := floor[i].perRequest(); base > 0 {
			out = append(out, float64(program[i].perRequest())/float64(base))
		}
	}
	return out
}

// median returns the median of a list that is not empty.
func median[T cmp.Ordered](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}

// percentile returns a percentile of a sorted list that is not empty.
func percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// total adds the samples of a program. The latencies are medians of the rounds, and the memory is
// the largest.
func total(list []sample) sample {
	var out sample
	var p50, p99 []time.Duration
	for _, s := range list {
		out.requests += s.requests
		out.subgraphRequests += s.subgraphRequests
		out.wall += s.wall
		out.cpu += s.cpu
		out.resident = max(out.resident, s.resident)
		p50, p99 = append(p50, s.p50), append(p99, s.p99)
	}
	out.p50, out.p99 = median(p50), median(p99)
	return out
}

// summarise returns a line for each program. The first one is the floor, and the second one has a
// goal.
func summarise(list []*contender, s setting, goal float64) []string {
	var lines []string
	procs := "all"
	if s.procs > 0 {
		procs = strconv.Itoa(s.procs)
	}
	for i, c := range list {
		t := total(c.samples)
		ratio, spread, note := "1.00", "", ""
		if i > 0 {
			found := ratios(c.samples, list[0].samples)
			if ratio = "?"; len(found) > 0 {
				ratio = fmt.Sprintf("%.2f", median(found))
				spread = fmt.Sprintf("%.2f–%.2f", slices.Min(found), slices.Max(found))
			}
		}
		if i == 1 && s.dedupe == dedupeOff {
			note = fmt.Sprintf("  (goal: %.2f)", goal)
		}
		lines = append(lines, fmt.Sprintf(row, s.dedupe, procs, c.name, float64(t.perRequest().Nanoseconds())/1e3, ratio, spread,
			float64(t.requests)/t.wall.Seconds(), milliseconds(t.p50), milliseconds(t.p99),
			float64(t.subgraphRequests)/float64(t.requests), t.resident>>20, note))
	}
	return lines
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
