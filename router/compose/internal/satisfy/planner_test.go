package satisfy_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/router/compose/internal/satisfy"
	"souk/router/operation"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

// TestPlannerAgrees checks, for random supergraphs, that the planner plans every
// path of a graph that Check accepts, alone and together with all others, and
// none of the examples of a graph that it refuses.
func TestPlannerAgrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sdl := generate(func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "n") })
		if err := compareWithPlanner(sdl); err != nil {
			_, graph, _ := strings.Cut(sdl, "enum join__Graph")
			rt.Fatalf("%v\nenum join__Graph%s", err, graph)
		}
	})
}

func compareWithPlanner(sdl string) error {
	m, err := supergraph.Parse(sdl)
	if err != nil {
		return err
	}
	p, err := newPlanning(m)
	if err != nil {
		return err
	}
	type example struct {
		op     *operation.Operation
		active []string
	}
	var followed []example
	all := map[string]*example{}
	refused, _ := satisfy.CheckFollowing(m, func(op *operation.Operation, active []string) {
		followed = append(followed, example{op, active})
		key := fmt.Sprint(op.Kind, active)
		if all[key] == nil {
			all[key] = &example{op, active}
		} else {
			all[key].op = satisfy.Merge(all[key].op, op)
		}
	})
	for _, e := range refused {
		if e.Code == satisfy.CodeUnsatisfiable {
			if err := p.plan(e.Example()); err == nil {
				return fmt.Errorf("planned, but refused: %s", e.Message)
			}
		}
	}
	if len(refused) > 0 {
		return nil
	}
	for _, e := range followed {
		if err := p.plan(e.op, e.active); err != nil {
			return fmt.Errorf("accepted, but not planned (labels %v): %w\n%s", e.active, err, e.op)
		}
	}
	for _, e := range all {
		if err := p.plan(e.op, e.active); err != nil {
			return fmt.Errorf("accepted, but not planned together (labels %v): %w\n%s", e.active, err, e.op)
		}
	}
	return nil
}

// A planning plans operations on a supergraph.
type planning struct {
	schema  *operation.Schema
	planner *planner.Planner
}

func newPlanning(m *supergraph.Model) (*planning, error) {
	schema, err := operation.NewSchema(m.APISchema)
	if err != nil {
		return nil, err
	}
	return &planning{schema, planner.New(m, planner.Options{})}, nil
}

func (p *planning) plan(op *operation.Operation, active []string) error {
	doc, err := p.schema.Parse(op.String(), "")
	if err != nil {
		return fmt.Errorf("%s is not valid: %w", op, err)
	}
	_, err = p.planner.Plan(doc.Operation(nil), active...)
	return err
}
