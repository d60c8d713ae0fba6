package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// details is what is shown below a row: its figures, and a trace if there is one.
type details struct {
	table  int
	id     string // of the row
	kind   string // the kind of trace: latest, slowest or failing
	trace  Trace
	loaded string // the ID of the trace in trace
	asked  string // the ID of the trace that was asked for
	failed error  // why there is no trace
}

// traceKinds are the traces that an operation offers.
var traceKinds = []string{"latest", "slowest", "failing"}

// traceID returns the ID of the trace that the details show; empty if there is none.
func (d *details) traceID(s *Snapshot) string {
	switch d.table {
	case operations:
		if o := find(s.Operations, func(o Operation) bool { return o.id() == d.id }); o != nil {
			return map[string]string{"latest": o.Traces.Latest, "slowest": o.Traces.Slowest, "failing": o.Traces.Failing}[d.kind]
		}
	case failures:
		if f := find(s.Errors, func(f Failure) bool { return f.Code+"\x00"+f.Subgraph == d.id }); f != nil {
			return f.Trace
		}
	}
	return ""
}

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}

// lines returns the text, wrapped to a width.
func (d *details) lines(s *Snapshot, width int) []string {
	var lines []string
	switch d.table {
	case operations:
		lines = d.operation(s)
	case subgraphs:
		lines = d.subgraph(s)
	case clients:
		lines = d.client(s)
	case failures:
		lines = d.failure(s)
	}
	if (d.table == operations || d.table == failures) && d.id != otherID {
		lines = append(append(lines, ""), d.traceLines(s, width)...)
	}
	if d.table == operations {
		lines = append(lines, d.document(s)...)
	}
	var wrapped []string
	for _, line := range lines {
		wrapped = append(wrapped, strings.Split(ansi.Wrap(line, max(1, width), ""), "\n")...)
	}
	return wrapped
}

const gone = "This row has no figures in this time."

func (d *details) operation(s *Snapshot) []string {
	if o := s.Other; d.id == otherID {
		return []string{
			titleStyle.Render("other operations"),
			fmt.Sprintf("requests %s (%s/s)   errors %s (%s)   in flight %s   %s", count(o.Requests), rate(o.Rate), count(o.Errors), share(o.ErrorRate), count(o.InFlight), o.text()),
			fmt.Sprintf("%s were rejected before their operation was known, as by the rate limit.", count(o.Rejected)),
			"The others are rare operations without figures of their own.",
		}
	}
	o := find(s.Operations, func(o Operation) bool { return o.id() == d.id })
	if o == nil {
		return []string{gone}
	}
	lines := []string{
		titleStyle.Render(clean(o.Kind + " " + o.title())),
		faintStyle.Render(clean(o.Hash)),
		fmt.Sprintf("requests %s (%s/s)   errors %s (%s)   total time %s", count(o.Requests), rate(o.Rate), count(o.Errors), share(o.ErrorRate), duration(o.Total)),
		fmt.Sprintf("%s   in flight %s   fetches %.1f   cache %s%s", o.text(), count(o.InFlight), o.Fetches, hits(o.CacheHits).text, o.cost()),
	}
	if len(o.Deprecated) > 0 {
		lines = append(lines, warnStyle.Render("uses deprecated fields: "+clean(strings.Join(o.Deprecated, ", "))))
	}
	return lines
}

// cost describes the estimated and the actual cost, as far as they are known.
func (o Operation) cost() string {
	var costs []string
	if o.Cost.Estimated != nil {
		costs = append(costs, count(*o.Cost.Estimated)+" estimated")
	}
	if o.Cost.Actual != nil {
		costs = append(costs, count(*o.Cost.Actual)+" actual")
	}
	if len(costs) == 0 {
		return ""
	}
	return "   cost " + strings.Join(costs, ", ")
}

