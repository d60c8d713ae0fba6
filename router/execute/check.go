package execute

import (
	"errors"
	"fmt"
	"slices"

	"souk/router/operation"
	"souk/router/plan"
)

// checkPlan finds contradictions in a plan, so that compiling it cannot fail in
// the middle. A planner makes none, but a plan may have been read from a file.
func checkPlan(p *plan.Plan) error {
	for i, f := range p.Fetches {
		if f.ID != i {
			return fmt.Errorf("fetch %d has the ID %d", i, f.ID)
		}
		if err := checkFetch(p, f); err != nil {
			return fmt.Errorf("fetch %d: %w", i, err)
		}
	}
	for i, d := range p.Deferred {
		if d.ID != i+1 || d.Parent < 0 || d.Parent >= d.ID {
			return fmt.Errorf("deferred payload %d has the ID %d and the parent %d", i+1, d.ID, d.Parent)
		}
	}
	return checkFields(p.Projection, len(p.Deferred))
}

// checkFields refuses fields of deferred payloads that do not exist.
func checkFields(fields []*plan.Field, payloads int) error {
	for _, f := range fields {
		wrong := func(id int) bool { return id < 0 || id > payloads }
		if i := slices.IndexFunc(f.AlsoDeferredIn, wrong); i >= 0 || wrong(f.DeferID) {
			id := f.DeferID
			if i >= 0 {
				id = f.AlsoDeferredIn[i]
			}
			return fmt.Errorf("field %q is in the deferred payload %d, which does not exist", f.ResponseKey, id)
		}
		if err := checkFields(f.Fields, payloads); err != nil {
			return err
		}
	}
	return nil
}

func checkFetch(p *plan.Plan, f *plan.Fetch) error {
	for _, before := range f.DependsOn {
		if before < 0 || before >= f.ID {
			return fmt.Errorf("depends on fetch %d, which does not come before it", before)
		}
	}
	if f.DeferID < 0 || f.DeferID > len(p.Deferred) {
		return fmt.Errorf("is for the deferred payload %d, which does not exist", f.DeferID)
	}
	stream := f.Kind == plan.SubscriptionFetch
	if stream != (f.OperationKind == operation.Subscription) || stream && f.ID != 0 {
		return fmt.Errorf("a %s cannot send a %s here", f.Kind, f.OperationKind)
	}
	if f.FallbackFor != nil {
		of := *f.FallbackFor
		if f.Kind != plan.EntitiesFetch || !slices.Contains(f.DependsOn, of) || p.Fetches[of].Kind != plan.EntitiesFetch {
			return fmt.Errorf("cannot be a fallback for fetch %d", of)
		}
	}
	switch f.Kind {
	case plan.RootFetch, plan.SubscriptionFetch:
		return errors.Join(checkPath(f.Path), checkSelections(f.Selections))
	case plan.EntitiesFetch:
		if len(f.Entities) == 0 {
			return errors.New("fetches no entities")
		}
		for _, e := range f.Entities {
			if err := checkEntities(e); err != nil {
				return fmt.Errorf("%s: %w", e.ResponseKey, err)
			}
		}
		return nil
	default:
		return fmt.Errorf("unknown kind %q", f.Kind)
	}
}

func checkEntities(e *plan.EntityFetch) error {
	if len(e.Targets) == 0 {
		return errors.New("has no targets")
	}
	if len(e.Arguments) > 0 && len(e.Targets) != 1 {
		return fmt.Errorf("has context arguments and %d targets", len(e.Targets))
	}
	for _, t := range e.Targets {
		if err := checkPath(t.Path); err != nil {
			return err
		}
	}
	for _, a := range e.Arguments {
		for _, from := range a.Sources {
			if from.Depth < 0 || from.Depth >= len(e.Targets[0].Path) {
				return fmt.Errorf("$%s is not from an ancestor", a.Variable)
			}
		}
	}
	return errors.Join(e.CheckContextArguments(), checkSelections(e.Selections))
}

// checkPath refuses paths through a type name, which is no object.
func checkPath(path []plan.Segment) error {
	for _, s := range path {
		if s.StorageKey == typenameKey {
			return errors.New("a path contains __typename")
		}
	}
	return nil
}

// checkSelections refuses fields that share a response key but not the place
// that the value is stored in.
func checkSelections(selections plan.Selections) error {
	if selections = unwrap(selections); isFlat(selections) {
		for _, sel := range selections {
			if err := checkSelections(sel.(*plan.SelectedField).Selections); err != nil {
				return err
			}
		}
		return nil
	}
	storageKeys := map[string]string{}
	var check func(list plan.Selections) error
	check = func(list plan.Selections) error {
		for _, sel := range list {
			switch sel := sel.(type) {
			case *plan.InlineFragment:
				if err := check(sel.Selections); err != nil {
					return err
				}
			case *plan.SelectedField:
				if key, ok := storageKeys[sel.ResponseKey]; ok && key != sel.StorageKey {
					return fmt.Errorf("%s is stored both as %s and as %s", sel.ResponseKey, key, sel.StorageKey)
				}
				storageKeys[sel.ResponseKey] = sel.StorageKey
			}
		}
		return nil
	}
	if err := check(selections); err != nil {
		return err
	}
	for _, f := range selections.Flatten() {
		if err := checkSelections(f.Selections); err != nil {
			return err
		}
	}
	return nil
}
