package planner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/operation"
)

// Plannings use each other's memory again. A plan must keep nothing of it, and must not depend on
// what was planned before or at the same time.
func TestPlansDoNotShareMemory(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("reading the golden plans: %v", err)
	}
	var work sync.WaitGroup
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		archive := txtar.Parse(data)
		c := open(t, archive)
		ops := map[*operation.Operation][]byte{}
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".graphql") || f.Name == "supergraph.graphql" {
				continue
			}
			if d, err := c.schema.Parse(string(f.Data), ""); err == nil {
				ops[d.Operation(nil)] = nil
			}
		}
		for op := range ops {
			ops[op] = planned(t, c, op)
		}
		for range 4 {
			work.Go(func() {
				for op, want := range ops {
					if got := planned(t, c, op); string(got) != string(want) {
						t.Errorf("%s: the plan of %s differs from the first one:\n%s\n%s", file, op, want, got)
					}
				}
			})
		}
	}
	work.Wait()
}

// planned plans an operation, plans others, and returns the first plan as JSON, or an error.
func planned(t *testing.T, c *testCase, op *operation.Operation) []byte {
	t.Helper()
	p, err := c.planner.Plan(op)
	if err != nil {
		return []byte(err.Error())
	}
	before, err := json.Marshal(p)
	if err != nil {
		t.Error(err)
	}
	for range 3 {
		if _, err := c.planner.Plan(op); err != nil {
			t.Error(err)
		}
	}
	after, err := json.Marshal(p)
	if err != nil || string(before) != string(after) {
		t.Errorf("a later planning changed the plan of %s (%v):\n%s\n%s", op, err, before, after)
	}
	return after
}
