package oracle_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"souk/router/internal/oracle"
	"souk/router/plan/planner"
)

// TestPlansByLatencyMatchMonolith executes the plans that differ because of random latencies.
func TestPlansByLatencyMatchMonolith(t *testing.T) {
	differing := 0
	for seed := *firstSeed; seed < *firstSeed+*graphs; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			subgraphs := oracle.Split(seed)
			sdl, err := supergraphOf(t.Context(), subgraphs)
			if err != nil {
				t.Skipf("the subgraphs do not compose: %v", err)
			}
			for _, faults := range []bool{false, true} {
				r := newRouter(t, sdl, oracle.Options{Seed: seed, Faults: faults, Subgraphs: subgraphs})
				rng := rand.New(rand.NewPCG(seed, 3))
				for range (*operations + 2) / 3 {
					op := r.world.Generate(rng.IntN)
					latencies := planner.Latencies{}
					for _, name := range slices.Sorted(maps.Keys(subgraphs)) {
						latencies[name] = []time.Duration{time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second}[rng.IntN(4)]
					}
					document, err := r.schema.Parse(op.Query, "")
					if err != nil {
						continue // conflicting fields
					}
					variables, err := document.Variables(op.Variables)
					if err != nil {
						t.Fatal(err)
					}
					r.latencies = nil
					usual, err := r.plan(document.Operation(variables))
					r.latencies = latencies
					byLatency, errByLatency := r.plan(document.Operation(variables))
					if err != nil || errByLatency != nil {
						t.Fatalf("no plan: %v, by latency: %v\n%s", err, errByLatency, op.Query)
					}
					if reflect.DeepEqual(usual, byLatency) {
						continue
					}
					differing++
					if !r.check(t, op) {
						t.Fatalf("latencies %v", latencies)
					}
				}
			}
		})
	}
	if differing == 0 {
		t.Error("latencies change no plan")
	}
	t.Logf("%d plans differ", differing)
}
