package top

import (
	"cmp"
	"fmt"
	"slices"

	"charm.land/lipgloss/v2"
)

// The tables, in the order of their tabs.
const (
	operations = iota
	subgraphs
	clients
	failures
	tableCount
)

// The styles use the colours of the terminal's own palette, which suits dark and light
// backgrounds. No meaning is in a colour alone.
var (
	titleStyle    = lipgloss.NewStyle().Bold(true)
	faintStyle    = lipgloss.NewStyle().Faint(true)
	selectedStyle = lipgloss.NewStyle().Reverse(true)
	badStyle      = lipgloss.NewStyle().Foreground(lipgloss.Red)
	warnStyle     = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// tables returns the tables of a snapshot.
func (s *Snapshot) tables() [tableCount]table {
	return [tableCount]table{
		operations: s.operationTable(),
		subgraphs:  s.subgraphTable(),
		clients:    s.clientTable(),
		failures:   s.failureTable(),
	}
}

// errorStyle marks shares of errors that deserve attention.
func errorStyle(ratio float64) lipgloss.Style {
	switch {
	case ratio >= 0.05:
		return badStyle
	case ratio > 0:
		return warnStyle
	}
	return lipgloss.NewStyle()
}

func errorShare(ratio float64) cell {
	c := figure(ratio, share)
	c.style = errorStyle(ratio)
	return c
}

// hits is the share of cache hits; "–" if the cache was not asked.
func hits(ratio *float64) cell {
	if ratio == nil {
		return cell{text: "–", number: -1}
	}
	return figure(*ratio, share)
}

// cells are the latencies, in the order of latencyColumns.
func (l Latencies) cells() []cell {
	out := make([]cell, 0, 3)
	for _, seconds := range []*float64{l.P50, l.P95, l.P99} {
		one := cell{text: "–", number: -1}
		if seconds != nil {
			one = figure(*seconds, duration)
		}
		out = append(out, one)
	}
	return out
}

// text is the latencies in one line.
func (l Latencies) text() string {
	c := l.cells()
	return fmt.Sprintf("p50 %s   p95 %s   p99 %s", c[0].text, c[1].text, c[2].text)
}

// latencyColumns are the columns of the latencies.
var latencyColumns = []column{
	{title: "P50", width: 6, right: true, optional: 3},
	{title: "P95", width: 6, right: true},
	{title: "P99", width: 6, right: true, optional: 1},
}

// inFlight is the column of what is in progress.
func inFlight(optional int) column {
	return column{title: "IN FLIGHT", width: 10, right: true, optional: optional}
}

func (s *Snapshot) operationTable() table {
	t := table{
		name: "Operations", sort: 2,
		empty: "No operation ran in this time.",
		columns: slices.Concat([]column{
			{title: "OPERATION", ascending: true},
			{title: "KIND", width: 5, ascending: true, optional: 7},
			{title: "REQ/S", width: 6, right: true},
			{title: "ERR", width: 5, right: true},
		}, latencyColumns, []column{
			{title: "TOTAL", width: 6, right: true, optional: 4},
			{title: "FETCH", width: 6, right: true, optional: 2},
			{title: "CACHE", width: 6, right: true, optional: 5},
			inFlight(6),
		}),
	}
	named := map[string]int{}
	for _, o := range s.Operations {
		named[o.Name]++
	}
	for _, o := range s.Operations {
		title := o.title()
		if o.Name != "" && named[o.Name] > 1 {
			title += fmt.Sprintf(" %.8s", o.Hash)
		}
		t.rows = append(t.rows, row{id: o.id(), cells: slices.Concat([]cell{
			plain(title),
			plain(kinds[o.Kind]),
			figure(o.Rate, rate),
			errorShare(o.ErrorRate),
		}, o.cells(), []cell{
			figure(o.Total, duration),
			figure(o.Fetches, func(n float64) string { return fmt.Sprintf("%.1f", n) }),
			hits(o.CacheHits),
			figure(o.InFlight, count),
		})})
	}
	if o := s.Other; o.Requests > 0 || o.InFlight > 0 {
		none := cell{text: "–", number: -1}
		t.rows = append(t.rows, row{id: otherID, cells: slices.Concat([]cell{
			plain(o.title()), plain(""), figure(o.Rate, rate), errorShare(o.ErrorRate),
		}, o.cells(), []cell{none, none, none, figure(o.InFlight, count)})})
	}
	return t
}

// otherID identifies the row of the operations without one of their own.
const otherID = "\x00other"

// title says how many requests were rejected before their operation was known.
func (o Other) title() string {
	if o.Rejected > 0 {
		return fmt.Sprintf("(other, %s rejected)", count(o.Rejected))
	}
	return "(other)"
}

// kinds are short names of the kinds of operations.
var kinds = map[string]string{"query": "query", "mutation": "mut", "subscription": "sub"}

// id identifies the operation. Some operations of one document have the same hash.
func (o Operation) id() string { return o.Hash + "\x00" + o.Name }

// title returns the operation's name, or the beginning of its hash.
func (o Operation) title() string {
	return cmp.Or(o.Name, fmt.Sprintf("(unnamed %.8s)", o.Hash))
}

func (s *Snapshot) subgraphTable() table {
	t := table{
		name: "Subgraphs", sort: 0,
		empty: "The router has no subgraphs.",
		columns: slices.Concat([]column{
			{title: "SUBGRAPH", ascending: true},
			{title: "HEALTH", width: 8, ascending: true},
			{title: "BREAKER", width: 9, ascending: true, optional: 2},
			{title: "REQ/S", width: 6, right: true},
			{title: "ERR", width: 5, right: true},
		}, latencyColumns, []column{
			inFlight(4),
			{title: "SHARED", width: 7, right: true, optional: 7},
			{title: "REFUSED", width: 8, right: true, optional: 5},
			{title: "RETRIES", width: 8, right: true, optional: 6},
		}),
	}
	for _, g := range s.Subgraphs {
		health, breaker := plain(g.Health), plain(g.Breaker)
		if g.Health == "failing" {
			health.style = badStyle
		}
		if g.Breaker == "open" {
			breaker.style = badStyle
		}
		refused := figure(g.Refused, count)
		if g.Refused > 0 {
			refused.style = badStyle
		}
		t.rows = append(t.rows, row{id: g.Name, cells: slices.Concat([]cell{
			plain(g.Name), health, breaker, figure(g.Rate, rate), errorShare(g.ErrorRate),
		}, g.cells(), []cell{
			figure(g.InFlight, count), figure(g.Shared, count), refused, figure(g.Retries, count),
		})})
	}
	return t
}

func (s *Snapshot) clientTable() table {
	t := table{
		name: "Clients", sort: 2,
		empty: "No client sent a request in this time.",
		columns: slices.Concat([]column{
			{title: "CLIENT", ascending: true},
			{title: "VERSION", width: 14, ascending: true, optional: 2},
			{title: "REQ/S", width: 6, right: true},
			{title: "REQS", width: 7, right: true, optional: 4},
			{title: "ERR", width: 5, right: true},
		}, latencyColumns, []column{inFlight(5)}),
	}
	for _, c := range s.Clients {
		failed := 0.0
		if c.Requests > 0 {
			failed = c.Errors / c.Requests
		}
		t.rows = append(t.rows, row{id: c.Name + "\x00" + c.Version, cells: slices.Concat([]cell{
			plain(cmp.Or(c.Name, "(unknown)")), plain(c.Version), figure(c.Rate, rate),
			figure(c.Requests, count), errorShare(failed),
		}, c.cells(), []cell{figure(c.InFlight, count)})})
	}
	return t
}

func (s *Snapshot) failureTable() table {
	t := table{
		name: "Errors", sort: 1,
		empty: "No errors in this time.",
		columns: []column{
			{title: "CODE", width: 28, ascending: true},
			{title: "COUNT", width: 6, right: true},
			{title: "LAST", width: 7, right: true},
			{title: "SUBGRAPH", width: 12, ascending: true, optional: 1},
			{title: "MESSAGE", ascending: true},
		},
	}
	for _, f := range s.Errors {
		// The number sorts the newest error first; the text says how long ago it was.
		last := cell{text: span(s.Info.Now.Sub(f.Last)), number: float64(f.Last.UnixMilli())}
		t.rows = append(t.rows, row{id: f.Code + "\x00" + f.Subgraph, cells: []cell{
			plain(f.Code), figure(f.Count, count), last, plain(cmp.Or(f.Subgraph, "–")), plain(f.Message),
		}})
	}
	return t
}