func (d *details) document(s *Snapshot) []string {
	o := find(s.Operations, func(o Operation) bool { return o.id() == d.id })
	if o == nil || o.Document == "" {
		return nil
	}
	lines := []string{"", titleStyle.Render("Document")}
	for line := range strings.Lines(o.Document) {
		lines = append(lines, clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "  ")))
	}
	return lines
}

func (d *details) subgraph(s *Snapshot) []string {
	g := find(s.Subgraphs, func(g Subgraph) bool { return g.Name == d.id })
	if g == nil {
		return []string{gone}
	}
	lines := []string{
		titleStyle.Render("subgraph " + clean(g.Name)),
		clean(g.URL),
		fmt.Sprintf("health %s   breaker %s   in flight %s", clean(g.Health), clean(g.Breaker), count(g.InFlight)),
		fmt.Sprintf("requests %s/s   errors %s   %s", rate(g.Rate), share(g.ErrorRate), g.text()),
		fmt.Sprintf("not sent: shared %s, refused %s   sent again %s", count(g.Shared), count(g.Refused), count(g.Retries)),
	}
	if !g.Since.IsZero() {
		lines = append(lines, fmt.Sprintf("%s for %s", clean(g.Health), span(s.Info.Now.Sub(g.Since))))
	}
	if g.Error != "" {
		lines = append(lines, badStyle.Render("last error: "+clean(g.Error)))
	}
	return lines
}

func (d *details) client(s *Snapshot) []string {
	c := find(s.Clients, func(c Caller) bool { return c.Name+"\x00"+c.Version == d.id })
	if c == nil {
		return []string{gone}
	}
	return []string{
		titleStyle.Render(strings.TrimSpace("client " + clean(c.Name) + " " + clean(c.Version))),
		fmt.Sprintf("requests %s (%s/s)   errors %s   in flight %s   %s", count(c.Requests), rate(c.Rate), count(c.Errors), count(c.InFlight), c.text()),
	}
}

func (d *details) failure(s *Snapshot) []string {
	f := find(s.Errors, func(f Failure) bool { return f.Code+"\x00"+f.Subgraph == d.id })
	if f == nil {
		return []string{gone}
	}
	lines := []string{
		titleStyle.Render("error " + clean(f.Code)),
		fmt.Sprintf("count %s   last %s ago, at %s", count(f.Count), span(s.Info.Now.Sub(f.Last)), f.Last.UTC().Format(time.DateTime)),
	}
	if f.Subgraph != "" {
		lines = append(lines, "subgraph "+clean(f.Subgraph))
	}
	return append(lines, clean(f.Message))
}

// traceLines returns the trace with its waterfall, or why there is none.
func (d *details) traceLines(s *Snapshot, width int) []string {
	kind := d.kind
	if d.table == failures {
		kind = "failing"
	}
	title := titleStyle.Render("Trace (" + kind + ")")
	switch {
	case d.traceID(s) == "" && d.loaded == "":
		return []string{title, "The router keeps no such trace."}
	case d.failed != nil:
		return []string{title, badStyle.Render(clean(d.failed.Error()))}
	case d.loaded == "":
		return []string{title, "Reading the trace …"}
	}
	t := d.trace
	lines := []string{
		title + " " + faintStyle.Render(clean(t.ID)),
		fmt.Sprintf("%s   %s   status %d%s", t.Time.UTC().Format(time.DateTime), duration(t.Duration), t.Status, from(t)),
	}
	if len(t.Stages) > 0 {
		var stages []string
		for _, stage := range t.Stages {
			stages = append(stages, clean(stage.Name)+" "+duration(stage.Duration))
		}
		lines = append(lines, strings.Join(stages, "   "))
	}
	for _, e := range t.Errors {
		lines = append(lines, badStyle.Render(strings.TrimSpace(clean(e.Code+" "+e.Message))))
	}
	return append(lines, waterfall(t, width)...)
}

// from names the client of a trace.
func from(t Trace) string {
	if t.Client.Name == "" {
		return ""
	}
	return "   client " + strings.TrimSpace(clean(t.Client.Name+" "+t.Client.Version))
}
