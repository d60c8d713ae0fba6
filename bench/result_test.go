package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRatiosCompareTheSlicesOfOneRound(t *testing.T) {
	floor := []sample{{requests: 100, cpu: 10 * time.Millisecond}, {requests: 50, cpu: 10 * time.Millisecond}}
	program := []sample{{requests: 10, cpu: 2 * time.Millisecond}, {requests: 10, cpu: time.Millisecond}}
	if got, want := ratios(program, floor), []float64{2, 0.5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ratios(program[:1], []sample{{requests: 1}}); len(got) > 0 {
		t.Errorf("got %v for a floor without processor time", got)
	}
}

func TestPercentileIsAMeasuredValue(t *testing.T) {
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(i+1))
	}
	for percent, want := range map[int]time.Duration{1: 2, 50: 100, 99: 198, 100: 200} {
		if got := percentile(took, percent); got != want {
			t.Errorf("percentile %d is %d, want %d", percent, got, want)
		}
	}
	if got := percentile(took[:1], 1); got != 1 {
		t.Errorf("got %d of one value", got)
	}
}

func TestMedianLeavesTheListUnsorted(t *testing.T) {
	list := []float64{3, 1, 2, 9}
	if got := median(list); got != 2 || list[0] != 3 {
		t.Errorf("got %v of %v", got, list)
	}
}

func TestTotalAddsRounds(t *testing.T) {
	got := total([]sample{
		{requests: 1, subgraphRequests: 2, cpu: 3, wall: 4, p50: 5, p99: 9, resident: 7},
		{requests: 10, subgraphRequests: 20, cpu: 30, wall: 40, p50: 6, p99: 8, resident: 5},
	})
	want := sample{requests: 11, subgraphRequests: 22, cpu: 33, wall: 44, p50: 5, p99: 8, resident: 7}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSummaryNamesTheGoalOfTheRouterWithoutDeduplication(t *testing.T) {
	one := []sample{{requests: 1000, subgraphRequests: 2000, cpu: time.Second, wall: time.Second}}
	list := []*contender{
		{process: &process{name: "floor"}, samples: one},
		{process: &process{name: "souk"}, samples: []sample{{requests: 500, subgraphRequests: 500, cpu: time.Second, wall: time.Second}}},
		{process: &process{name: "other"}, samples: one},
	}
	lines := summarise(list, setting{dedupeOff, 2}, 1.5)
	for i, want := range [][]string{
		{"off", "2", "floor", "1000.0", "1.00", "2.00"},
		{"off", "2", "souk", "2000.0", "2.00", "2.00–2.00", "500", "1.00", "(goal: 1.50)"},
		{"off", "2", "other", "1000.0", "1.00", "1.00–1.00"},
	} {
		for _, part := range want {
			if !slices.Contains(strings.Fields(lines[i]), part) && !strings.HasSuffix(lines[i], part) {
				t.Errorf("line %q has no %q", lines[i], part)
			}
		}
	}
	if strings.Contains(strings.Join(summarise(list, setting{dedupeDefault, 0}, 1.5), ""), "goal") {
		t.Error("there is a goal for everybody's defaults")
	}
}
