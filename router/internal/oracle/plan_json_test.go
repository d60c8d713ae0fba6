package oracle_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"souk/router/execute"
	"souk/router/internal/oracle"
	"souk/router/plan"
)

// A plan that went through JSON is the same plan, and executes to the same
// bytes.
func TestPlanReadFromJSONExecutesToTheSameBytes(t *testing.T) {
	const seeds, each = 8, 40
	for seed := *firstSeed; seed < *firstSeed+seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			subgraphs := oracle.Split(seed)
			sdl, err := supergraphOf(t.Context(), subgraphs)
			if err != nil {
				t.Skipf("the subgraphs do not fit together: %v", err)
			}
			for _, faults := range []bool{false, true} {
				r := newRouter(t, sdl, oracle.Options{Seed: seed, Faults: faults, Subgraphs: subgraphs})
				rng := rand.New(rand.NewPCG(seed, 3))
				for range each {
					r.checkJSON(t, r.world.Generate(rng.IntN))
				}
			}
		})
	}
}

func (r *router) checkJSON(t *testing.T, op oracle.Operation) {
	t.Helper()
	document, err := r.schema.Parse(op.Query, "")
	if err != nil {
		return // fields of one name do not merge
	}
	variables, err := document.Variables(op.Variables)
	if err != nil {
		t.Fatalf("variables %s of %s: %v", op.Variables, op.Query, err)
	}
	made, err := r.planner.Plan(document.Operation(variables))
	if err != nil {
		t.Fatalf("no plan: %v\n%s", err, op.Query)
	}
	var text bytes.Buffer
	if err := plan.WriteJSON(&text, made); err != nil {
		t.Fatal(err)
	}
	read, err := plan.ReadJSON(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatalf("the plan cannot be read: %v\n%s", err, text.Bytes())
	}
	if !reflect.DeepEqual(made, read) {
		t.Errorf("the plan that was read differs:\n%s\n%s", explain(made), explain(read))
	}
	var bodies [2]string
	for i, p := range []*plan.Plan{made, read} {
		program, err := r.executor.Compile(p)
		if err != nil {
			t.Fatalf("no program: %v\n%s\n%s", err, op.Query, text.Bytes())
		}
		response := r.executor.Execute(t.Context(), &execute.Request{Program: program, Variables: variables, Internals: true})
		bodies[i] = string(response.Body)
		response.Release()
	}
	if bodies[0] != bodies[1] {
		t.Errorf("operation %s\nplanned  %s\nfrom JSON %s", op.Query, bodies[0], bodies[1])
	}
}
