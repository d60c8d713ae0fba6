package top

import (
	"fmt"
	"strings"
)

// waterfall draws the fetches of a trace on a time axis of the given width in cells:
//
//	  subgraph     ├──────────────────────────┤      time   size
//	* product      ██████████                       12ms  1.2kB  miss, 3 entities
//
// A star marks the fetches of the critical path.
func waterfall(t Trace, width int) []string {
	if len(t.Fetches) == 0 {
		return []string{"No subgraph was asked."}
	}
	name := 8
	for _, f := range t.Fetches {
		name = max(name, min(18, len([]rune(f.Subgraph))))
	}
	const figures = 1 + 7 + 1 + 7 + 2 // time and size, with gaps
	axis := max(10, min(60, width-2-name-1-figures-24))
	lines := []string{fmt.Sprintf("  %s %s %7s %7s", fit("subgraph", name, false), scale(t.Duration, axis), "time", "size")}
	for _, f := range t.Fetches {
		mark := " "
		if f.Critical {
			mark = "*"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %7s %7s  %s", mark, fit(clean(f.Subgraph), name, false),
			bar(f.Start, f.Duration, t.Duration, axis), duration(f.Duration), size(f.Received), f.outcome()))
		if f.Error != "" {
			lines = append(lines, "    "+clean(f.Error))
		}
	}
	return lines
}

// scale is the axis from 0 to the duration of the trace.
func scale(total float64, width int) string {
	end := duration(total)
	return "0" + strings.Repeat("·", max(0, width-1-len([]rune(end)))) + end
}

// bar draws a time span. It is at least one cell wide and stays within the axis.
func bar(start, length, total float64, width int) string {
	if total <= 0 {
		return strings.Repeat(" ", width)
	}
	cells := func(seconds float64) int { return int(max(0, seconds) / total * float64(width)) }
	from := min(cells(start), width-1)
	to := min(max(cells(start+length), from+1), width)
	return strings.Repeat(" ", from) + strings.Repeat("█", to-from) + strings.Repeat(" ", width-to)
}

// outcome describes what a fetch did apart from time and size.
func (f Fetch) outcome() string {
	var parts []string
	if f.Outcome != "" && f.Outcome != "none" {
		parts = append(parts, "cache "+f.Outcome)
	}
	if f.Entities > 0 {
		parts = append(parts, count(f.Entities)+" entities")
	}
	if f.Retries > 0 {
		parts = append(parts, fmt.Sprintf("%d retries", f.Retries))
	}
	if f.Status != 0 && f.Status != 200 {
		parts = append(parts, fmt.Sprintf("status %d", f.Status))
	}
	return clean(strings.Join(parts, ", "))
}
