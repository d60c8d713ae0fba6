package planner_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/execute"
	"souk/router/plan"
)

// A program keeps nothing of a draft: it is the same as that of a plan, even after other operations were planned
// in the memory of the draft.
func TestProgramsOfDraftsOutliveThem(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("reading the golden plans: %v", err)
	}
	compared := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := open(t, archive)
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".graphql") || f.Name == "supergraph.graphql" {
				continue
			}
			d, err := c.schema.Parse(string(f.Data), "")
			if err != nil {
				continue
			}
			op := d.Operation(nil)
			kept, err := c.planner.Plan(op)
			draft, failed := c.planner.Draft(op)
			if (err == nil) != (failed == nil) || err != nil && err.Error() != failed.Error() {
				t.Fatalf("%s, %s: got the error %v for a draft, and %v for a plan", file, f.Name, failed, err)
			}
			if err != nil {
				continue
			}
			want, _ := json.Marshal(kept)
			got, err := json.Marshal(draft.Plan)
			if err != nil || string(got) != string(want) {
				t.Fatalf("%s, %s: %v: the draft\n%s\ndiffers from the plan\n%s", file, f.Name, err, got, want)
			}
			var programs [2][2]*execute.Program
			for i, o := range []execute.Options{{}, {Cache: struct{ execute.EntityCache }{}}} {
				executor := execute.New(o)
				for j, p := range []*plan.Plan{kept, draft.Plan} {
					if programs[i][j], err = executor.Compile(p); err != nil {
						t.Fatalf("%s, %s: %v", file, f.Name, err)
					}
				}
			}
			draft.Release()
			for range 3 {
				if other, err := c.planner.Draft(op); err == nil {
					other.Release()
				}
			}
			for i := range programs {
				if compared++; !reflect.DeepEqual(programs[i][0], programs[i][1]) {
					t.Errorf("%s, %s: the program of a released draft differs from that of the plan (with a cache: %t)", file, f.Name, i == 1)
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d programs were compared", compared)
	}
}
