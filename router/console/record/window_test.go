package record_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"souk/router/console/record"
	"souk/router/execute"
)

// TestStatisticsOfAWindowAgree: all tables and totals of a window cover the same time, whenever
// operations end and are counted, and no operation of the window is missing.
func TestStatisticsOfAWindowAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1_800_000_000+rapid.Int64Range(0, 7200).Draw(t, "start"), 0)}
		r := record.New(record.Options{Now: func() time.Time { return c.Time }, Every: -1})
		defer r.Close()
		started := c.Time
		var ended []time.Time
		for range rapid.IntRange(1, 80).Draw(t, "operations") {
			c.Time = c.Add(time.Duration(rapid.SampledFrom([]int{1, 700, 5_000, 59_000, 200_000}).Draw(t, "gap")) * time.Millisecond)
			o := fail(an(r, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "operation"), time.Millisecond), rapid.SampledFrom([]string{"X", "Y"}).Draw(t, "code"))
			o.Client, o.Fields = rapid.SampledFrom([]string{"web", "app"}).Draw(t, "client"), []uint32{r.Field("Query.f")}
			o.Fetches = append(o.Fetches, execute.FetchStatistics{Subgraph: "s", Sent: 1, Err: errors.New("broken")})
			r.End(o)
			ended = append(ended, c.Time)
			if rapid.Bool().Draw(t, "counted") {
				r.Highest()
			}
		}
		c.Time = c.Add(time.Duration(rapid.IntRange(0, 400_000).Draw(t, "later")) * time.Millisecond)
		for _, window := range []int{60, 61, 300, 301, 900, 901, 3600} {
			checkWindow(t, r, window, c.Time, started, ended)
		}
	})
}

func checkWindow(t *rapid.T, r *record.Recorder, window int, now, started time.Time, ended []time.Time) {
	length := time.Duration(window) * time.Second
	got := map[string]uint64{}
	for _, e := range r.Errors(length) {
		got["errors by code"] += e.Count
		if !slices.ContainsFunc(ended, e.Last.Equal) {
			t.Fatalf("the last %s was at %v, when no operation ended", e.Code, e.Last)
		}
	}
	list, other := r.Operations(length)
	got["operations"] = other.Requests
	for _, o := range list {
		got["operations"] += o.Requests
	}
	callers, other := r.Clients(length)
	got["clients"] = other.Requests
	for _, one := range callers {
		got["clients"] += one.Requests
	}
	total := r.Traffic(window).Total
	subgraph := r.Subgraphs(length)["s"]
	got["traffic"], got["errors of the traffic"] = total.Requests, total.Errors
	got["subgraphs"], got["errors of the subgraphs"] = subgraph.Requests, subgraph.Errors
	if window == 3600 {
		for _, f := range r.FieldUses() {
			got["use of fields"] += f.Requests
		}
	}
	if total.PerSecond() != subgraph.PerSecond() {
		t.Fatalf("window %d: %v/s in all, %v/s of the subgraph", window, total.PerSecond(), subgraph.PerSecond())
	}
	least, most := uint64(0), uint64(0)
	step := time.Duration(10) * time.Second
	switch {
	case window > 900:
		step = 5 * time.Minute
	case window > 300:
		step = time.Minute
	}
	for _, at := range ended {
		if at.After(now.Add(-length)) {
			least++
		}
		if at.After(now.Add(-length - 2*step)) {
			most++
		}
	}
	for name, n := range got {
		if n != total.Requests || n < least || n > most {
			t.Fatalf("window %d at %v since %v: %d in %s, %d in the traffic, want %d to %d", window, now, started, n, name, total.Requests, least, most)
		}
	}
}

// TestErrorsHaveTheirTime: the last error of a code is when it occurred, not when it was counted.
func TestErrorsHaveTheirTime(t *testing.T) {
	r, c := newRecorder(t)
	want := map[string]time.Time{}
	for _, code := range []string{"A", "B", "A", "C"} {
		want[code] = c.Time
		r.End(fail(an(r, code, time.Millisecond), code))
		c.Time = c.Add(130 * time.Millisecond)
	}
	for _, e := range r.Errors(time.Minute) {
		if !e.Last.Equal(want[e.Code]) {
			t.Errorf("%s was last at %v, want %v", e.Code, e.Last, want[e.Code])
		}
	}
}
