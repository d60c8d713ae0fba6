package planner_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"souk/router/plan/planner"
)

// A quick search that ends has the plan of a complete one, and one that does not has no better plan. It ends for
// the operations of the golden files and of the conformance suite.
func TestQuickSearchesThatEndFindTheSamePlan(t *testing.T) {
	outcomes := map[planner.Search]int{}
	for i, o := range readCorpus(t).operations {
		kind, _, _ := strings.Cut(o.name, "/")
		generated := slices.Contains([]string{"random", "oracle", "large", "covers", "shareable"}, kind)
		if (kind == "random" || kind == "oracle") && i%2 > 0 {
			continue // the others are like these
		}
		quick, err := o.quick.Find(o.op, nil, o.labels...)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		complete, err := o.planner.Find(o.op, nil, o.labels...)
		if err != nil {
			t.Fatalf("%s: %v", o.name, err)
		}
		outcomes[quick.Search]++
		switch {
		case quick.Search != planner.Incomplete && !reflect.DeepEqual(quick, complete):
			t.Errorf("%s: a quick search ends %q with the cost %v and another plan than a complete one, with %v", o.name, quick.Search, quick.Cost, complete.Cost)
		case quick.Search == planner.Incomplete && quick.Cost.Better(complete.Cost):
			t.Errorf("%s: a complete search finds the cost %v, and a quick one %v", o.name, complete.Cost, quick.Cost)
		case quick.Search == planner.Incomplete && !generated:
			t.Errorf("%s: the quick search does not end", o.name)
		}
	}
	t.Log(outcomes)
	if outcomes[planner.Exact] < 200 || outcomes[planner.Incomplete] < 50 {
		t.Errorf("got the outcomes %v", outcomes)
	}
}
