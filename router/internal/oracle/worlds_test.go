package oracle_test

import (
	"math/rand/v2"
	"testing"

	"souk/router/compose"
	"souk/router/internal/oracle"
	"souk/router/operation"
	"souk/router/supergraph"
)

// composeWorld splits a graph by seed and composes it; nil when the subgraphs
// do not fit together.
func composeWorld(t *testing.T, seed uint64) (sdl string, w *oracle.World) {
	t.Helper()
	subgraphs := oracle.Split(seed)
	var list []compose.Subgraph
	for name, sdl := range subgraphs {
		list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: sdl})
	}
	sdl, err := compose.Compose(t.Context(), list)
	if err != nil {
		t.Logf("seed %d: %v", seed, err)
		return "", nil
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, sdl)
	}
	w, err = oracle.New(oracle.Options{Seed: seed, API: model.APISchema, Subgraphs: subgraphs})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return sdl, w
}

func TestGeneratedWorldsAreOfUse(t *testing.T) {
	const worlds, operations = 20, 50
	composed, valid := 0, 0
	for seed := range uint64(worlds) {
		sdl, w := composeWorld(t, seed)
		if w == nil {
			continue
		}
		composed++
		model, err := supergraph.Parse(sdl)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := operation.NewSchema(model.APISchema)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		for range operations {
			op := w.Generate(rng.IntN)
			if _, err := schema.Parse(op.Query, ""); err != nil {
				t.Log(err, op.Query)
				continue
			}
			valid++
			result, err := w.Monolith(op.Query, op.Values())
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, op.Query)
			}
			if len(result.Data) == 0 {
				t.Fatalf("no data for %s", op.Query)
			}
		}
	}
	t.Logf("%d of %d worlds composed, %d operations valid", composed, worlds, valid)
	if composed < worlds/2 || valid < composed*operations/2 {
		t.Errorf("%d of %d worlds compose and %d operations are valid: too few", composed, worlds, valid)
	}
}
